import { z } from 'zod'
import { AppError, messageOf } from '../services/errors.ts'
import type { Services } from '../services/index.ts'
import { newId } from '../services/ids.ts'
import { effectiveScopes, type Scope } from '../services/shapes/api-key.ts'
import type { Who } from '../services/who.ts'

type Door = {
  scope: Scope
  description: string
  input: z.ZodObject
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  answer: (args: any) => unknown
}

const MOST_CHARS = 60_000
const limit = z.number().int().min(1).max(50).default(20)

/** What other clients may do here by the Model Context Protocol, each with the scope that its key needs. Nothing decides a question. */
function doorsOf(services: Services, who: Who): Record<string, Door> {
  const userId = who.user.id
  const stranger: Who = { ...who, input: 'third_party' }
  const id = z.object({ id: z.string().max(100) })
  return {
    list_agents: {
      scope: 'read',
      description: 'The agents of this house',
      input: z.object({}),
      answer: () => services.agents.list(userId).map(({ id, name }) => ({ id, name })),
    },
    run_agent: {
      scope: 'run',
      description: 'Put an agent to work; get_run tells how it went',
      input: z.object({ id: z.string().max(100), message: z.string().max(20_000).optional() }),
      answer: (args) => ({
        run_id: services.agentWork.start(services.agents.get(userId, args.id), args.message, stranger),
      }),
    },
    get_run: {
      scope: 'read',
      description: 'How a run stands, and its answer',
      input: id,
      answer: (args) => {
        const { status, answer, error, agentId, conversationId } = services.runDetails.get(userId, args.id)
        return { status, answer, error, agent_id: agentId, conversation_id: conversationId }
      },
    },
    list_conversations: {
      scope: 'read',
      description: 'Conversations, newest first',
      input: z.object({ q: z.string().max(200).optional(), limit }),
      answer: ({ q, limit }) => services.conversations.list(userId, { q, page: 1, per_page: limit }),
    },
    read_conversation: {
      scope: 'read',
      description: 'A conversation with all that was said',
      input: id,
      answer: (args) => services.transcript.of(services.conversations.get(userId, args.id)),
    },
    send_message: {
      scope: 'run',
      description: 'Say something to Steward, in a conversation or a new one; it counts as written by others',
      input: z.object({ conversation_id: z.string().max(100).optional(), content: z.string().min(1).max(20_000) }),
      answer: ({ conversation_id, content }) => {
        if (conversation_id !== undefined) services.conversations.get(userId, conversation_id)
        const conversationId: string = conversation_id ?? newId()
        const apiKeyId = who.via === 'key' ? who.keyId : undefined
        const way = {
          door: 'api',
          address: '',
          origin: 'manual',
          by: 'api',
          attended: false,
          integrity: 'third_party',
        } as const
        const run = services.runs.submit({ ...way, userId, conversationId, text: content, attachments: [], apiKeyId })
        return { run_id: run.id, conversation_id: conversationId }
      },
    },
    list_approvals: {
      scope: 'read',
      description: 'Questions that wait for the owner; they are answered on the page, not here',
      input: z.object({ limit }),
      answer: ({ limit }) =>
        services.approvals
          .list(userId, { state: 'pending', limit })
          .items.map(({ id, kind, description, run_id, created_at, expires_at }) => ({
            id,
            kind,
            description,
            run_id,
            created_at,
            expires_at,
          })),
    },
  }
}

/** One server for one request, with what its asker's key opens. The library is loaded with the first request. */
export async function openDoor(services: Services, who: Who) {
  const { createMcpHandler, McpServer } = await import('@modelcontextprotocol/server')
  const scopes = who.via === 'key' ? effectiveScopes(who.scopes) : new Set<Scope>(['read', 'run'])
  const doors = Object.entries(doorsOf(services, who)).filter(([, { scope }]) => scopes.has(scope))

  function server() {
    const made = new McpServer({ name: 'Steward', version: services.version })
    for (const [name, { description, input, answer }] of doors)
      made.registerTool(name, { description, inputSchema: input }, async (args) => said(services, () => answer(args)))
    return made
  }

  return createMcpHandler(server, { maxSubscriptions: 1, keepAliveMs: 0 })
}

function said({ credentials }: Services, work: () => unknown) {
  try {
    const text = credentials.maskedJson(work())
    const cut =
      text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS)}\n[Cut here: ${text.length} characters.]`
    return { content: [{ type: 'text' as const, text: cut }] }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { content: [{ type: 'text' as const, text: messageOf(error) }], isError: true }
  }
}
