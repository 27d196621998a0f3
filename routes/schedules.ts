import { z } from 'zod'
import { loadValidator } from '../services/schedules/check.ts'
import { Cursor, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const STATES = ['ran', 'skipped', 'missed', 'merged'] as const

export const Occurrence = lazy(() =>
  z
    .object({
      due_at: Time(),
      until_at: Time(),
      count: z.number().int(),
      state: z.enum(STATES),
      reason: z.string(),
      run_id: z.string().nullable(),
      recorded_at: Time(),
    })
    .meta({ id: 'Occurrence' }),
)
export const OCCURRENCE_EXAMPLE = {
  due_at: '2026-11-22T07:00:00.000Z',
  until_at: '2026-11-22T07:00:00.000Z',
  count: 1,
  state: 'ran' as const,
  reason: '',
  run_id: '019a9d2e-7c1a-7000-8000-000000000004',
  recorded_at: '2026-11-22T07:00:00.004Z',
}

/** A moment, whichever offset it is written with; an answer's form, so that it compares with what is stored. */
const Moment = lazy(() => z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString()))

export const OccurrenceQuery = lazy(() =>
  Cursor().extend({
    from: Moment().optional().describe('Not before this instant.'),
    to: Moment().optional().describe('Not after it.'),
  }),
)
export const Occurrences = lazy(() =>
  z.object({
    items: z.array(Occurrence()),
    next_cursor: z.string().nullable(),
    total: z.number().int(),
    total_is_min: z.boolean().optional(),
    counts: z.object({ ran: z.number(), skipped: z.number(), missed: z.number(), merged: z.number() }),
  }),
)
export const OCCURRENCES_EXAMPLE = {
  items: [OCCURRENCE_EXAMPLE],
  next_cursor: null,
  total: 1,
  counts: { ran: 1, skipped: 0, missed: 0, merged: 0 },
}
export const OCCURRENCES_DESCRIPTION =
  'Newest first. Each time it was due stands in exactly one row; a long silence is one row with its `count`, from `due_at` to `until_at`. `total` counts rows, `counts` times; above 10,000 rows both stop and `total_is_min` is true.'

/** What a schedule is checked with is loaded before the first one is saved. */
export async function withValidator<T>(input: T): Promise<T> {
  await loadValidator()
  return input
}

const Draft = lazy(() =>
  z.strictObject({ schedule: z.string().max(200), timezone: z.string().trim().min(1).max(100).nullish() }),
)
const Preview = lazy(() => z.object({ timezone: z.string(), next: z.array(Time()) }))
const Id = lazy(() => z.object({ id: z.string() }))

export const scheduleEndpoints = [
  endpoint({
    method: 'post',
    path: '/api/schedules/preview',
    operationId: 'previewSchedule',
    tag: 'Tasks',
    role: 'user',
    scopes: ['read'],
    summary: 'The next five times of a cron expression',
    description:
      "The time zone is the house's where none is given. An expression that cannot be read is refused as at saving.",
    body: Draft,
    output: Preview,
    example: {
      timezone: 'Europe/Berlin',
      next: [23, 24, 25, 26, 27].map((day) => `2026-11-${day}T07:00:00.000Z`),
    },
    exampleBody: { schedule: '0 8 * * 1-5', timezone: 'Europe/Berlin' },
    prepare: withValidator,
    handle: ({ body }, { services }) => services.schedules.preview(body),
  }),
  endpoint({
    method: 'get',
    path: '/api/agents/{id}/occurrences',
    tag: 'Agents',
    role: 'user',
    scopes: ['read'],
    summary: 'Every time the agent was due, and what became of it',
    description: OCCURRENCES_DESCRIPTION,
    params: Id,
    query: OccurrenceQuery,
    output: Occurrences,
    errors: ['not_found'],
    example: OCCURRENCES_EXAMPLE,
    handle: ({ params, query }, { services, who }) =>
      services.schedules.occurrences(services.agents.get(who.user.id, params.id).id, query),
  }),
]
