import { z } from 'zod'
import type { Operation, Tool } from '../services/agent/tool.ts'
import { list, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const OperationEntry = lazy(() =>
  z.object({
    name: z.string(),
    description: z.string(),
    effect: z.enum(['read', 'write', 'send', 'execute']),
    destructive: z.boolean(),
    attended_only: z.boolean(),
    listed_only: z.boolean().describe('An agent has it only where its tools name it.'),
    yields: z.object({ integrity: z.enum(['owner', 'third_party']), privacy: z.enum(['public', 'private']) }),
    recovery: z.enum(['redo', 'verify', 'ask']).describe('What is done about it after a crash in the middle.'),
    timeout_ms: z.number().int(),
    arguments: z.record(z.string(), z.unknown()).describe('JSON Schema of its arguments.'),
  }),
)
const ToolEntry = lazy(() =>
  z.object({
    name: z.string(),
    description: z.string(),
    server: z.string().nullable().describe('The tool server that it belongs to; its `arguments` name no operation.'),
    operations: z.array(OperationEntry()),
  }),
)
const Name = lazy(() => z.object({ name: z.string() }))
const Order = lazy(() =>
  z.strictObject({
    arguments: z.record(z.string(), z.unknown()).describe('As a model would write them, `operation` included.'),
  }),
)
const Executed = lazy(() =>
  z.object({
    run_id: z.string(),
    call_id: z.string(),
    success: z.boolean(),
    content: z.string().describe('What a model would have read.'),
    integrity: z.enum(['owner', 'third_party']),
    privacy: z.enum(['public', 'private']),
  }),
)
const DEFAULT_TIMEOUT_MS = 60_000

function operationEntry(tool: Tool, [name, operation]: [string, Operation]) {
  const { description, effect, destructive, attendedOnly: attended_only, yields, recovery } = operation
  return {
    name,
    description,
    effect,
    destructive,
    attended_only,
    listed_only: operation.listedOnly === true,
    yields,
    recovery,
    timeout_ms: operation.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    arguments: argumentsOf(tool, operation),
  }
}

function argumentsOf({ alone }: Tool, operation: Operation): Record<string, unknown> {
  return alone?.schema.inputSchema ?? (z.toJSONSchema(operation.input(), { io: 'input' }) as Record<string, unknown>)
}

function toolEntry(tool: Tool) {
  const { name, description, operations } = tool
  const server = tool.alone ? (/^mcp__([a-z0-9-]+)__/.exec(name)?.[1] ?? null) : null
  return { name, description, server, operations: Object.entries(operations).map((one) => operationEntry(tool, one)) }
}

export const toolEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/tools',
    tag: 'Tools',
    role: 'user',
    scopes: ['read'],
    summary: 'The tools of this house and what they can do',
    description:
      'What `allowed_tools` of an agent may name: a tool as a whole, or one operation as `tool.operation`. `yields` are the worst labels a result can have.',
    output: list(ToolEntry),
    example: whole([
      {
        name: 'web',
        description: 'Search the web and read pages.',
        server: null,
        operations: [
          {
            name: 'search',
            description: 'Search the web.',
            effect: 'read' as const,
            destructive: false,
            attended_only: false,
            listed_only: false,
            yields: { integrity: 'third_party' as const, privacy: 'public' as const },
            recovery: 'redo' as const,
            timeout_ms: 60_000,
            arguments: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] },
          },
        ],
      },
    ]),
    handle: (_input, { services, who }) => whole(services.registry.tools(who.user.id).map(toolEntry)),
  }),
  endpoint({
    method: 'post',
    path: '/api/tools/{name}/execute',
    tag: 'Tools',
    role: 'user',
    scopes: ['run'],
    summary: 'Call a tool once, without a model',
    description:
      'Decided, written down and audited as a call of an unattended run of its own. Nobody is asked: what would need your yes is ' +
      '409 `approval_required`, and what is not allowed 403. A tool that failed is 200 with `success: false`.',
    params: Name,
    body: Order,
    output: Executed,
    errors: ['not_found', 'approval_required', 'forbidden', 'unavailable'],
    example: {
      run_id: '019a9d2e-7c1a-7000-8000-000000000004',
      call_id: '019a9d2e-7c1a-7000-8000-000000000005',
      success: true,
      content: 'feeding.txt',
      integrity: 'third_party' as const,
      privacy: 'private' as const,
    },
    exampleBody: { arguments: { operation: 'list_directory', path: '/home/anna/notes' } },
    handle: ({ params, body }, { services, who }) =>
      services.runs.execute({
        userId: who.user.id,
        tool: params.name,
        arguments: body.arguments,
        integrity: who.input,
        by: who.by,
        apiKeyId: who.via === 'key' ? who.keyId : undefined,
      }),
  }),
]
