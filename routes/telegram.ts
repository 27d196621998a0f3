import { z } from 'zod'
import type { Services } from '../services/index.ts'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { BotConfigChange, ChatChange, ChatDraft, ChatId, NOTICE_KINDS } from '../services/shapes/telegram.ts'
import type { ListedChat } from '../services/telegram/chats.ts'
import { endpoint } from './endpoint.ts'

const Config = lazy(() =>
  z.object({
    bot_token_set: z.boolean(),
    status: z.enum(['stopped', 'starting', 'running', 'error']),
    last_error: z.string().nullable(),
    last_heard_at: Time().nullable(),
    bot: z.object({ id: z.string(), username: z.string(), name: z.string() }).nullable(),
    enabled: z.boolean(),
    default_agent_id: z.string().nullable(),
    max_age_s: z.number().int(),
    deadline_s: z.number().int(),
    notices: z.array(z.enum(NOTICE_KINDS)),
  }),
)
const Chat = lazy(() =>
  z
    .object({ chat_id: z.string(), label: z.string(), owner: z.boolean(), created_at: Time() })
    .meta({ id: 'TelegramChat' }),
)
const ByChat = lazy(() => z.object({ chat_id: z.string() }))

const AT = '2026-11-22T08:00:00.000Z'
const EXAMPLE_CHAT = { chat_id: '123456789', label: 'My phone', owner: true, created_at: AT }
function shownConfig(userId: string, { telegram }: Services): z.infer<ReturnType<typeof Config>> {
  const { botId, username, name, enabled, defaultAgentId, ...bot } = telegram.config(userId)
  return {
    bot_token_set: botId !== null,
    status: bot.status,
    last_error: bot.lastError,
    last_heard_at: bot.heardAt,
    bot: botId === null ? null : { id: botId, username: username ?? '', name: name ?? '' },
    enabled,
    default_agent_id: defaultAgentId,
    max_age_s: bot.maxAgeS,
    deadline_s: bot.deadlineS,
    notices: bot.notices,
  }
}

const shownChat = ({ chatId, label, owner, createdAt }: ListedChat) => ({
  chat_id: chatId,
  label,
  owner,
  created_at: createdAt,
})

const of = { tag: 'Telegram', role: 'user' } as const

export const telegramEndpoints = [
  endpoint({
    ...of,
    method: 'get',
    path: '/api/telegram/config',
    scopes: ['read'],
    summary: 'The bot, and how it is',
    description:
      'The token is never shown. `status` is `error` with `last_error` while Telegram cannot be listened to; `last_heard_at`: when it last answered a question for news since the bot was started.',
    output: Config,
    example: {
      bot_token_set: true,
      status: 'running' as const,
      last_error: null,
      last_heard_at: AT,
      bot: { id: '123456', username: 'my_steward_bot', name: 'Steward' },
      enabled: true,
      default_agent_id: null,
      max_age_s: 600,
      deadline_s: 75,
      notices: ['approval' as const, 'trouble' as const],
    },
    handle: (_input, { services, who }) => shownConfig(who.user.id, services),
  }),
  endpoint({
    ...of,
    method: 'post',
    path: '/api/telegram/config',
    scopes: ['admin'],
    summary: 'Set the bot up',
    description:
      'What is left out stays. A `bot_token` is tried at Telegram before it is kept; null or an empty one takes it away. `default_agent_id`: who answers where no trigger fits; null for Steward itself. `max_age_s`: messages that were sent longer ago, while Steward was away, are reported and not acted on. `deadline_s`: how long Telegram may be silent before you are told. `notices`: which notifications are told in your own chats; questions come with buttons.',
    body: BotConfigChange,
    output: Ok,
    errors: ['invalid', 'conflict', 'upstream_failed'],
    example: OK,
    exampleBody: { default_agent_id: null },
    handle: async ({ body }, { services, who }) => {
      const { bot_token: token, default_agent_id: defaultAgentId, max_age_s: maxAgeS, deadline_s: deadlineS } = body
      const { enabled, notices } = body
      const change = { token, enabled, defaultAgentId, maxAgeS, deadlineS, notices }
      await services.telegram.set(who.user.id, change, who.actor)
      return OK
    },
  }),
  ...(
    [
      ['start', 'on', 'Start the bot', 'It also starts with Steward from now on.'],
      ['stop', 'off', 'Stop the bot', 'What is sent to it meanwhile waits at Telegram, for a day.'],
      ['restart', 'anew', 'Stop the bot and start it again', 'Without waiting for the next attempt after a failure.'],
    ] as const
  ).map(([name, how, summary, description]) =>
    endpoint({
      ...of,
      method: 'post',
      path: `/api/telegram/${name}`,
      scopes: ['admin'],
      summary,
      description,
      output: Ok,
      errors: ['conflict'],
      example: OK,
      handle: async (_input, { services, who }) => {
        await services.telegram.turn(who.user.id, how, who.actor)
        return OK
      },
    }),
  ),
  endpoint({
    ...of,
    method: 'post',
    path: '/api/telegram/link',
    scopes: [],
    sessionOnly: true,
    summary: 'Bind a private chat as one of your own',
    description:
      'Send /link to the bot and enter the code that it answers: six characters, good once, for five minutes and five tries.',
    body: lazy(() => z.strictObject({ code: z.string().trim().min(1).max(20) })),
    output: lazy(() => z.object({ ok: z.literal(true), chat_id: z.string(), label: z.string() })),
    errors: ['invalid', 'expired'],
    example: { ok: true as const, chat_id: '123456789', label: 'Anna (@anna)' },
    exampleBody: { code: 'K7M2QX' },
    handle: ({ body }, { services, who }) => {
      const { chatId, label } = services.telegram.link(who.user.id, body.code, who.actor)
      return { ok: true as const, chat_id: chatId, label }
    },
  }),
  endpoint({
    ...of,
    method: 'post',
    path: '/api/telegram/test',
    scopes: ['admin'],
    summary: 'Send a test message to a listed chat',
    body: lazy(() => z.strictObject({ chat_id: ChatId() })),
    output: lazy(() => z.object({ ok: z.boolean(), error: z.string().optional() })),
    errors: ['not_found', 'conflict'],
    example: { ok: true },
    exampleBody: { chat_id: '123456789' },
    handle: ({ body }, { services, who }) => services.telegram.test(who.user.id, body.chat_id, who.actor),
  }),
  endpoint({
    ...of,
    method: 'get',
    path: '/api/telegram/whitelist',
    scopes: ['read'],
    summary: 'The chats that the bot talks in',
    output: lazy(() => z.array(Chat())),
    example: [EXAMPLE_CHAT],
    handle: (_input, { services, who }) => services.telegram.chats.list(who.user.id).map(shownChat),
  }),
  endpoint({
    ...of,
    method: 'post',
    path: '/api/telegram/whitelist',
    scopes: ['admin'],
    status: 201,
    summary: 'List a chat',
    description:
      '`owner`: your own private chat, whose words are yours; true for private chats unless said otherwise. Groups (negative numbers) are always others’ too.',
    body: ChatDraft,
    output: Chat,
    errors: ['invalid', 'conflict'],
    example: EXAMPLE_CHAT,
    exampleBody: { chat_id: '123456789', label: 'My phone' },
    creates: { showsSecret: false },
    handle: ({ body: { chat_id: chatId, label, owner } }, { services, who }) =>
      shownChat(services.telegram.chats.add(who.user.id, { chatId, label, owner }, who.actor)),
  }),
  endpoint({
    ...of,
    method: 'put',
    path: '/api/telegram/whitelist/{chat_id}',
    scopes: ['admin'],
    summary: 'Change a listed chat',
    params: ByChat,
    body: ChatChange,
    output: Ok,
    errors: ['invalid', 'not_found'],
    example: OK,
    exampleBody: { label: 'The family’s tablet', owner: false },
    handle: ({ params, body }, { services, who }) => {
      services.telegram.chats.change(who.user.id, params.chat_id, body, who.actor)
      return OK
    },
  }),
  endpoint({
    ...of,
    method: 'delete',
    path: '/api/telegram/whitelist/{chat_id}',
    scopes: ['admin'],
    summary: 'Take a chat off the list',
    params: ByChat,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => {
      services.telegram.chats.remove(who.user.id, params.chat_id, who.actor)
      return OK
    },
  }),
]
