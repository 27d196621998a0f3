import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The Bot API (https://core.telegram.org/bots/api) on loopback, as far as Steward uses it, with people who write to the bot. */

export const TOKEN = '123456:AAHtest-token-of-a-bot-at-telegram'
export const BOT = { id: 123456, is_bot: true, first_name: 'Steward', username: 'steward_test_bot' }

export type Call = { method: string; payload: any; at: number }
/** A message as it stands in a chat, with everything that was done to it since. */
export type Standing = {
  message_id: number
  chat_id: string
  text: string
  entities: any[]
  reply_markup?: any
  link_preview_options?: any
  /** What it said before, the oldest first. */
  before: string[]
  document?: { name: string; content: string }
}

/** In place of the usual answer, for one call or more. `cut`: done, and then the connection breaks. `drop`: not done. */
export type Trouble =
  { status: number; description: string; retryAfter?: number } | { cut: true } | { drop: true } | { waitMs: number }

export type TelegramPeer = AsyncDisposable & {
  url: string
  env: Record<string, string>
  calls: Call[]
  /** The messages of the bot in a chat, as they stand. */
  said: (chat: number | string) => Standing[]
  /** Everything that was sent or edited, in order. */
  texts: (chat: number | string) => string[]
  /** Somebody writes; answers the update. */
  write: (text: string, more?: Writing) => any
  /** Puts an update in as it is. */
  push: (update: object) => number
  /** Somebody presses a button under a message of the bot. */
  press: (message: Standing, button: string, by?: { from?: number }) => number
  /** A file that can be fetched by this id. */
  addFile: (id: string, content: Buffer) => void
  /** From now on, for the next calls of a method that this holds for. */
  trouble: (method: string, what: Trouble, times?: number) => void
  /** Resolves once this holds; looks after every call. */
  until: <T>(holds: () => T | undefined | false | null, ms?: number) => Promise<T>
  /** Updates that were not confirmed yet. */
  pending: () => number
  /** Moves its clock on. */
  later: (ms: number) => void
  /** Answers to callback queries. */
  answers: { id: string; text: string; alert: boolean }[]
  /** More calls at once to getUpdates are a conflict, as at Telegram. */
  polling: () => number
}

export type Writing = {
  chat?: number
  from?: number
  group?: boolean
  name?: string
  date?: number
  id?: number
  update?: number
  edited?: boolean
  more?: object
}

export async function startTelegram({ token = TOKEN, port = 0 } = {}): Promise<TelegramPeer> {
  const calls: Call[] = []
  const chats = new Map<string, Standing[]>()
  const texts = new Map<string, string[]>()
  const files = new Map<string, Buffer>()
  const troubles: { method: string; what: Trouble; left: number }[] = []
  const answers: TelegramPeer['answers'] = []
  const waiting = new Set<() => void>()
  let updates: { update_id: number }[] = []
  let nextUpdate = 700_000_000
  let nextMessage = 1
  let ahead = 0
  const seconds = () => Math.floor((Date.now() + ahead) / 1000)
  let poll: ((conflict: boolean) => void) | undefined

  const looked = () => [...waiting].forEach((look) => look())

  function push(update: object): number {
    const update_id = (update as any).update_id ?? nextUpdate++
    updates.push({ ...update, update_id })
    poll?.(false)
    return update_id
  }

  function write(text: string, w: Writing = {}): any {
    const { chat = 42, from = w.group ? 42 : chat, name = 'Anna', date = seconds() } = w
    const message = {
      message_id: w.id ?? nextMessage++,
      date,
      chat: w.group
        ? { id: chat, type: 'supergroup', title: 'Family' }
        : { id: chat, type: 'private', first_name: name },
      from: { id: from, is_bot: false, first_name: name, username: name.toLowerCase() },
      ...(text === '' ? {} : { text }),
      ...entitiesIn(text),
      ...w.more,
    }
    push({
      ...(w.update === undefined ? {} : { update_id: w.update }),
      [w.edited ? 'edited_message' : 'message']: w.edited ? { ...message, edit_date: date } : message,
    })
    return message
  }

  function press(message: Standing, button: string, { from = Number(message.chat_id) } = {}): number {
    const buttons = message.reply_markup?.inline_keyboard?.flat() ?? []
    const found = buttons.find(({ text }: any) => text === button)
    if (!found) throw new Error(`no button ${button} among ${JSON.stringify(buttons)}`)
    return push({
      callback_query: {
        id: String(nextUpdate * 7),
        from: { id: from, is_bot: false, first_name: 'Anna' },
        chat_instance: '1',
        data: found.callback_data,
        message: {
          message_id: message.message_id,
          date: 1,
          chat: { id: Number(message.chat_id), type: Number(message.chat_id) < 0 ? 'supergroup' : 'private' },
          text: message.text,
        },
      },
    })
  }

  async function getUpdates({ offset, timeout = 0, limit = 100 }: any, res: ServerResponse): Promise<void> {
    if (offset !== undefined) updates = updates.filter(({ update_id }) => update_id >= offset)
    poll?.(true)
    const conflict =
      updates.length === 0 &&
      timeout > 0 &&
      (await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), timeout * 1000).unref()
        res.on('close', () => resolve(false))
        poll = (taken) => (clearTimeout(timer), resolve(taken))
      }))
    poll = undefined
    if (conflict)
      return fail(res, 409, 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running') // prettier-ignore
    give(res, updates.slice(0, limit))
  }

  const list = <T>(map: Map<string, T[]>, chat: number | string): T[] =>
    map.get(String(chat)) ?? map.set(String(chat), []).get(String(chat))!

  function sent(payload: any, text: string): Standing {
    const chat_id = String(payload.chat_id)
    const { reply_markup, link_preview_options } = payload
    const standing = {
      message_id: nextMessage++,
      chat_id,
      text,
      entities: payload.entities ?? [],
      reply_markup,
      link_preview_options,
      before: [],
    }
    list(chats, chat_id).push(standing)
    list(texts, chat_id).push(text)
    return standing
  }

  const asMessage = ({ message_id, chat_id, text }: Standing) => ({
    message_id,
    date: Math.floor(Date.now() / 1000),
    chat: { id: Number(chat_id), type: 'private' },
    text,
  })

  /** What each method does; answers what Telegram would, or throws what it says. */
  const methods: Record<string, (payload: any) => unknown> = {
    getMe: () => BOT,
    deleteWebhook: () => true,
    setMyCommands: () => true,
    sendChatAction: () => true,
    answerCallbackQuery: (payload) => {
      answers.push({ id: payload.callback_query_id, text: payload.text ?? '', alert: payload.show_alert === true })
      return true
    },
    sendMessage: (payload) => {
      check(payload.text, payload.entities)
      return asMessage(sent(payload, payload.text))
    },
    sendDocument: (payload) =>
      asMessage(Object.assign(sent(payload, payload.caption ?? ''), { document: payload.file })),
    editMessageText: (payload) => {
      check(payload.text, payload.entities)
      const standing = list(chats, payload.chat_id).find((one) => one.message_id === payload.message_id)
      if (!standing) throw new Error('Bad Request: message to edit not found')
      const same =
        standing.text === payload.text && JSON.stringify(standing.reply_markup) === JSON.stringify(payload.reply_markup)
      if (same) throw new Error('Bad Request: message is not modified: specified new message content is the same')
      standing.before.push(standing.text)
      standing.text = payload.text
      standing.entities = payload.entities ?? []
      standing.reply_markup = payload.reply_markup
      standing.link_preview_options = payload.link_preview_options
      list(texts, payload.chat_id).push(payload.text)
      return asMessage(standing)
    },
    getFile: ({ file_id }) => {
      const file = files.get(file_id)
      if (!file) throw new Error('Bad Request: invalid file_id')
      return { file_id, file_unique_id: file_id, file_size: file.length, file_path: `documents/${file_id}` }
    },
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const file = /^\/file\/bot([^/]+)\/documents\/(.+)$/.exec(req.url ?? '')
    if (file) return void res.end(files.get(decodeURIComponent(file[2]!)))
    const [, asked, method = ''] = /^\/bot([^/]+)\/(\w+)$/.exec(req.url ?? '') ?? []
    const payload = await read(req)
    if (asked !== token) return fail(res, 401, 'Unauthorized')
    calls.push({ method, payload, at: performance.now() })
    const trouble = troubles.find((one) => one.method === method && one.left > 0)
    if (trouble) trouble.left--
    const what = trouble?.what
    if (what && 'drop' in what) return void res.destroy()
    if (what && 'waitMs' in what) await new Promise((resolve) => setTimeout(resolve, what.waitMs))
    if (what && 'status' in what) return fail(res, what.status, what.description, what.retryAfter)
    if (method === 'getUpdates') return getUpdates(payload, res)
    const act = methods[method]
    if (!act) return fail(res, 404, 'Not Found')
    try {
      const result = act(payload)
      if (what && 'cut' in what) return void res.destroy()
      give(res, result)
    } catch (error) {
      fail(res, 400, (error as Error).message)
    } finally {
      looked()
    }
  }

  const server = createServer((req, res) => void handle(req, res).catch(() => res.destroy()))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    env: { TELEGRAM_API_ROOT: url },
    calls,
    answers,
    write,
    push,
    press,
    said: (chat) => list(chats, chat),
    texts: (chat) => list(texts, chat),
    addFile: (id, content) => void files.set(id, content),
    trouble: (method, what, times = 1) => void troubles.push({ method, what, left: times }),
    pending: () => updates.length,
    later: (ms) => void (ahead += ms),
    polling: () => Number(poll !== undefined),
    until: (holds, ms = 10_000) =>
      new Promise((resolve, reject) => {
        const end = () => (clearTimeout(timer), clearInterval(again), waiting.delete(look))
        const look = () => {
          const found = holds()
          if (!found) return
          end()
          resolve(found)
        }
        const again = setInterval(look, 20)
        const timer = setTimeout(() => {
          end()
          reject(new Error(`did not come about; the last calls: ${JSON.stringify(calls.slice(-4)).slice(0, 800)}`))
        }, ms)
        waiting.add(look)
        look()
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Telegram's own limits, which it refuses to go beyond. */
function check(text: string, entities: { offset: number; length: number }[] = []): void {
  if (typeof text !== 'string' || text.trim() === '') throw new Error('Bad Request: message text is empty')
  if (text.length > 4096) throw new Error('Bad Request: message is too long')
  if (entities.some(({ offset, length }) => offset < 0 || length < 1 || offset + length > text.length))
    throw new Error('Bad Request: entity beyond the end of the text')
}

/** As Telegram marks commands and mentions. */
function entitiesIn(text: string): { entities?: object[] } {
  const found = [...text.matchAll(/(?<=^|\s)([/@])[\w@]+/g)].map((match) => ({
    type: match[1] === '/' ? 'bot_command' : 'mention',
    offset: match.index,
    length: match[0].length,
  }))
  return found.length > 0 ? { entities: found } : {}
}

async function read(req: IncomingMessage): Promise<any> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const type = String(req.headers['content-type'] ?? '')
  if (!type.startsWith('multipart/')) return body.length === 0 ? {} : JSON.parse(body.toString())
  const form = await new Response(body, { headers: { 'content-type': type } }).formData()
  const fields: Record<string, unknown> = {}
  for (const [name, value] of form) {
    if (typeof value === 'string') fields[name] = value
    else fields.file = { name: value.name, content: await value.text() }
  }
  return fields
}

function give(res: ServerResponse, result: unknown): void {
  if (res.destroyed) return
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ ok: true, result }))
}

function fail(res: ServerResponse, status: number, description: string, retryAfter?: number): void {
  res.writeHead(status, { 'content-type': 'application/json' })
  const parameters = retryAfter === undefined ? {} : { parameters: { retry_after: retryAfter } }
  res.end(JSON.stringify({ ok: false, error_code: status, description, ...parameters }))
}
