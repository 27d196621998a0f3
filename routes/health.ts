import { z } from 'zod'
import { CHECKS, type HealthReport } from '../services/health.ts'
import type { Services } from '../services/index.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { Lane } from './control.ts'
import { endpoint, type Context } from './endpoint.ts'

const Live = lazy(() => z.object({ status: z.literal('ok'), version: z.string() }))
const State = lazy(() => z.enum(['ok', 'degraded', 'unhealthy', 'off']))
const Report = lazy(() => z.object(report()).meta({ id: 'Readiness' }))
const Detailed = lazy(() =>
  z.object({
    ...report(),
    latencies_ms: z.object(everyCheck(z.number())),
    versions: z.object({ steward: z.string(), node: z.string(), sqlite: z.string(), schema: z.number() }),
    uptime_s: z.number(),
    memory: z.object({
      rss_bytes: z.number(),
      heap_total_bytes: z.number(),
      heap_used_bytes: z.number(),
      external_bytes: z.number(),
    }),
    event_loop_delay_ms: z.number(),
    database: z.object({ size_bytes: z.number(), wal_bytes: z.number() }),
    disk: z.object({ free_bytes: z.number(), total_bytes: z.number() }),
    queue: Lane().extend({
      waiting: z.number(),
      paused: z.number(),
      is_paused: z.boolean(),
      chats: Lane(),
      runs: Lane(),
    }),
  }),
)

const report = () => ({
  status: z.enum(['ok', 'degraded', 'unhealthy']),
  checks: z.object(everyCheck(State())),
  warnings: z.array(z.string()),
  issues: z.array(z.string()),
})

const everyCheck = <T>(value: T) =>
  Object.fromEntries(CHECKS.map((name) => [name, value])) as Record<(typeof CHECKS)[number], T>

const REPORT_EXAMPLE = {
  status: 'ok' as const,
  checks: { ...everyCheck('ok' as const), mail: 'off' as const, telegram: 'off' as const },
  warnings: [],
  issues: [],
}
const UNHEALTHY_EXAMPLE = {
  ...REPORT_EXAMPLE,
  status: 'unhealthy' as const,
  checks: { ...REPORT_EXAMPLE.checks, database: 'unhealthy' as const },
  issues: ['The database cannot be read.'],
}
const DETAILED_EXAMPLE = {
  ...REPORT_EXAMPLE,
  latencies_ms: { ...everyCheck(0.004), database: 0.021 },
  versions: { steward: '0.1.0', node: '24.21.0', sqlite: '3.51.0', schema: 4 },
  uptime_s: 3600,
  memory: { rss_bytes: 9e7, heap_total_bytes: 4e7, heap_used_bytes: 3e7, external_bytes: 4e6 },
  event_loop_delay_ms: 0.3,
  database: { size_bytes: 1_048_576, wal_bytes: 0 },
  disk: { free_bytes: 5e10, total_bytes: 1e11 },
  queue: {
    running: 0,
    queued: 0,
    max_concurrent: 3,
    waiting: 0,
    paused: 0,
    is_paused: false,
    chats: { running: 0, queued: 0, max_concurrent: 32 },
    runs: { running: 0, queued: 0, max_concurrent: 3 },
  },
}

const UNHEALTHY = 'The same report of a house that is unhealthy.'

const CHECKS_DESCRIPTION =
  'Each check is `ok`, `degraded`, `unhealthy`, or `off` where that thing is not there or not set up. `issues` say what is unhealthy, `warnings` what else the owner should know.'

const live = (path: string) =>
  endpoint({
    method: 'get',
    path,
    tag: 'Health',
    role: 'public',
    scopes: [],
    summary: 'The process lives',
    output: Live,
    example: { status: 'ok', version: '0.1.0' },
    handle: (_input, { services }) => ({ status: 'ok' as const, version: services.version }),
  })

const ready = (path: string) =>
  endpoint({
    method: 'get',
    path,
    tag: 'Health',
    role: 'public',
    scopes: [],
    summary: 'The house is in order',
    description: `503 only when unhealthy. ${CHECKS_DESCRIPTION}`,
    output: Report,
    further: [{ status: 503, description: UNHEALTHY, output: Report, example: UNHEALTHY_EXAMPLE }],
    example: REPORT_EXAMPLE,
    handle: (_input, context) => withStatus(context.services.health.ready(), context),
  })

/** 503 goes with the report itself, so that whoever looks also learns why. */
function withStatus<T extends HealthReport>(report: T, { res }: Context): T {
  if (report.status === 'unhealthy') res.status(503).json(report)
  return report
}

async function detailed({ health, vitals, control }: Services) {
  const delay = await vitals.eventLoopDelayMs()
  return {
    ...health.detailed(),
    versions: vitals.versions(),
    uptime_s: vitals.uptimeSeconds(),
    memory: vitals.memory(),
    event_loop_delay_ms: delay,
    database: vitals.database(),
    disk: vitals.disk(),
    queue: control.counts(),
  }
}

export const healthEndpoints = [
  live('/health'),
  live('/health/live'),
  ready('/health/ready'),
  ready('/ready'),
  endpoint({
    method: 'get',
    path: '/health/detailed',
    tag: 'Health',
    role: 'user',
    scopes: ['read'],
    summary: 'The house and its machine in figures',
    description: `What /ready says, how long each check took, and how the process is. 503 only when unhealthy. ${CHECKS_DESCRIPTION}`,
    output: Detailed,
    further: [
      { status: 503, description: UNHEALTHY, output: Detailed, example: { ...DETAILED_EXAMPLE, ...UNHEALTHY_EXAMPLE } },
    ],
    example: DETAILED_EXAMPLE,
    handle: async (_input, context) => withStatus(await detailed(context.services), context),
  }),
]
