import { z } from 'zod'
import type { ServerTool } from '../services/mcp/rows.ts'
import { list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Effect = lazy(() => z.enum(['read', 'write', 'send', 'execute']))
const Definition = lazy(() =>
  z
    .object({
      description: z.string(),
      input_schema: z.record(z.string(), z.unknown()),
      cleaned: z.boolean().describe('Characters that nobody sees were taken out, or a text was cut.'),
      problem: z.string().nullable().describe('Why it cannot be offered to a model.'),
    })
    .meta({ id: 'McpDefinition' }),
)

export const ServerToolEntry = lazy(() =>
  z
    .object({
      name: z.string().describe('As models and `allowed_tools` name it.'),
      remote_name: z.string(),
      effect: Effect().describe('What you classed it as; `execute` is always asked about.'),
      enabled: z.boolean(),
      state: z
        .enum(['accepted', 'new', 'changed', 'gone'])
        .describe('Only what is `accepted` and `enabled` can be called.'),
      accepted: Definition().nullable(),
      offered: Definition().describe('As the server describes it now.'),
      hash: z.string().describe('Of everything the server says of it now: what you send back to accept it.'),
      changed_at: Time(),
    })
    .meta({ id: 'McpTool' }),
)
const Acceptance = lazy(() =>
  z.strictObject({
    tools: z
      .array(z.strictObject({ name: z.string().max(64), hash: z.string().max(64) }))
      .min(1)
      .max(100),
  }),
)
const Change = lazy(() => z.strictObject({ effect: Effect().optional(), enabled: z.boolean().optional() }))
const Id = lazy(() => z.object({ id: z.string() }))
const OfTool = lazy(() => z.object({ id: z.string(), tool: z.string() }))

const AT = '2026-11-22T08:00:00.000Z'
const HASH = '1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014'
const DEFINITION = {
  description: 'Finds notes by words.',
  input_schema: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
  cleaned: false,
  problem: null,
}
export const EXAMPLE_TOOL = {
  name: 'mcp__notes__search',
  remote_name: 'search',
  effect: 'read' as const,
  enabled: true,
  state: 'accepted' as const,
  accepted: DEFINITION,
  offered: DEFINITION,
  hash: HASH,
  changed_at: AT,
}

const definitionOf = ({ inputSchema, ...rest }: ServerTool['offered']) => ({ ...rest, input_schema: inputSchema })

export function toolEntryOf(tool: ServerTool): z.infer<ReturnType<typeof ServerToolEntry>> {
  return {
    name: tool.name,
    remote_name: tool.remoteName,
    effect: tool.effect,
    enabled: tool.enabled,
    state: tool.state,
    accepted: tool.accepted && definitionOf(tool.accepted),
    offered: definitionOf(tool.offered),
    hash: tool.offeredHash,
    changed_at: tool.changedAt,
  }
}

const shared = { tag: 'Tool servers', role: 'user' } as const

export const mcpToolEndpoints = [
  endpoint({
    ...shared,
    method: 'get',
    path: '/api/mcp-servers/{id}/tools',
    scopes: ['read'],
    summary: 'The tools of a server, as you accepted them and as it describes them now',
    description: 'What it was last asked; test the server to ask it again.',
    params: Id,
    output: list(ServerToolEntry),
    errors: ['not_found'],
    example: whole([EXAMPLE_TOOL]),
    handle: ({ params }, { services, who }) => {
      const { id } = services.mcp.servers.get(who.user.id, params.id)
      return whole(services.mcp.pins.list(id).map(toolEntryOf))
    },
  }),
  endpoint({
    ...shared,
    method: 'post',
    path: '/api/mcp-servers/{id}/accept',
    scopes: ['admin'],
    summary: 'Accept tools as you have seen them',
    description: 'By their hash, so that nothing is accepted that changed in the meantime (409).',
    params: Id,
    body: Acceptance,
    output: Ok,
    errors: ['not_found', 'conflict'],
    example: OK,
    exampleBody: { tools: [{ name: 'mcp__notes__search', hash: HASH }] },
    handle: ({ params, body }, { services, who }) => {
      services.mcp.pins.accept(services.mcp.servers.get(who.user.id, params.id), body.tools, who.actor)
      return OK
    },
  }),
  endpoint({
    ...shared,
    method: 'put',
    path: '/api/mcp-servers/{id}/tools/{tool}',
    scopes: ['admin'],
    summary: 'Class a tool, or switch it on or off',
    description:
      'A tool is `execute` until you say what it does; `read` needs no yes but for what it tells its server, so say it only of what changes nothing. What a server says of its own tools counts for nothing here.',
    params: OfTool,
    body: Change,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    exampleBody: { effect: 'read' as const },
    handle: ({ params, body }, { services, who }) => {
      services.mcp.pins.set(services.mcp.servers.get(who.user.id, params.id), params.tool, body, who.actor)
      return OK
    },
  }),
]
