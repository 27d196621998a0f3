import type { InsideSteward } from '../../tests/peers/inside.ts'
import { startTelegram, TOKEN } from '../../tests/peers/telegram.ts'

/** A real bot for the tool that owners have, and a Bot API that notes what left the house. */
export type Phone = AsyncDisposable & {
  env: Record<string, string>
  /** A bot with the owner's chat and one of others. */
  furnish: (steward: InsideSteward) => Promise<void>
  effects: () => string[]
  forget: () => void
}

const OWN_CHAT = '4711'
const LISTED_CHAT = '8000'

export async function openPhone(): Promise<Phone> {
  const bot = await startTelegram()
  return {
    env: bot.env,

    async furnish({ owner }) {
      const answers = [
        await owner.post('/api/telegram/whitelist', { chat_id: OWN_CHAT, label: 'My phone' }),
        await owner.post('/api/telegram/whitelist', { chat_id: LISTED_CHAT, label: 'Partner', owner: false }),
        await owner.post('/api/telegram/config', { bot_token: TOKEN, notices: [] }),
      ]
      const refused = answers.find(({ status }) => status >= 300)
      if (refused) throw new Error(`The phone could not be furnished: ${refused.text}`)
    },

    effects: () =>
      bot.calls
        .filter(({ method }) => method === 'sendMessage' || method === 'editMessageText')
        .map(({ payload: { chat_id, text: message } }) => {
          const words = `telegram.send_message ${JSON.stringify({ chat_id, message })}`
          return chat_id === OWN_CHAT ? `owner: ${words}` : words
        }),
    forget: () => void (bot.calls.length = 0),
    [Symbol.asyncDispose]: () => bot[Symbol.asyncDispose](),
  }
}
