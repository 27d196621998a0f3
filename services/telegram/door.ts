import type { Db } from '../../db/open.ts'
import type { Delivery, Deliver } from '../outbox/delivery.ts'
import type { DoorWay, Outbox } from '../outbox/outbox.ts'
import type { Run } from '../runs/store.ts'
import type { Answers } from './answers.ts'
import type { InlineKeyboardMarkup, MessageEntity } from './api.ts'
import type { ListedChat } from './chats.ts'
import type { Composing } from './composing.ts'
import { TelegramFault } from './faults.ts'
import type { Line } from './line.ts'
import type { Writing } from './writing.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Chats are waited for: tried again soon, and for half a day. */
export const TELEGRAM_WAY: DoorWay = {
  delays: [1, 2, 5, 15, 60]
    .map((n) => n * SECOND)
    .concat(
      [5, 15, 60].map((n) => n * MINUTE),
      [3 * HOUR, 6 * HOUR],
    ),
  mostAtOnce: 40,
  repeats: true,
}

/** What goes to a chat: words as they are, or the answer of the run with the message's id. */
export type Body =
  | { kind: 'answer' }
  | { kind: 'question'; approvalId: string }
  | {
      kind: 'text' | 'tool'
      text: string
      entities?: readonly MessageEntity[]
      keyboard?: InlineKeyboardMarkup | undefined
      /** To a chat that need not be on the list. */
      stranger?: true
    }

export type DoorDeps = {
  db: Db
  answers: Answers
  composing: Composing
  writing: Writing
  outbox: Pick<Outbox, 'find'>
  findRun: (id: string) => Run | undefined
  chat: (userId: string, chatId: string) => ListedChat | undefined
  /** Puts a question into a chat, or what became of it. */
  putQuestion: (approvalId: string, chatId: string, line: Line, signal: AbortSignal) => Promise<void>
  /** Throws where there is no bot. */
  lineOf: (userId: string) => Line
}

export const addressOfChat = (userId: string, chatId: string): string => `${userId}/${chatId}`

const LOST = 'It is not known whether it arrived.'
const AGAIN = '\n\n(may be a repeat)'
const FOR_GOOD = new Set([400, 403])

/**
 * The way out to chats. Answers are put into messages whose numbers were written down first, so that doing it again changes
 * nothing; other words are said again where they may not have arrived, and say so. What a tool sent is never said again.
 */
export function createDoor({
  db,
  answers,
  composing,
  writing,
  outbox,
  findRun,
  chat,
  putQuestion,
  lineOf,
}: DoorDeps): Deliver {
  async function answer(run: Run, chatId: string, line: Line, signal: AbortSignal): Promise<void> {
    const { parts, files } = await composing.final(run)
    await writing.finish(run.id)
    for (const [index, part] of parts.entries()) await writing.put(run.id, chatId, index, part, line, signal)
    for (const [index, file] of files.entries()) await sendFile(run.id, chatId, -1 - index, file, line, signal)
  }

  /** Once: where it is not known whether it arrived, it is left at that. */
  async function sendFile(
    runId: string,
    chatId: string,
    place: number,
    { name, content }: { name: string; content: string },
    line: Line,
    signal: AbortSignal,
  ): Promise<void> {
    if (answers.part(runId, place)) return
    db.transact(() => answers.setPart(runId, place, null))
    try {
      const messageId = await line.sendFile(chatId, { name, content: Buffer.from(content) }, signal)
      db.transact(() => answers.setPart(runId, place, messageId))
    } catch (error) {
      if (!(error instanceof TelegramFault) || error.fate === 'lost') return
      db.transact(() => answers.dropPart(runId, place))
      if (!FOR_GOOD.has(error.code)) throw error
    }
  }

  function deliveryOf(error: unknown, to: string, kind: Body['kind']): Delivery {
    if (!(error instanceof TelegramFault)) throw error
    if (error.fate === 'lost' && kind === 'tool') return { to, state: 'uncertain', error: error.message }
    if (error.fate === 'lost') return { to, state: 'refused', error: kind === 'text' ? LOST : error.message }
    const { message, code, retryAfterMs } = error
    return { to, state: 'refused', error: message, status: code, retryAfterMs, forGood: FOR_GOOD.has(code) }
  }

  return async ({ id, address, body }, { begin, signal }) => {
    const [userId = '', chatId = ''] = address.split('/')
    const content = JSON.parse(body) as Body
    const listed = chat(userId, chatId)
    const to = listed?.label ?? `the chat ${chatId}`
    if (!listed && !('stranger' in content))
      return { to, state: 'refused', error: 'The chat is no longer on the list.', forGood: true }
    if (!begin()) return { to, state: 'held' }
    const earlier = outbox.find(id)
    try {
      const line = lineOf(userId)
      if (content.kind === 'answer') {
        const run = findRun(id)
        if (run) await answer(run, chatId, line, signal)
      } else if (content.kind === 'question') await putQuestion(content.approvalId, chatId, line, signal)
      else {
        const mayRepeat = content.kind === 'text' && earlier !== undefined && earlier.attempts > 1
        const note = mayRepeat && /not known|on its way/.test(earlier.lastError ?? '') ? AGAIN : ''
        await line.send(chatId, { ...content, text: content.text + note }, { signal })
      }
      return { to, state: 'delivered', status: 200, answer: '' }
    } catch (error) {
      if (signal.aborted) return { to, state: 'refused', error: content.kind === 'answer' ? 'Steward stopped.' : LOST }
      return deliveryOf(error, to, content.kind)
    }
  }
}
