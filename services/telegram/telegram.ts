import type { Actor } from '../audit.ts'
import type { Conversations } from '../conversations.ts'
import { AppError } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Grants } from '../grants.ts'
import type { Log } from '../log.ts'
import type { NotificationDraft } from '../notifications.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { Control } from '../runs/control.ts'
import type { Engine } from '../runs/engine.ts'
import type { Runs } from '../runs/runs.ts'
import type { RunStore } from '../runs/store.ts'
import { createAnswering } from './answering.ts'
import { createAnswers } from './answers.ts'
import { createBots, type BotsDeps } from './bots.ts'
import { createChats } from './chats.ts'
import { COMMANDS, createCommands, type CommandsDeps } from './commands.ts'
import { createComposing } from './composing.ts'
import { addressOfChat, createDoor, type Body } from './door.ts'
import { TelegramFault } from './faults.ts'
import { createLinks } from './links.ts'
import { createNoticing } from './noticing.ts'
import { createQuestions, type QuestionsDeps } from './questions.ts'
import { createReplies, type RepliesDeps } from './replies.ts'
import { createSeen } from './seen.ts'
import { createStreaming } from './streaming.ts'
import { createSwitchboard, type SwitchboardDeps } from './switchboard.ts'
import { createTalking, type TalkingDeps } from './talking.ts'
import { createTriggers } from './triggers.ts'
import { createUpdates } from './updates.ts'
import { createWriting } from './writing.ts'

export type TelegramDeps = BotsDeps &
  Omit<RepliesDeps, 'agents' | 'grants'> &
  Pick<QuestionsDeps, 'approvals' | 'decisions' | 'registry' | 'mailChatOf'> &
  Pick<SwitchboardDeps, 'mayWork'> & {
    config: { telegramApiRoot: string | undefined }
    newId: () => string
    log: Pick<Log, 'warn'>
    mask: (text: string) => string
    agents: BotsDeps['agents'] & TalkingDeps['agents'] & CommandsDeps['agents']
    runs: Runs
    runStore: RunStore
    engine: Pick<Engine, 'stateOf'>
    control: Control
    events: Events
    conversations: Conversations
    grants: Grants
    outbox: Outbox
    user: (id: string) => { role: 'admin' | 'user'; isActive: boolean } | undefined
    notify: (draft: NotificationDraft) => void
  }

/** A name of the owner's own choice is better; what strangers call themselves is never told to models. */
const LINKED = 'My Telegram'

export type Telegram = ReturnType<typeof createTelegram>

/** Bots at Telegram and what is done with them, put together. */
export function createTelegram(deps: TelegramDeps) {
  const { db, runStore: store, conversations, outbox, newId } = deps
  const bots = createBots(deps)
  const chats = createChats(deps)
  const triggers = createTriggers(deps)
  const links = createLinks(deps)
  const seen = createSeen(deps)
  const answers = createAnswers(deps)
  const replies = createReplies(deps)
  const writing = createWriting({ db, answers })
  const clearedAfter = (id: string) => conversations.find(id)?.clearedAfter ?? 0
  const composing = createComposing({ store, clearedAfter, mask: deps.mask })
  const lineOf = (userId: string) => switchboard.lineOf(userId)
  const streaming = createStreaming({
    answers,
    composing,
    writing,
    lineOf,
    findRun: store.find,
    textOf: (run) => deps.engine.stateOf(run).text,
    mayShow(run, { userId, chatId }, words) {
      const chat = chats.find(userId, chatId)
      return chat?.owner === true && replies.verdict(run, chatId, chat, words).decision === 'allow'
    },
  })
  const answering = createAnswering({ ...deps, store, answers, chats, replies, streaming })
  const talking = createTalking({ ...deps, store, chats, triggers, answers, replies, seen })
  const isAdmin = (userId: string) => deps.user(userId)?.role === 'admin'
  const questions = createQuestions({ ...deps, store, answers, bots, chats, lineOf })
  const noticing = createNoticing({ ...deps, bots, chats })
  const commands = createCommands({
    ...deps,
    chats,
    talking,
    isAdmin,
    conversation: conversations.find,
    askAgain: questions.again,
  })
  const updates = createUpdates({ ...deps, chats, links, seen, talking, commands, say, press: questions.press })
  const switchboard = createSwitchboard({
    ...deps,
    bots,
    commands: COMMANDS,
    apiRoot: deps.config.telegramApiRoot,
    onBegin(userId) {
      answering.follow(userId)
      questions.follow(userId)
      noticing.follow(userId)
    },
    take: updates.take,
  })

  /** Words of the house's own to a chat, by the outbox. */
  function say(userId: string, chatId: string, text: string, more: { stranger?: true } = {}): void {
    const body = JSON.stringify({ kind: 'text', text, ...more } satisfies Body)
    const about = { id: newId(), userId, runId: null, callId: null, door: 'telegram' } as const
    outbox.enqueue({ ...about, address: addressOfChat(userId, chatId), body })
  }

  const { config, set, turn, trouble } = switchboard
  return {
    chats,
    triggers,
    config,
    set,
    turn,
    trouble,
    deliver: createDoor({
      db,
      answers,
      composing,
      writing,
      outbox,
      findRun: store.find,
      chat: chats.find,
      lineOf,
      putQuestion: questions.put,
    }),

    /** Binds the chat that was given this code, as one of the user's own. */
    link(userId: string, code: string, by: Actor): { chatId: string; label: string } {
      const bound = db.transact(() => {
        const found = links.redeem(userId, code)
        if (found instanceof AppError) return found
        if (chats.find(userId, found.chatId)) chats.change(userId, found.chatId, { owner: true }, by)
        else chats.add(userId, { chatId: found.chatId, label: LINKED, owner: true }, by)
        say(userId, found.chatId, 'This chat is bound to Steward now. Write to me, or see /help.')
        return found
      })
      if (bound instanceof AppError) throw bound
      return bound
    },

    /** Sends one message to a listed chat, at once; the owner pressed the button and waits. */
    async test(userId: string, chatId: string, by: Actor): Promise<{ ok: boolean; error?: string }> {
      chats.get(userId, chatId)
      deps.audit.record({ kind: 'telegram', action: 'chat tested', subject: chatId, by })
      try {
        await lineOf(userId).send(chatId, { text: 'Steward can write to this chat.' })
        return { ok: true }
      } catch (error) {
        if (error instanceof TelegramFault) return { ok: false, error: error.message }
        throw error
      }
    },

    start(): void {
      switchboard.start()
    },

    async close(): Promise<void> {
      await switchboard.close()
      answering.close()
      questions.close()
      noticing.close()
    },
  }
}
