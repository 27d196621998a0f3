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
    yields: z.object({ integrity: z.enum(['owner', 'third_party']), privacy: z.enum(['public', 'private']) }),
    recovery: z.enum(['redo', 'verify', 'ask']),
  }),
)
const ToolEntry = lazy(() =>
  z.object({ name: z.string(), description: z.string(), operations: z.array(OperationEntry()) }),
)

function operationEntry([name, operation]: [string, Operation]) {
  const { description, effect, destructive, attendedOnly: attended_only, yields, recovery } = operation
  return { name, description, effect, destructive, attended_only, yields, recovery }
}

function toolEntry({ name, description, operations }: Tool) {
  return { name, description, operations: Object.entries(operations).map(operationEntry) }
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
        operations: [
          {
            name: 'search',
            description: 'Search the web.',
            effect: 'read' as const,
            destructive: false,
            attended_only: false,
            yields: { integrity: 'third_party' as const, privacy: 'public' as const },
            recovery: 'redo' as const,
          },
        ],
      },
    ]),
    handle: (_input, { services }) => whole(services.registry.tools().map(toolEntry)),
  }),
]
