import type { Db } from '../../db/open.ts'
import type { Actor } from '../audit.ts'
import { AppError } from '../errors.ts'
import type { Control } from '../runs/control.ts'
import type { Runs } from '../runs/runs.ts'
import type { Conversation } from '../conversations.ts'
import type { Chats } from './chats.ts'
import type { Heard, Talking } from './talking.ts'

/** As Telegram lists them to whoever writes a slash. */
export const COMMANDS = [
  { command: 'new', description: 'Begin a new conversation' },
  { command: 'stop', description: 'Stop what is going on here' },
  { command: 'status', description: 'How things stand' },
  { command: 'agents', description: 'Your agents' },
  { command: 'run', description: 'Put an agent to work: /run NAME text' },
  { command: 'approvals', description: 'What waits for your yes' },
  { command: 'pause', description: 'Pause everything' },
  { command: 'resume', description: 'Go on' },
  { command: 'link', description: 'A code to bind this chat' },
  { command: 'help', description: 'What this bot understands' },
]

const HELP = ['Write to me as you would on the page; send photos and PDFs along.', '']
  .concat(COMMANDS.map(({ command, description }) => `/${command} – ${description}`))
  .join('\n')
const TO_OTHERS =
  'I am a Steward, a personal assistant. Write to me, and whoever I belong to has decided who answers here.'
const NOT_YOURS = 'Only my owner can do that, in their own chat with me.'

export type CommandsDeps = {
  db: Pick<Db, 'afterCommit'>
  chats: Chats
  talking: Talking
  runs: Pick<Runs, 'stopCurrent' | 'active' | 'release'>
  control: Pick<Control, 'pause' | 'resume' | 'counts'>
  conversation: (id: string) => Conversation | undefined
  agents: {
    list(userId: string): { id: string; name: string; enabled: boolean; paused: boolean }[]
    findByName(userId: string, name: string): { id: string } | undefined
  }
  isAdmin: (userId: string) => boolean
  /** Sends the open questions again; answers how many there are. */
  askAgain: (userId: string, chatId: string) => number
}

export type Commands = ReturnType<typeof createCommands>

/** What a slash does. Callers hold the transaction; what is to be said is returned. */
export function createCommands(deps: CommandsDeps) {
  const { chats, talking, runs, control } = deps

  const all: Record<string, (heard: Heard, rest: string, by: Actor) => string | undefined> = {
    start: () => HELP,
    help: () => HELP,
    link: () => 'This chat is bound already: it is one of your own.',

    new({ bot, chat }) {
      chats.setConversation(bot.userId, chat.chatId, null)
      return 'A new conversation begins. What was said before stays on the page.'
    },

    stop({ bot, chat }) {
      const id = chats.conversationOf(bot.userId, chat.chatId)
      return id !== undefined && runs.stopCurrent(id) ? 'Stopping.' : 'Nothing is going on here.'
    },

    status: ({ bot, chat }) => {
      const { is_paused, running, queued, waiting } = control.counts()
      const id = chats.conversationOf(bot.userId, chat.chatId)
      const here = id === undefined ? [] : runs.active(id)
      const touched = id !== undefined && deps.conversation(id)?.integrity === 'third_party'
      return [
        is_paused ? 'Everything is paused; /resume lets it go on.' : 'Steward is at work.',
        `${running} running, ${queued} in the queue, ${waiting} waiting for an answer.`,
        here.length === 0
          ? 'Nothing goes on in this chat.'
          : `In this chat: ${here.map(({ status }) => status).join(', ')}.`,
        ...(touched ? ['This conversation has read what others wrote; /new begins a clean one.'] : []),
      ].join('\n')
    },

    agents({ bot }) {
      const agents = deps.agents.list(bot.userId)
      if (agents.length === 0) return 'There are no agents yet.'
      return agents
        .map(({ name, enabled, paused }) => `• ${name}${paused ? ' (paused)' : enabled ? '' : ' (no schedule)'}`)
        .join('\n')
    },

    run(heard, rest) {
      const found = named(heard.bot.userId, rest)
      if (!found) return 'Name one of your agents: /run NAME text. /agents lists them.'
      return talking.send(heard, found.agent, found.text)
    },

    approvals({ bot, chat }) {
      const count = deps.askAgain(bot.userId, chat.chatId)
      return count === 0 ? 'Nothing waits for your yes.' : undefined
    },

    pause(heard, _rest, by) {
      if (!deps.isAdmin(heard.bot.userId)) return 'Only an administrator can pause the house.'
      control.pause(by)
      return 'Everything is paused. Nothing is lost; /resume lets it go on.'
    },

    resume(heard, _rest, by) {
      if (!deps.isAdmin(heard.bot.userId)) return 'Only an administrator can do that.'
      control.resume(by)
      // @NOTE what the house is set to counts once that is written.
      deps.db.afterCommit(() => deps.runs.release())
      return 'It goes on.'
    },
  }

  /** The agent whose name the words begin with, the longest where several fit, and what comes after it. */
  function named(userId: string, words: string) {
    const parts = words.split(/\s+/).filter(Boolean)
    for (let count = Math.min(parts.length, 8); count > 0; count--) {
      const found = deps.agents.findByName(userId, parts.slice(0, count).join(' '))
      const agent = found && talking.living(userId, found.id)
      if (agent) return { agent, text: parts.slice(count).join(' ') }
    }
    return undefined
  }

  return {
    run(heard: Heard): string | undefined {
      const { name, rest } = heard.message.command!
      if (!talking.isOwners(heard) || heard.message.forwarded)
        return name === 'start' || name === 'help' ? TO_OTHERS : NOT_YOURS
      const command = Object.hasOwn(all, name) ? all[name] : undefined
      if (!command) return `I do not know /${name}. /help says what I understand.`
      try {
        return command(heard, rest, { userId: heard.bot.userId, name: 'telegram' })
      } catch (error) {
        if (error instanceof AppError) return error.message
        throw error
      }
    },
  }
}
