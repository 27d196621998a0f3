import { z } from 'zod'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Budget = lazy(() => z.number().min(0).max(1_000_000).nullable())
const Limits = lazy(() =>
  z.strictObject({
    max_tool_calls: z.number().int().min(1).max(1_000),
    max_autonomous_runs_per_hour: z.number().int().min(1).max(100_000),
    max_concurrent_runs: z.number().int().min(1).max(1_000),
    max_concurrent_chats: z.number().int().min(1).max(1_000),
    daily_budget_usd: Budget(),
    monthly_budget_usd: Budget(),
  }),
)
const LimitsChange = lazy(() => Limits().partial())

const ProviderName = lazy(() => z.string().min(1).max(64))
const ModelId = lazy(() => z.string().min(1).max(200))
const Defaults = lazy(() =>
  z.object({
    default_provider: z.string(),
    available_providers: z.array(z.string()),
    default_model: z.string().nullable(),
  }),
)
const DefaultsChange = lazy(() =>
  z.strictObject({ default_provider: ProviderName().optional(), default_model: ModelId().nullable().optional() }),
)

const TEXT_LENGTH = 20_000
const Name = lazy(() =>
  z
    .string()
    .trim()
    .min(1)
    .max(40)
    .regex(/^[^\p{Cc}\u2028\u2029]*$/u, 'A name has no line breaks'),
)
const Personality = lazy(() =>
  z.strictObject({ agent_name: Name(), soul: z.string().max(TEXT_LENGTH), user: z.string().max(TEXT_LENGTH) }),
)
const PersonalityChange = lazy(() => Personality().partial())

const LIMITS = {
  max_tool_calls: 20,
  max_autonomous_runs_per_hour: 10,
  max_concurrent_runs: 3,
  max_concurrent_chats: 32,
  daily_budget_usd: 5,
  monthly_budget_usd: null,
}
const PERSONALITY = {
  agent_name: 'Steward',
  soul: 'Dry humour; says plainly what it thinks.',
  user: 'Anna, lives in Bergen, two children.',
}

export const settingEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/settings/limits',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'How much is done at once, in an hour, in one run, and for how much money',
    description: 'Budgets are in USD, for a day and a month of the time zone TZ; null is no budget.',
    output: Limits,
    example: LIMITS,
    handle: (_input, { services }) => services.limits.get(),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/limits',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change limits',
    description: 'What is left out stays as it is. Everything holds at once, a budget below what is spent too.',
    body: LimitsChange,
    output: Ok,
    example: OK,
    exampleBody: { max_concurrent_runs: 5, daily_budget_usd: 2.5 },
    handle: ({ body }, { services, who }) => (services.limits.change(body, who.actor), OK),
  }),
  endpoint({
    method: 'get',
    path: '/api/settings/provider',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'Which provider and model work unless another is named',
    description:
      '`available_providers` are those that are set up. `default_model` null: an everyday model of `default_provider`; GET /api/models says which.',
    output: Defaults,
    example: {
      default_provider: 'anthropic',
      available_providers: ['anthropic', 'openrouter', 'rehearsal'],
      default_model: null,
    },
    handle: (_input, { services }) => services.modelDefaults.get(),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/provider',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change the default provider or model',
    description:
      'What is left out stays as it is, but that a model brings its provider along, and another provider does away with a model picked before. 400 for a provider that is not set up.',
    body: DefaultsChange,
    output: Ok,
    example: OK,
    exampleBody: { default_provider: 'rehearsal' },
    handle: ({ body }, { services, who }) => (services.modelDefaults.change(body, who.actor), OK),
  }),
  endpoint({
    method: 'get',
    path: '/api/settings/personality',
    tag: 'Settings',
    role: 'user',
    scopes: ['read'],
    summary: 'How your agent is called, how it should be, and what it should know of you',
    output: Personality,
    example: PERSONALITY,
    handle: (_input, { services, who }) => {
      const { agentName, soul, user } = services.personalities.get(who.user.id)
      return { agent_name: agentName, soul, user }
    },
  }),
  endpoint({
    method: 'put',
    path: '/api/settings/personality',
    tag: 'Settings',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'Change these texts',
    description: 'They reach the model as your own words. What is left out stays as it is.',
    body: PersonalityChange,
    output: Ok,
    example: OK,
    exampleBody: PERSONALITY,
    handle: ({ body }, { services, who }) => {
      const { agent_name: agentName, soul, user } = body
      services.personalities.change(who.user.id, { agentName, soul, user }, who.actor)
      return OK
    },
  }),
]
