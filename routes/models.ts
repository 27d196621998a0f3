import { z } from 'zod'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Price = lazy(() => z.number().nullable())
const Info = lazy(() =>
  z.object({
    id: z.string(),
    name: z.string(),
    provider: z.string(),
    context_length: z.number().nullable(),
    pricing: z.object({ prompt: Price(), completion: Price() }),
    capabilities: z.object({ vision: z.boolean(), tools: z.boolean(), online: z.boolean() }),
    private_ok: z.boolean(),
  }),
)

export const modelEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/models',
    operationId: 'listModels',
    tag: 'Models',
    role: 'user',
    scopes: ['read'],
    summary: 'The models that can be used now, and the one used unless another is named',
    output: lazy(() =>
      z.object({ models: z.array(z.string()), default: z.string(), warnings: z.array(z.string()).optional() }),
    ),
    example: { models: ['anthropic:claude-sonnet-5-5', 'rehearsal:offline'], default: 'anthropic:claude-sonnet-5-5' },
    handle: async (_input, { services }) => {
      const { models, default: standard, warnings } = await services.models.list()
      return { models: models.map(({ id }) => id), default: standard, ...(warnings.length > 0 ? { warnings } : {}) }
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/models/info',
    tag: 'Models',
    role: 'user',
    scopes: ['read'],
    description: '`private_ok` is false for the models of providers that may be told only what is public.',
    summary: 'The same models with context length, prices (USD per million tokens) and capabilities',
    output: lazy(() => z.array(Info())),
    example: [
      {
        id: 'anthropic:claude-sonnet-5-5',
        name: 'Claude Sonnet 5.5',
        provider: 'anthropic',
        context_length: 1_000_000,
        pricing: { prompt: 2, completion: 10 },
        capabilities: { vision: true, tools: true, online: false },
        private_ok: true,
      },
    ],
    handle: (_input, { services }) => services.models.info(),
  }),
]
