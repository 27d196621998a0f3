import type { Verdict } from '../agent/tool.ts'
import { invalidField } from '../errors.ts'
import type { Grants } from '../grants.ts'
import { decide, type Lists } from '../policy/decide.ts'
import type { PolicyCall } from '../policy/reach.ts'
import type { Run } from '../runs/store.ts'
import type { Settings } from '../settings.ts'
import type { ListedChat } from './chats.ts'

export type RepliesDeps = {
  settings: Pick<Settings, 'get'>
  grants: Pick<Grants, 'holding'>
  agents: { find(id: string): { integrity: 'owner' | 'third_party' } | undefined }
  lists: (userId: string) => Lists
  givesAway: (value: unknown) => boolean
}

/** What a grant names where an agent may answer by itself. */
export const REPLY = 'reply.telegram'
export const placeOfChat = (chatId: string): string => `telegram:${chatId}`

/** The same, of what somebody wrote. Throws `invalid` for what is no chat. */
export function chatPlace(written: string): string {
  const chatId = /^(?:telegram:)?(-?[1-9]\d{0,19})$/.exec(written.trim())?.[1]
  if (chatId === undefined) throw invalidField('destinations', 'Name a chat by its number, like telegram:123456789.')
  return placeOfChat(chatId)
}

type Answering = Pick<Run, 'userId' | 'agentId' | 'attended' | 'integrity' | 'privacy'>

export type Replies = ReturnType<typeof createReplies>

/**
 * Whether an answer may go to a chat: it is a `send` like any other (rule 0). To the owner's own chat it may; to the chats of
 * others only by a grant for the agent that answers.
 */
export function createReplies({ settings, grants, agents, lists, givesAway }: RepliesDeps) {
  function grantsOf({ userId, agentId }: Pick<Run, 'userId' | 'agentId'>) {
    const trusted = agentId !== null && agents.find(agentId)?.integrity === 'owner'
    return grants.holding({ userId, agentId: trusted ? agentId : null, conversationId: null, clearedAt: null })
  }

  function callTo(chatId: string, chat: ListedChat | undefined, leaks: boolean): PolicyCall {
    const kind = chat ? (chat.owner ? 'owner' : 'listed') : 'other'
    const [tool, operation] = REPLY.split('.') as [string, string]
    const reach = { destinations: [{ address: placeOfChat(chatId), class: kind } as const] }
    return { tool, operation, effect: 'send', destructive: false, attendedOnly: false, reach, leaks }
  }

  return {
    verdict(run: Answering, chatId: string, chat: ListedChat | undefined, words: string): Verdict {
      const leaks = settings.get('output_validation') && givesAway(words)
      const { attended, userId } = run
      const mode = {
        ...NOTHING_AGREED,
        attended: attended && chat?.owner === true,
        byAgent: run.agentId !== null,
      }
      const flowGuard = settings.get('flow_guard')
      return decide(callTo(chatId, chat, leaks), run, mode, grantsOf(run), lists(userId), { flowGuard })
    },

    /** Whether this agent may answer in the chat of somebody else, as far as can be said before there is an answer. */
    mayAnswer: (userId: string, agentId: string, chatId: string): boolean =>
      grantsOf({ userId, agentId }).some(
        ({ operation, destinations, afterThirdParty }) =>
          operation === REPLY && afterThirdParty && destinations.includes(placeOfChat(chatId)),
      ),
  }
}

/** An answer is no tool: no list names it, and it counts against no limit of calls. */
const NOTHING_AGREED = {
  allowedTools: null,
  paused: false,
  overBudget: false,
  toolCalls: 0,
  maxToolCalls: 1,
  webOpen: false,
  ownerUrls: new Set<string>(),
  resultUrls: new Set<string>(),
  resultFetches: 0,
  agreed: new Set<string>(),
  denied: new Set<string>(),
}
