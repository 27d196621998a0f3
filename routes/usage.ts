import { z } from 'zod'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Day = lazy(() => z.iso.date())
const Group = lazy(() => z.enum(['day', 'agent', 'model']))
const Totals = lazy(() =>
  z.object({
    turns: z.number().int(),
    unknown_turns: z.number().int(),
    input_tokens: z.number().int(),
    output_tokens: z.number().int(),
    cost_usd: z.number().nullable(),
  }),
)
const Budget = lazy(() =>
  z.object({ spent_usd: z.number(), reserved_usd: z.number(), limit_usd: z.number().nullable() }),
)
const Usage = lazy(() =>
  z
    .object({
      from: Day(),
      to: Day(),
      group: Group(),
      timezone: z.string(),
      rows: z.array(Totals().extend({ key: z.string(), label: z.string() })),
      total: Totals(),
      budgets: z.object({ day: Budget(), month: Budget() }),
    })
    .meta({ id: 'Usage' }),
)
const Query = lazy(() =>
  z
    .object({
      from: Day().optional().describe('The first day, counted in.'),
      to: Day().optional().describe('The last day, counted in.'),
      group: Group().default('day').describe('What a row stands for.'),
    })
    .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
      path: ['from'],
      message: 'The first day must not come after the last',
    }),
)

const TOTALS = { turns: 12, unknown_turns: 0, input_tokens: 24_000, output_tokens: 3_100, cost_usd: 0.079 }

export const usageEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/usage',
    operationId: 'getUsage',
    tag: 'Usage',
    role: 'user',
    scopes: ['read'],
    summary: 'What models were used for and what it cost, by day, agent or model',
    description:
      'Days (`from` to `to`, both counted in; the last 30 unless given) are those of the time zone TZ. `cost_usd` is of the turns whose price is known, null where that is none of them; `unknown_turns` counts the others. `budgets` says how the whole house stands today and this month.',
    query: Query,
    output: Usage,
    example: {
      from: '2026-11-01',
      to: '2026-11-30',
      group: 'agent' as const,
      timezone: 'Europe/Oslo',
      rows: [{ key: '', label: 'Chat', ...TOTALS }],
      total: TOTALS,
      budgets: {
        day: { spent_usd: 0.079, reserved_usd: 0, limit_usd: 5 },
        month: { spent_usd: 1.2, reserved_usd: 0, limit_usd: null },
      },
    },
    handle: ({ query }, { services, who }) => ({
      ...services.usage.list(who.user.id, query),
      budgets: services.budgets.state(),
    }),
  }),
]
