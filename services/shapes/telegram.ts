import { z } from 'zod'
import { lazy } from './lazy.ts'

/** What the routes and the page say of Telegram. */

/** What may be told in the owner's chats. */
export const NOTICE_KINDS = ['approval', 'result', 'trouble', 'missed', 'budget'] as const
export type NoticeKind = (typeof NOTICE_KINDS)[number]

const Label = lazy(() => z.string().trim().min(1).max(64))
const AgentId = lazy(() => z.string().min(1).max(64))
const Words = lazy(() => z.string().trim().min(1).max(200))

/** As Telegram writes it: digits, with a minus in front for groups. */
export const ChatId = lazy(() =>
  z
    .union([z.string().trim(), z.number().int().transform(String)])
    .pipe(
      z.string().regex(/^-?[1-9]\d{0,19}$/, 'the number of a chat, like 123456789; send /start to your bot to see it'),
    ),
)

export const BotConfigChange = lazy(() =>
  z
    .strictObject({
      bot_token: z
        .string()
        .trim()
        .max(200)
        .regex(/^(\d+:[\w-]+)?$/, 'a token as BotFather writes it, like 123456789:AAH…')
        .nullable(),
      enabled: z.boolean(),
      default_agent_id: AgentId().nullable(),
      max_age_s: z.number().int().min(30).max(86_400),
      deadline_s: z.number().int().min(4).max(600),
      notices: z.array(z.enum(NOTICE_KINDS)).max(NOTICE_KINDS.length),
    })
    .partial(),
)

export const ChatDraft = lazy(() =>
  z.strictObject({ chat_id: ChatId(), label: Label().optional(), owner: z.boolean().optional() }),
)
export const ChatChange = lazy(() => z.strictObject({ label: Label(), owner: z.boolean() }).partial())

export const TriggerDraft = lazy(() =>
  z.strictObject({
    trigger_word: Words(),
    agent_id: AgentId(),
    enabled: z.boolean().optional(),
    position: z.number().int().min(0).max(1_000_000).optional(),
  }),
)
export const TriggerChange = lazy(() => TriggerDraft().partial())
