import { z } from 'zod'
import { operation, type Reach, type Tool } from '../agent/tool.ts'
import { AppError, invalidField } from '../errors.ts'
import { lazy } from '../shapes/lazy.ts'
import { quoted } from '../tools/wording.ts'
import type { Connections } from './connections.ts'
import { textOf } from './results.ts'
import type { Server, ServerTool } from './rows.ts'
import { targetHash } from './servers.ts'

const MOST_ARGUMENTS = 256 * 1024
const START_MS = 60_000

type Deps = { find: (id: string) => Server | undefined; connections: Pick<Connections, 'call'> }
type Args = Record<string, unknown>

/** What its operation is called, where operations have names. */
export const OPERATION = 'call'

const Input = lazy(() =>
  z
    .record(z.string(), z.unknown())
    .refine((args) => JSON.stringify(args).length <= MOST_ARGUMENTS, 'They are too long.'),
)

/** The server as grants and refusals name it: bound to where it is, so that a yes does not go elsewhere with it. */
export const egressOf = (server: Server): Extract<Reach['egress'], { kind: 'server' }> => ({
  kind: 'server',
  name: `mcp:${server.name}#${targetHash(server)}`,
  inHouse: server.staysInHouse,
})

/**
 * One accepted tool of a server as a tool of ours. Its effect is what the owner classed it as; whatever it is asked, its server
 * learns; whatever comes back, others could have written.
 */
export function toolOf(tool: ServerTool, server: Server, { find, connections }: Deps): Tool {
  const { description, inputSchema } = tool.accepted!
  const call = operation<Args>({
    description,
    input: Input,
    effect: tool.effect,
    destructive: false,
    attendedOnly: false,
    yields: { integrity: 'third_party', privacy: 'private' },
    recovery: tool.effect === 'read' ? 'redo' : 'ask',
    timeoutMs: START_MS + server.timeoutS * 1_000,
    inspect: () => ({ egress: egressOf(server), pins: [`definition ${tool.acceptedHash}`] }),
    describe: (args) =>
      `Call ${quoted(tool.remoteName, 100)} of the tool server ${quoted(server.name)} with ${quoted(JSON.stringify(args), 300)}.`,
    run: async (args, { signal }, reach) => {
      const today = find(server.id)
      if (!today?.enabled || egressOf(today).name !== nameIn(reach))
        throw new AppError('conflict', 'The tool server was changed in the meantime. Try again.')
      const answer = await connections.call(today, tool, args, signal)
      const text = textOf(answer)
      if (answer.isError === true) throw new AppError('upstream_refused', `${server.name} says it went wrong:\n${text}`)
      return { content: text, summary: `${server.name} answered`, source: `the tool server ${server.name}` }
    },
  })
  return {
    name: tool.name,
    description: `Tool server ${server.name}`,
    operations: { [OPERATION]: call },
    alone: {
      operation: OPERATION,
      schema: {
        name: tool.name,
        description: `Of the tool server ${server.name}, which says: ${quoted(description, 1_000)}`,
        inputSchema,
      },
    },
    addressOf: (_userId, destination) => {
      const { name } = egressOf(server)
      if (destination === name || destination === `mcp:${server.name}` || destination === server.name) return name
      throw invalidField('destinations', `This tool goes to ${server.name} alone. Write it as mcp:${server.name}.`)
    },
  }
}

const nameIn = ({ egress }: Reach): string | undefined => (egress?.kind === 'server' ? egress.name : undefined)
