import { AppError } from '../errors.ts'
import type { Runs } from '../runs/runs.ts'
import type { RunStore } from '../runs/store.ts'
import type { Intake, IntakeAttachment } from '../shapes/intake.ts'
import { joinIntegrity, type Integrity } from '../shapes/labels.ts'
import type { Db } from '../../db/open.ts'
import type { Answers } from './answers.ts'
import type { Bot } from './bots.ts'
import type { Chats, ListedChat } from './chats.ts'
import type { Incoming } from './incoming.ts'
import type { Replies } from './replies.ts'
import type { Seen } from './seen.ts'
import type { Triggers } from './triggers.ts'

type TalkingAgent = {
  id: string
  userId: string
  name: string
  prompt: string
  promptMode: string
  integrity: Integrity
  deletedAt: string | null
}

export type TalkingDeps = {
  db: Db
  newId: () => string
  runs: Pick<Runs, 'submit' | 'stop'>
  store: Pick<RunStore, 'find'>
  agents: { find(id: string): TalkingAgent | undefined }
  chats: Chats
  triggers: Triggers
  answers: Answers
  replies: Replies
  seen: Seen
  notify: (note: { userId: string; kind: 'trouble'; title: string; text: string }) => void
}

/** A message with all that came along, from a listed chat. */
export type Heard = { bot: Bot; chat: ListedChat; message: Incoming; files: IntakeAttachment[]; updateId: number }

const EDITED_LATE =
  'You changed a message that I have answered already. Send it as a new one if I should take it up again.'

export type Talking = ReturnType<typeof createTalking>

/** Makes runs of what is said in listed chats. Callers hold the transaction; what is to be said at once is returned. */
export function createTalking(deps: TalkingDeps) {
  const { db, chats, answers, replies } = deps

  function living(userId: string, id: string | null | undefined): TalkingAgent | undefined {
    const agent = id ? deps.agents.find(id) : undefined
    return agent?.userId === userId && agent.deletedAt === null ? agent : undefined
  }

  /** The agent that a word in the message picks, else the default one; undefined for Steward itself. */
  function agentFor({ userId, defaultAgentId }: Bot, text: string): TalkingAgent | undefined {
    return living(userId, deps.triggers.pick(userId, text)?.agentId) ?? living(userId, defaultAgentId)
  }

  /** Only the owner, alone in their own chat, in words of their own, speaks as the owner. */
  const isOwners = ({ chat, message }: Heard): boolean => chat.owner && message.ownVoice

  function conversationOf({ userId }: Bot, { chatId }: ListedChat): string {
    const known = chats.conversationOf(userId, chatId)
    if (known !== undefined) return known
    const id = deps.newId()
    chats.setConversation(userId, chatId, id)
    return id
  }

  function intakeOf(heard: Heard, agent: TalkingAgent | undefined): Intake {
    const { bot, chat, message, updateId } = heard
    const own = isOwners(heard)
    const said: Integrity = own && !message.forwarded ? 'owner' : 'third_party'
    const before = agent?.promptMode === 'system_only' ? `${agent.prompt}\n\n` : ''
    return {
      door: 'telegram',
      address: chat.chatId,
      externalId: `${bot.botId}:${updateId}`,
      userId: bot.userId,
      conversationId: conversationOf(bot, chat),
      origin: 'telegram',
      by: 'telegram',
      attended: own,
      integrity: before === '' ? said : joinIntegrity(said, agent!.integrity),
      text: before + message.text,
      attachments: [...heard.files, ...quotedFile(message)],
      agentId: agent?.id ?? null,
      kind: own ? 'chat' : 'run',
    }
  }

  /** Answers what is wrong, in a sentence for the chat. */
  function begin(intake: Intake, { chat, message }: Heard): string | undefined {
    try {
      db.transact(() => {
        const run = deps.runs.submit(intake)
        answers.begin({ runId: run.id, userId: intake.userId, chatId: chat.chatId, messageId: message.messageId })
      })
      return undefined
    } catch (error) {
      if (error instanceof AppError) return error.message
      throw error
    }
  }

  /** In the chats of others nobody answers whom the owner did not allow to. */
  function nobody({ bot, chat }: Heard): undefined {
    if (!deps.seen.daily(bot.userId, chat.chatId, 'nobody')) return
    deps.notify({
      userId: bot.userId,
      kind: 'trouble',
      title: `Nobody answers in “${chat.label}”`,
      text: 'Somebody wrote there. Choose under Settings → Telegram which agent may answer in this chat, or take it off the list.',
    })
  }

  function listen(heard: Heard): string | undefined {
    const agent = agentFor(heard.bot, heard.message.text)
    if (isOwners(heard)) return begin(intakeOf(heard, agent), heard)
    if (!agent || !replies.mayAnswer(heard.bot.userId, agent.id, heard.chat.chatId)) return nobody(heard)
    return begin(intakeOf(heard, agent), heard)
  }

  return {
    listen,
    isOwners,
    living,

    /** A message that was changed: what was not answered yet begins anew with the new words. */
    edited(heard: Heard): string | undefined {
      const { bot, chat, message } = heard
      const known = answers.ofMessage(bot.userId, chat.chatId, message.messageId)
      const run = known && deps.store.find(known.runId)
      if (!run || !known || isSame(run.input, message.text)) return undefined
      if (run.endedAt !== null) return isOwners(heard) ? EDITED_LATE : undefined
      answers.close(run.id)
      deps.runs.stop(run)
      return listen(heard)
    },

    /** Puts an agent to work by name, in a conversation of its own; its answer comes to this chat. */
    send(heard: Heard, agent: TalkingAgent, text: string): string | undefined {
      const words = text === '' ? 'Carry out your instructions now.' : text
      const intake = intakeOf({ ...heard, message: { ...heard.message, text: words } }, agent)
      return begin({ ...intake, conversationId: deps.newId() }, heard)
    },
  }
}

const isSame = (input: string, text: string): boolean => input === text || input.endsWith(`\n\n${text}`)

function quotedFile({ quoted }: Incoming): IntakeAttachment[] {
  if (quoted === undefined) return []
  return [{ name: 'quoted.txt', mediaType: 'text/plain', data: Buffer.from(quoted) }]
}
