import type { Db } from '../../db/open.ts'
import { SYSTEM } from '../audit/entry.ts'
import { AppError, messageOf } from '../errors.ts'
import { visible } from '../policy/sanitize.ts'
import type { IntakeAttachment } from '../shapes/intake.ts'
import { createAlbums, together } from './albums.ts'
import type { BotApi, CallbackQuery, Update } from './api.ts'
import type { Bot } from './bots.ts'
import type { Chats, ListedChat } from './chats.ts'
import type { Commands } from './commands.ts'
import { TelegramFault } from './faults.ts'
import { fetchFiles } from './files.ts'
import { incoming, type Incoming } from './incoming.ts'
import type { Links } from './links.ts'
import type { Seen } from './seen.ts'
import type { Heard, Talking } from './talking.ts'

export type UpdatesDeps = {
  db: Db
  now: () => Date
  chats: Chats
  links: Links
  seen: Seen
  talking: Talking
  commands: Commands
  /** Puts words into the outbox, in the caller's transaction. */
  say: (userId: string, chatId: string, text: string, more?: { stranger?: true }) => void
  press: (bot: Bot, query: CallbackQuery, once: () => boolean) => Promise<void>
  notify: (note: { userId: string; kind: 'trouble'; title: string; text: string }) => void
}

/** One message of the house's own bug must not keep all others from being heard. */
const MOST_FAILURES = 6

const NO_VOICE = 'I cannot listen to voice messages: no transcription is set up. Please write it.'
const NO_FILE = 'I cannot look into that kind of file. Photos, PDFs and plain text I can.'
const NO_OTHER = 'I can read text, photos, PDFs and plain text files; this is something else.'
const REFUSED =
  'This is a private assistant, and this chat is not on its list, so I cannot answer here. If it is yours, send /link and enter the code on its page.'
const REFUSED_GROUP = 'This is a private assistant, and this group is not on its list, so I cannot answer here.'

type Taken = { bot: Bot; api: BotApi; signal: AbortSignal }

export type Updates = ReturnType<typeof createUpdates>

/**
 * Takes what came in, chat by chat, each in its order. Whatever an update brings about stands in one transaction with the row
 * that says it was taken; an album is one. Throws where something could not be taken; that and what follows in its chat is then
 * asked for again.
 */
export function createUpdates(deps: UpdatesDeps) {
  const { db, chats, seen, talking } = deps
  const failures = new Map<string, number>()
  const albums = createAlbums()

  /** The first update that is held back for what may follow it. */
  async function take(
    bot: Bot,
    api: BotApi,
    updates: readonly Update[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const byChat = Map.groupBy(updates, chatOf)
    const ends = await Promise.allSettled([...byChat.values()].map((some) => takeChat({ bot, api, signal }, some)))
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed) throw failed.reason
    const held = ends.flatMap((end) => (end.status === 'fulfilled' && end.value ? [end.value.update_id] : []))
    return held.length > 0 ? Math.min(...held) : undefined
  }

  async function takeChat(taken: Taken, updates: readonly Update[]): Promise<Update | undefined> {
    reportOld(taken.bot, updates)
    const fresh = updates.filter(({ update_id }) => !seen.has(taken.bot.botId!, update_id))
    const { ready, held } = albums.gather(fresh)
    for (const group of ready) await takeOne(taken, group)
    return held
  }

  async function takeOne(taken: Taken, group: readonly Update[]): Promise<void> {
    const key = `${taken.bot.botId}:${group[0]!.update_id}`
    try {
      await handle(taken, group)
      failures.delete(key)
    } catch (error) {
      taken.signal.throwIfAborted()
      failures.set(key, (failures.get(key) ?? 0) + 1)
      if (failures.get(key)! < MOST_FAILURES) throw error
      failures.delete(key)
      giveUp(taken.bot, group, error)
    }
  }

  /** For the transaction that takes them: false where they were taken before. */
  const firstOf = ({ botId }: Bot, group: readonly Update[]): boolean =>
    group.map(({ update_id }) => seen.first(botId!, update_id)).includes(true)

  function giveUp(bot: Bot, group: readonly Update[], error: unknown): void {
    db.transact(() => {
      if (!firstOf(bot, group)) return
      const { userId } = bot
      const text = `After ${MOST_FAILURES} attempts it was let be: ${messageOf(error)}`
      deps.notify({ userId, kind: 'trouble', title: 'A Telegram message could not be taken', text })
    })
  }

  async function handle(taken: Taken, group: readonly Update[]): Promise<void> {
    const { bot } = taken
    const update = group[0]!
    const once = () => firstOf(bot, group)
    if (update.callback_query) return deps.press(bot, update.callback_query, once)
    const raw = group.map(({ message, edited_message }) => message ?? edited_message).filter((one) => one !== undefined)
    if (raw.length === 0) return
    const me = { id: bot.botId!, username: bot.username ?? '' }
    const message = together(raw.map((one) => incoming(one, me)))
    const chat = chats.find(bot.userId, message.chatId)
    if (!chat) return db.transact(() => void (once() && stranger(bot, message)))
    if (!message.isPrivate && !message.addressed && message.movedTo === undefined) return
    const files = await filesOf(taken, chat, message)
    const heard = { bot, chat, message, files: files.fetched, updateId: update.update_id }
    db.transact(() => {
      if (!once()) return
      const words = files.words ?? answer(heard, update.edited_message !== undefined)
      if (words !== undefined) deps.say(bot.userId, message.chatId, words)
    })
  }

  function answer(heard: Heard, edited: boolean): string | undefined {
    const { bot, chat, message } = heard
    if (message.movedTo !== undefined) return void chats.moved(bot.userId, chat.chatId, message.movedTo, SYSTEM)
    if (edited) return talking.edited(heard)
    if (message.command) return deps.commands.run(heard)
    if (message.text === '' && message.files.length === 0) return unfit(message)
    const words = talking.listen(heard)
    return words ?? (message.unfit === undefined ? undefined : unfit(message))
  }

  function unfit({ unfit: what }: Incoming): string {
    return what === 'voice' ? NO_VOICE : what === 'file' ? NO_FILE : NO_OTHER
  }

  /** Only of those who may start something are files fetched. What cannot be had is said, and the message waits for nothing. */
  async function filesOf(
    { api, signal }: Taken,
    chat: ListedChat,
    message: Incoming,
  ): Promise<{ fetched: IntakeAttachment[]; words?: string }> {
    if (message.files.length === 0) return { fetched: [] }
    try {
      return { fetched: await fetchFiles(api, message.files, signal) }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof AppError) && !(error instanceof TelegramFault)) throw error
      return { fetched: [], words: `${error.message} Please send it again${chat.owner ? '' : ' later'}.` }
    }
  }

  /** Nothing is started; it is said once a day. Private chats may ask for a code. */
  function stranger({ userId }: Bot, message: Incoming): void {
    const { chatId, isPrivate, command } = message
    if (isPrivate && command?.name === 'link') return deps.say(userId, chatId, codeFor(userId, message), STRANGER)
    if (!isPrivate && !message.addressed) return
    if (seen.daily(userId, chatId, 'refused')) deps.say(userId, chatId, isPrivate ? REFUSED : REFUSED_GROUP, STRANGER)
  }

  function codeFor(userId: string, { chatId, who }: Incoming): string {
    const code = deps.links.make(userId, {
      chatId,
      label: visible(who).replace(/\s+/g, ' ').trim().slice(0, 64) || chatId,
    })
    if (code === undefined) return 'Too many codes are open. Try again in five minutes.'
    return `Enter this code under Settings → Telegram within five minutes: ${code}\nYour chat has the number ${chatId}.`
  }

  /** What came in while nobody was here, and is too old to be acted on. */
  function reportOld(bot: Bot, updates: readonly Update[]): void {
    const before = deps.now().getTime() / 1000 - bot.maxAgeS
    const old = updates.flatMap((update) => {
      const raw = update.message ?? update.edited_message
      const date = update.edited_message?.edit_date ?? raw?.date
      return raw && date !== undefined && date < before ? [{ update, raw }] : []
    })
    if (old.length === 0) return
    db.transact(() => {
      const fresh = old.filter(({ update }) => seen.first(bot.botId!, update.update_id))
      const chatId = String(old[0]!.raw.chat.id)
      if (fresh.length > 0 && chats.find(bot.userId, chatId)?.owner)
        deps.say(bot.userId, chatId, oldWords(fresh.length, bot.maxAgeS))
    })
  }

  return { take }
}

const STRANGER = { stranger: true } as const

function oldWords(count: number, maxAgeS: number): string {
  const minutes = Math.round(maxAgeS / 60)
  const age = minutes < 1 ? `${maxAgeS} seconds` : minutes === 1 ? 'a minute' : `${minutes} minutes`
  const what = count === 1 ? 'A message came in' : `${count} messages came in`
  return `${what} while I was away, more than ${age} ago. I have not acted on ${count === 1 ? 'it' : 'them'}; send again what still matters.`
}

function chatOf(update: Update): number {
  const { message, edited_message, callback_query } = update
  return (message ?? edited_message ?? callback_query?.message)?.chat.id ?? callback_query?.from.id ?? 0
}
