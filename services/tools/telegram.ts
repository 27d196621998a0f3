import { z } from 'zod'
import { operation, UncertainError, type Reach, type Tool } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import type { Outbox } from '../outbox/outbox.ts'
import { lazy } from '../shapes/lazy.ts'
import { addressOfChat, type Body } from '../telegram/door.ts'
import type { ListedChat } from '../telegram/chats.ts'
import { render } from '../telegram/markdown.ts'
import { chatPlace, placeOfChat } from '../telegram/replies.ts'
import { named, quoted } from './wording.ts'

const MOST_CHARS = 4_000

type Args = { chat_id: string; message: string }

export type TelegramToolDeps = {
  telegramChats: { list(userId: string): ListedChat[]; find(userId: string, chatId: string): ListedChat | undefined }
  outbox: Pick<Outbox, 'dispatch' | 'find' | 'resolve'>
}

/** Messages to the chats on the list. What was sent is known by the call's own id. */
export function createTelegramTool({ telegramChats: chats, outbox }: TelegramToolDeps): Tool {
  function reachOf(chat: ListedChat | undefined, chatId: string): Reach {
    const kind = chat ? (chat.owner ? 'owner' : 'listed') : 'other'
    return { destinations: [{ address: placeOfChat(chatId), class: kind }] }
  }

  /** The chat that was decided on, as long as it is still what it was then. */
  function decided(reach: Reach, userId: string, chatId: string): ListedChat {
    const chat = chats.find(userId, chatId)
    const [then] = reach.destinations ?? []
    const [today] = reachOf(chat, chatId).destinations!
    if (chat && then?.address === today!.address && then.class === today!.class) return chat
    throw new AppError('conflict', 'The chat was changed in the meantime. Try again.')
  }

  const send = operation<Args>({
    description: 'Send a message (Markdown) to a listed Telegram chat, by its number',
    input: lazy(() =>
      z.strictObject({
        chat_id: z.union([z.string(), z.number().int().transform(String)]).pipe(z.string().trim().min(1).max(32)),
        message: z.string().trim().min(1).max(MOST_CHARS),
      }),
    ),
    effect: 'send',
    destructive: false,
    attendedOnly: false,
    yields: { integrity: 'owner', privacy: 'private' },
    recovery: 'verify',
    verify: async (_args, { callId }) => {
      const state = outbox.find(callId)?.state
      if (state === 'delivered') return 'done'
      return state === 'sending' || state === 'uncertain' ? 'unknown' : 'not_done'
    },
    inspect: ({ chat_id }, userId) => reachOf(chats.find(userId, chat_id), chat_id),
    describe: ({ chat_id, message }, userId) =>
      `Send to the Telegram chat ${quoted(chats.find(userId, chat_id)?.label ?? chat_id, 64)}: ${quoted(message, 300)}.`,
    run: async ({ chat_id: chatId, message }, { userId, runId, callId, signal, labels }, reach) => {
      const chat = decided(reach, userId, chatId)
      const rule = labels.integrity === 'owner' ? {} : { mayLink: () => false }
      const { text, entities } = await render(message, { ...rule, filesFrom: Infinity })
      const body = JSON.stringify({ kind: 'tool', text: text || message, entities } satisfies Body)
      const about = { id: callId, userId, runId, callId, door: 'telegram' } as const
      const outcome = await outbox.dispatch({ ...about, address: addressOfChat(userId, chatId), body }, signal)
      const { state, error } = outcome
      if (state === 'delivered') return { content: `Sent to ${chat.label}.`, summary: `Sent to ${chat.label}` }
      if (state === 'uncertain') throw new UncertainError(`It is not known whether ${chat.label} got it. ${error}`)
      if (state === 'queued')
        return { content: `Not sent yet: ${error} Steward tries again by itself; do not send it again.` }
      throw new AppError('upstream_failed', `It could not be sent to ${chat.label}. ${error ?? 'Steward is closing.'}`)
    },
    settle: (answer, _args, { callId }) => outbox.resolve(callId, answer),
  })

  return {
    name: 'telegram',
    description: 'Messages to Telegram chats.',
    operations: { send_message: send },
    known: (userId) =>
      named(
        'Chats',
        chats.list(userId).map(({ chatId, label }) => `${chatId} (${label})`),
      ),
    addressOf: (_userId, destination) => chatPlace(destination),
  }
}
