import type { Db } from '../../db/open.ts'
import { AppError } from '../errors.ts'
import type { Events, Told } from '../events.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { Approval, Approvals, Decision } from '../policy/approvals.ts'
import type { Decisions } from '../runs/decisions.ts'
import type { RunStore } from '../runs/store.ts'
import type { Registry } from '../tools/registry.ts'
import type { Answers } from './answers.ts'
import type { CallbackQuery } from './api.ts'
import type { Bot, Bots } from './bots.ts'
import type { Chats } from './chats.ts'
import { addressOfChat, type Body } from './door.ts'
import type { Line } from './line.ts'
import { createQuestionRows } from './question-rows.ts'
import {
  buttonsOf,
  decidedWords,
  detailWords,
  pressed,
  questionWords,
  verdictWords,
  type Verb,
} from './question-words.ts'

export type QuestionsDeps = {
  db: Db
  newId: () => string
  approvals: Pick<Approvals, 'find' | 'list' | 'uncertainOf'>
  decisions: Pick<Decisions, 'decide'>
  registry: Pick<Registry, 'find'>
  events: Pick<Events, 'followUser'>
  store: Pick<RunStore, 'find' | 'ancestors'>
  agents: { find(id: string): { name: string } | undefined }
  outbox: Pick<Outbox, 'enqueue'>
  mask: (text: string) => string
  answers: Answers
  bots: Bots
  chats: Chats
  /** The chat that the mail account of a run names. */
  mailChatOf: (runId: string) => string | undefined
  lineOf: (userId: string) => Line
}

const NOT_YOURS = 'Only my owner decides, in their own chat with me.'
const DECISIONS: Partial<Record<Verb, Decision>> = {
  yes: { approved: true },
  sure: { approved: true },
  no: { approved: false },
  done: { decision: 'done' },
  again: { decision: 'again' },
  give_up: { decision: 'give_up' },
}

/**
 * Questions as messages with buttons, in the chat that asked or, of what runs by itself, in all chats of the owner. Whatever
 * decides a question, its message says so in the end; a second tap is told that it was decided.
 */
export function createQuestions(deps: QuestionsDeps) {
  const { db, approvals, store, answers, bots, chats } = deps
  const rows = createQuestionRows(deps)
  const following = new Map<string, () => void>()

  const whoAsks = ({ agent_id: id }: Approval): string => (id && deps.agents.find(id)?.name) || 'Steward'

  /** The owner's chats where a question is to be put. */
  function chatsFor(approval: Approval): string[] {
    const run = store.find(approval.run_id)
    if (!run) return []
    const [root = run] = store.ancestors(run)
    const asked = answers.find(root.id)
    if (asked && run.attended) return chats.find(asked.userId, asked.chatId)?.owner ? [asked.chatId] : []
    if (run.attended) return []
    const named = deps.mailChatOf(root.id)
    if (named !== undefined && chats.find(run.userId, named)?.owner) return [named]
    if (!bots.find(run.userId).notices.includes('approval')) return []
    return chats.list(run.userId).flatMap(({ chatId, owner }) => (owner ? [chatId] : []))
  }

  function send(userId: string, chatId: string, approvalId: string): void {
    const body = JSON.stringify({ kind: 'question', approvalId } satisfies Body)
    const about = { id: deps.newId(), userId, runId: null, callId: null, door: 'telegram' } as const
    deps.outbox.enqueue({ ...about, address: addressOfChat(userId, chatId), body })
  }

  function ask(approval: Approval): void {
    const { id: approvalId, user_id: userId } = approval
    db.transact(() => {
      for (const chatId of chatsFor(approval))
        if (rows.add({ approvalId, userId, chatId })) send(userId, chatId, approvalId)
    })
  }

  /** Of every question that is no longer open, its messages are told. */
  function settle(userId: string): void {
    const decided = rows.openOf(userId).filter(({ approvalId }) => approvals.find(approvalId)?.state !== 'pending')
    if (decided.length === 0) return
    db.transact(() => {
      for (const { approvalId, chatId } of decided) if (rows.close(approvalId, chatId)) send(userId, chatId, approvalId)
    })
  }

  function told({ userId, frame }: Told): void {
    if (frame.type === 'confirmation_closed') return settle(userId)
    if (frame.type !== 'confirmation_required') return
    const approval = approvals.find(frame.approval_id ?? frame.call_id)
    if (approval?.state === 'pending') ask(approval)
  }

  /** Puts a question into a chat, or what became of it into its message. */
  async function put(approvalId: string, chatId: string, line: Line, signal: AbortSignal): Promise<void> {
    const approval = approvals.find(approvalId)
    const row = rows.find(approvalId, chatId)
    if (!approval || !row) return
    const who = whoAsks(approval)
    if (approval.state !== 'pending') {
      if (row.messageId !== null) await line.edit(chatId, row.messageId, masked(decidedWords(approval, who)), signal)
      return
    }
    if (row.messageId !== null) return
    const messageId = await line.send(chatId, masked(questionWords(approval, who)), { signal })
    db.transact(() => rows.place(approvalId, chatId, messageId))
  }

  /** Entities count characters, so only what holds a secret loses them. */
  function masked<T extends { text: string }>(words: T): T {
    const text = deps.mask(words.text)
    return text === words.text ? words : { ...words, text, entities: [] }
  }

  async function press(bot: Bot, query: CallbackQuery, once: () => boolean): Promise<void> {
    const says = await pressing(bot, query)
    db.transact(() => void once())
    const line = deps.lineOf(bot.userId)
    const answer = { callback_query_id: query.id, text: says.slice(0, 190), show_alert: says.length > 40 }
    await line.api.call('answerCallbackQuery', answer).catch(() => {})
  }

  async function pressing(bot: Bot, query: CallbackQuery): Promise<string> {
    const button = pressed(query.data)
    const message = query.message
    if (!button || !message) return 'I do not know this button.'
    const chatId = String(message.chat.id)
    const chat = chats.find(bot.userId, chatId)
    if (!chat?.owner || message.chat.type !== 'private' || query.from.id !== message.chat.id) return NOT_YOURS
    const approval = approvals.find(button.id)
    if (approval?.user_id !== bot.userId) return 'There is no such question any more.'
    if (approval.state !== 'pending') return `Already decided: ${verdictWords(approval)}`
    const line = deps.lineOf(bot.userId)
    const shown = (sure: boolean) => {
      const words = { ...questionWords(approval, whoAsks(approval)), keyboard: buttonsOf(approval, sure) }
      void line.edit(chatId, message.message_id, masked(words)).catch(() => {})
    }
    if (button.verb === 'details') return details(bot, chatId, approval)
    if (button.verb === 'back') return (shown(false), '')
    if (button.verb === 'yes' && isDestructive(approval)) return (shown(true), 'This cannot be undone. Are you sure?')
    return decide(bot, approval, DECISIONS[button.verb]!)
  }

  async function decide({ userId }: Bot, { id }: Approval, decision: Decision): Promise<string> {
    try {
      const actor = { userId, name: 'telegram' }
      return verdictWords(await deps.decisions.decide({ userId, by: 'telegram', actor }, id, decision))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const now = approvals.find(id)
      return now && now.state !== 'pending' ? `Already decided: ${verdictWords(now)}` : error.message
    }
  }

  function details({ userId }: Bot, chatId: string, approval: Approval): string {
    const { keyboard: _none, ...words } = detailWords(approval, deps.mask)
    const body = JSON.stringify({ kind: 'text', ...words } satisfies Body)
    const about = { id: deps.newId(), userId, runId: null, callId: null, door: 'telegram' } as const
    db.transact(() => deps.outbox.enqueue({ ...about, address: addressOfChat(userId, chatId), body }))
    return ''
  }

  const isDestructive = ({ tool_name, arguments: args, user_id }: Approval): boolean =>
    deps.registry.find(tool_name, args, user_id)?.operation.destructive === true

  const pendingOf = (userId: string): Approval[] => approvals.list(userId, { state: 'pending', limit: 200 }).items

  return {
    put,
    press,

    /** Puts all that is open into a chat anew; says how many there are. */
    again(userId: string, chatId: string): number {
      const open = pendingOf(userId)
      for (const { id: approvalId } of open) {
        rows.add({ approvalId, userId, chatId })
        rows.place(approvalId, chatId, null)
        send(userId, chatId, approvalId)
      }
      return open.length
    },

    /** Takes up a user's questions, and what became of them while nobody was here. */
    follow(userId: string): void {
      if (!following.has(userId)) following.set(userId, deps.events.followUser(userId, told))
      for (const approval of pendingOf(userId)) ask(approval)
      settle(userId)
    },

    close(): void {
      for (const leave of following.values()) leave()
      following.clear()
    },
  }
}
