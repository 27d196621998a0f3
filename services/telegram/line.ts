import type { BotApi, InlineKeyboardMarkup, MessageEntity } from './api.ts'
import { TelegramFault } from './faults.ts'
import { createPace } from './pace.ts'

export type Words = { text: string; entities?: readonly MessageEntity[]; keyboard?: InlineKeyboardMarkup | undefined }

const UNCHANGED = /message is not modified/i
const GONE = /message to edit not found|message can't be edited/i

export type Line = ReturnType<typeof createLine>

/** What a bot says, at the pace that Telegram takes, always without previews of links. Rejects with a TelegramFault. */
export function createLine(api: BotApi) {
  const pace = createPace()

  async function paced<T>(chatId: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    await pace.turn(chatId, signal)
    return work().catch((error: unknown) => {
      if (error instanceof TelegramFault && error.code === 429) pace.hold(error.retryAfterMs ?? 1_000)
      throw error
    })
  }

  const content = ({ text, entities, keyboard }: Words) => ({
    text,
    ...(entities && entities.length > 0 ? { entities: [...entities] } : {}),
    ...(keyboard ? { reply_markup: keyboard } : {}),
    link_preview_options: { is_disabled: true },
  })

  return {
    api,
    isFree: pace.isFree,

    /** The number of the new message. `replyTo`: where it stands under the message that asked. */
    async send(chatId: string, words: Words, { replyTo, signal }: { replyTo?: number; signal?: AbortSignal } = {}) {
      const reply = replyTo === undefined ? {} : { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } } // prettier-ignore
      const { message_id } = await paced(chatId, signal, () =>
        api.call('sendMessage', { chat_id: chatId, ...content(words), ...reply }, signal ? { signal } : {}),
      )
      return message_id
    },

    /** Puts other words into a message; false where it is no longer there. May be done again and again. */
    async edit(chatId: string, messageId: number, words: Words, signal?: AbortSignal): Promise<boolean> {
      try {
        await paced(chatId, signal, () =>
          api.call(
            'editMessageText',
            { chat_id: chatId, message_id: messageId, ...content(words) },
            signal ? { signal } : {},
          ),
        )
        return true
      } catch (error) {
        if (!(error instanceof TelegramFault) || error.code !== 400) throw error
        if (UNCHANGED.test(error.description)) return true
        if (GONE.test(error.description)) return false
        throw error
      }
    },

    async sendFile(chatId: string, file: { name: string; content: Buffer }, signal?: AbortSignal): Promise<number> {
      const document = await api.file(file.content, file.name)
      const { message_id } = await paced(chatId, signal, () =>
        api.call('sendDocument', { chat_id: chatId, document }, signal ? { signal } : {}),
      )
      return message_id
    },

    /** That somebody is at work; no loss where it does not arrive. */
    typing: (chatId: string): void =>
      void api.call('sendChatAction', { chat_id: chatId, action: 'typing' }).catch(() => {}),
  }
}
