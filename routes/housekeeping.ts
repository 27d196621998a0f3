import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { keyOf } from './auth.ts'
import { endpoint, type Context } from './endpoint.ts'
import { clientAddress } from './sign-in.ts'

const Days = lazy(() => z.number().int().min(1).max(36_500).nullable())
const Retention = lazy(() =>
  z.strictObject({
    transcripts_days: Days(),
    events_days: Days(),
    trash_days: Days(),
    notifications_days: Days(),
    deliveries_days: Days(),
    occurrences_days: Days(),
  }),
)
const RetentionChange = lazy(() => Retention().partial())
const RETENTION = {
  transcripts_days: null,
  events_days: 30,
  trash_days: 30,
  notifications_days: 90,
  deliveries_days: 365,
  occurrences_days: 365,
}

const Swept = lazy(() => z.object({ deleted: z.record(z.string(), z.number().int()), duration_ms: z.number().int() }))
const Bytes = lazy(() => z.number().int())
const DiskUse = lazy(() =>
  z.object({
    database: Bytes(),
    files: Bytes(),
    trash: Bytes(),
    backups: Bytes(),
    other: Bytes(),
    free: Bytes(),
    total: Bytes(),
  }),
)

/** The outside timer's secret, compared in the same time whatever is given. */
async function admitTimer({ config, services, req }: Context): Promise<void> {
  const expected = config.cronSecret
  if (expected === undefined)
    throw new AppError('unavailable', 'No CRON_SECRET is set, so nobody can ask for this from outside. The internal timer does the same work.') // prettier-ignore
  const given = keyOf(req) ?? ''
  const fits = await services.signInLimits.attempt(clientAddress(req), 'cron', async () =>
    timingSafeEqual(digest(given), digest(expected)) ? true : undefined,
  )
  if (!fits) throw new AppError('unauthorized', 'Send the value of CRON_SECRET as Authorization: Bearer <CRON_SECRET>.')
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

export const housekeepingEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/settings/retention',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'For how many days things are kept',
    description:
      '`null`: for good. `transcripts_days` counts from the end of a run; with the last of its runs a conversation goes. Entries of the audit log have their own: /api/settings/audit-retention.',
    output: Retention,
    example: RETENTION,
    handle: (_input, { services }) => services.retention.get(),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/retention',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change for how many days things are kept',
    description:
      'What is left out stays as it is. Older things go within a quarter of an hour. What is unfinished or waits for an answer stays.',
    body: RetentionChange,
    output: Ok,
    example: OK,
    exampleBody: { transcripts_days: 365 },
    handle: ({ body }, { services, who }) => (services.retention.change(body, who.actor), OK),
  }),
  endpoint({
    method: 'post',
    path: '/api/cron/retention',
    tag: 'Settings',
    role: 'public',
    scopes: [],
    summary: 'Let go of what has had its time, now',
    description:
      'For an outside timer: `Authorization: Bearer <CRON_SECRET>`; neither a cookie nor an API key will do. It does what the internal timer does every quarter of an hour, and answers how many rows went from each table when it is done. 503 where CRON_SECRET is not set.',
    output: Swept,
    errors: ['unauthorized', 'unavailable', 'rate_limited'],
    example: { deleted: { runs: 12, conversations: 3, events: 4711, trash: 0 }, duration_ms: 85 },
    handle: async (_input, context) => {
      await admitTimer(context)
      const started = performance.now()
      const deleted = await context.services.housekeeping.sweep()
      return { deleted, duration_ms: Math.round(performance.now() - started) }
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/disk-use',
    tag: 'Data',
    role: 'admin',
    scopes: ['read'],
    summary: 'What takes how much of the disk',
    description: 'In bytes, as the disk counts them; counted anew every half minute at most.',
    output: DiskUse,
    example: { database: 52428800, files: 1048576, trash: 0, backups: 104857600, other: 8192, free: 21474836480, total: 42949672960 }, // prettier-ignore
    handle: (_input, { services }) => services.diskUse.get(),
  }),
]
