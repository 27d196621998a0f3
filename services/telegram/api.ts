import type { Api, RawApi } from 'grammy'
import { telegramFault } from './faults.ts'

export type { CallbackQuery, Chat, InlineKeyboardMarkup, Message, MessageEntity, Update, User } from 'grammy/types'

export type BotApi = ReturnType<typeof createBotApi>
type Patience = { signal?: AbortSignal; ms?: number }
type Method = keyof RawApi
type Payload<M extends Method> = Parameters<RawApi[M]>[0]
type Result<M extends Method> = Awaited<ReturnType<RawApi[M]>>

/** A call that takes longer is given up; its fate is not known then. */
const CALL_MS = 20_000

const KINDS = ['message', 'edited_message', 'callback_query'] as const

/** One bot's calls to the Bot API. grammY is loaded with the first of them. Rejects with a TelegramFault. */
export function createBotApi({ token, apiRoot }: { token: string; apiRoot: string | undefined }) {
  let opened: Promise<Api> | undefined

  async function open(): Promise<Api> {
    // @NOTE a bundled CommonJS package has a default export only.
    const { default: grammy } = await import('grammy')
    return new grammy.Api(token, { ...(apiRoot === undefined ? {} : { apiRoot }), timeoutSeconds: 60 })
  }

  const bot = (): Promise<Api> => (opened ??= open())

  async function within<T>(
    { signal, ms = CALL_MS }: Patience,
    made: (raw: RawApi, ending: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { raw } = await bot()
    const timeout = AbortSignal.timeout(ms)
    return made(raw, signal ? AbortSignal.any([signal, timeout]) : timeout).catch((error: unknown) => {
      signal?.throwIfAborted()
      throw telegramFault(error)
    })
  }

  const call = <M extends Method>(method: M, payload: Payload<M>, patience: Patience = {}): Promise<Result<M>> =>
    within(patience, (raw, ending) =>
      (raw[method] as (payload: unknown, signal: AbortSignal) => Promise<Result<M>>)(payload, ending),
    )

  return {
    call,
    /** A file to be sent. */
    async file(content: Buffer, name: string) {
      const { default: grammy } = await import('grammy')
      return new grammy.InputFile(content, name)
    },
    me: () => within({}, (raw, ending) => raw.getMe(ending as never)),
    apiRoot: apiRoot ?? 'https://api.telegram.org',
    token,

    /**
     * What has come in since `offset`, which confirms all before it; Telegram waits for it as long as `waitS`, and counts as
     * silent after `silentMs`. Without an offset, all that is unconfirmed.
     */
    news: (offset: number | undefined, { waitS, silentMs }: { waitS: number; silentMs: number }, signal: AbortSignal) =>
      call(
        'getUpdates',
        { ...(offset === undefined ? {} : { offset }), limit: 100, timeout: waitS, allowed_updates: [...KINDS] },
        { signal, ms: silentMs },
      ),
  }
}
