import { z } from 'zod'
import type { Services } from '../services/index.ts'
import type { Server } from '../services/mcp/rows.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'
import { EXAMPLE_TOOL, ServerToolEntry, toolEntryOf } from './mcp-tools.ts'

const Transport = lazy(() => z.enum(['stdio', 'http', 'sse']))
const EnvName = lazy(() => z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'Use letters, digits and underscores.'))
const EnvValue = lazy(() =>
  z.union([z.string().max(4_096), z.strictObject({ credential: z.string().min(1).max(200) })]),
)
const fields = lazy(() => ({
  transport: Transport(),
  command: z.string().trim().min(1).max(1_000).nullable().optional().describe('With stdio: what is started.'),
  args: z.array(z.string().max(4_096)).max(50).optional(),
  env: z
    .record(EnvName(), EnvValue())
    .refine((env) => Object.keys(env).length <= 50, 'At most 50.')
    .optional()
    .describe('Beside where programs and its home are: values, or `{"credential": "its key"}`.'),
  url: z.string().trim().min(1).max(4_096).nullable().optional().describe('With http and sse.'),
  credential: z
    .string()
    .min(1)
    .max(200)
    .nullable()
    .optional()
    .describe('Key of the credential that is sent as bearer.'),
  timeout_s: z.number().int().min(1).max(600).optional().describe('How long one call may take; 60 when absent.'),
  enabled: z.boolean().optional(),
  stays_in_house: z
    .boolean()
    .optional()
    .describe('It is yours and tells nobody: calls need no yes for what they tell it.'),
}))
const Name = lazy(() => z.string().trim().min(1).max(64))
const Draft = lazy(() => z.strictObject({ name: Name(), ...fields() }))
const Change = lazy(() => Draft().partial())
const Entry = lazy(() =>
  z
    .object({
      id: z.string(),
      name: z.string(),
      transport: Transport(),
      command: z.string().nullable(),
      args: z.array(z.string()),
      env: z.record(z.string(), EnvValue()),
      url: z.string().nullable(),
      credential: z.string().nullable(),
      timeout_s: z.number().int(),
      enabled: z.boolean(),
      stays_in_house: z.boolean(),
      status: z.enum(['running', 'idle', 'error', 'off']),
      last_error: z.string().nullable(),
      last_seen_at: Time().nullable(),
      tools: z.object({
        usable: z.number().int().describe('Accepted and switched on.'),
        waiting: z.number().int().describe('New or changed: to be looked at.'),
        total: z.number().int(),
      }),
      created_at: Time(),
      updated_at: Time(),
    })
    .meta({ id: 'McpServer' }),
)
const Tested = lazy(() =>
  z.object({ ok: z.boolean(), tools: z.array(ServerToolEntry()), error: z.string().optional() }),
)
const Id = lazy(() => z.object({ id: z.string() }))

const AT = '2026-11-22T08:00:00.000Z'
const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000021',
  name: 'notes',
  transport: 'http' as const,
  command: null,
  args: [],
  env: {},
  url: 'https://notes.example.com/mcp',
  credential: 'notes:token',
  timeout_s: 60,
  enabled: true,
  stays_in_house: false,
  status: 'idle' as const,
  last_error: null,
  last_seen_at: AT,
  tools: { usable: 4, waiting: 1, total: 5 },
  created_at: AT,
  updated_at: AT,
}

function shown(server: Server, { mcp }: Services): z.infer<ReturnType<typeof Entry>> {
  const { status, lastError, lastSeenAt } = mcp.connections.status(server)
  const tools = mcp.pins.list(server.id).filter(({ state }) => state !== 'gone')
  return {
    id: server.id,
    name: server.name,
    transport: server.transport,
    command: server.command,
    args: server.args,
    env: server.env,
    url: server.url,
    credential: server.credential,
    timeout_s: server.timeoutS,
    enabled: server.enabled,
    stays_in_house: server.staysInHouse,
    status,
    last_error: lastError,
    last_seen_at: lastSeenAt,
    tools: {
      usable: tools.filter((tool) => tool.state === 'accepted' && tool.enabled).length,
      waiting: tools.filter(({ state }) => state !== 'accepted').length,
      total: tools.length,
    },
    created_at: server.createdAt,
    updated_at: server.updatedAt,
  }
}

const shared = { tag: 'Tool servers', role: 'user' } as const

export const mcpServerEndpoints = [
  endpoint({
    ...shared,
    method: 'get',
    path: '/api/mcp-servers',
    scopes: ['read'],
    summary: 'Your tool servers, by name',
    description: 'Servers of the Model Context Protocol. Agents name all tools of one as `mcp__name`.',
    query: Cursor,
    output: list(Entry),
    example: whole([EXAMPLE]),
    handle: ({ query }, { services, who }) => {
      const page = services.mcp.servers.list(who.user.id, query)
      return { ...page, items: page.items.map((server) => shown(server, services)) }
    },
  }),
  endpoint({
    ...shared,
    method: 'post',
    path: '/api/mcp-servers',
    scopes: ['admin'],
    status: 201,
    creates: { showsSecret: false },
    summary: 'Add a tool server',
    description:
      'It is connected to when it is first tested or used; none of its tools can be called before you accepted it. Only an ' +
      'administrator may add one that runs a command (`stdio`), give it a credential, or name an address inside the house; ' +
      'such an address is reached where `stays_in_house` is set or ALLOWED_PRIVATE_HOSTS names it.',
    body: Draft,
    output: Entry,
    errors: ['conflict', 'forbidden'],
    example: { ...EXAMPLE, tools: { usable: 0, waiting: 0, total: 0 }, last_seen_at: null },
    exampleBody: { name: 'notes', transport: 'http' as const, url: 'https://notes.example.com/mcp' },
    handle: ({ body }, { services, who }) => shown(services.mcp.servers.create(who.user.id, body, who.actor), services),
  }),
  endpoint({
    ...shared,
    method: 'get',
    path: '/api/mcp-servers/{id}',
    scopes: ['read'],
    summary: 'One tool server',
    params: Id,
    output: Entry,
    errors: ['not_found'],
    example: EXAMPLE,
    handle: ({ params }, { services, who }) => shown(services.mcp.servers.get(who.user.id, params.id), services),
  }),
  endpoint({
    ...shared,
    method: 'put',
    path: '/api/mcp-servers/{id}',
    scopes: ['admin'],
    summary: 'Change a tool server',
    description:
      'What is left out stays as it is. Another command, address or environment is another server: its tools have to be accepted again.',
    params: Id,
    body: Change,
    output: Ok,
    errors: ['not_found', 'conflict', 'forbidden'],
    example: OK,
    exampleBody: { enabled: false },
    handle: ({ params, body }, { services, who }) => (
      services.mcp.servers.change(who.user.id, params.id, body, who.actor),
      OK
    ),
  }),
  endpoint({
    ...shared,
    method: 'delete',
    path: '/api/mcp-servers/{id}',
    scopes: ['admin'],
    summary: 'Remove a tool server',
    description: 'Its program is ended, and its tools go.',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (services.mcp.servers.remove(who.user.id, params.id, who.actor), OK),
  }),
  endpoint({
    ...shared,
    method: 'post',
    path: '/api/mcp-servers/{id}/test',
    scopes: ['admin'],
    summary: 'Connect now and look at its tools',
    description: 'Also where it failed so often that it is left alone.',
    params: Id,
    output: Tested,
    errors: ['not_found'],
    example: { ok: true, tools: [EXAMPLE_TOOL] },
    handle: async ({ params }, { services, who }) => {
      const outcome = await services.mcp.test(who.user.id, params.id, who.actor)
      return { ...outcome, tools: services.mcp.pins.list(params.id).map(toolEntryOf) }
    },
  }),
]
