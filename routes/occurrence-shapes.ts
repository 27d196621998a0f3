import { z } from 'zod'
import { Cursor, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'

/** The ledger of a schedule, as agents and tasks answer it. */

const Moment = lazy(() => z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString()))

export const OccurrenceQuery = lazy(() => Cursor().extend({ from: Moment().optional(), to: Moment().optional() }))

export const Occurrences = lazy(() =>
  z.object({
    items: z.array(
      z.object({
        due_at: Time(),
        until_at: Time(),
        count: z.number(),
        state: z.enum(['ran', 'skipped', 'missed', 'merged']),
        reason: z.string(),
        run_id: z.string().nullable(),
        recorded_at: Time(),
      }),
    ),
    next_cursor: z.string().nullable(),
    total: z.number(),
    total_is_min: z.boolean().optional(),
    counts: z.object({ ran: z.number(), skipped: z.number(), missed: z.number(), merged: z.number() }),
  }),
)

export const OCCURRENCES_EXAMPLE = {
  items: [
    {
      due_at: '2026-11-22T08:00:00.000Z',
      until_at: '2026-11-22T08:00:00.000Z',
      count: 1,
      state: 'ran' as const,
      reason: '',
      run_id: '019a9d2e-7c1a-7000-8000-000000000021',
      recorded_at: '2026-11-22T08:00:00.120Z',
    },
  ],
  next_cursor: null,
  total: 1,
  counts: { ran: 1, skipped: 0, missed: 0, merged: 0 },
}
