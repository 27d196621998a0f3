import { z } from 'zod'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Live = lazy(() => z.object({ status: z.literal('ok'), version: z.string() }))
const Ready = lazy(() =>
  z
    .object({
      status: z.enum(['ok', 'degraded', 'unhealthy']),
      checks: z.record(z.string(), z.string()),
      warnings: z.array(z.string()),
      issues: z.array(z.string()),
    })
    .meta({ id: 'Readiness' }),
)

const REPORT = {
  status: 'ok' as const,
  checks: { database: 'ok', vault: 'ok', schema: 'ok', disk: 'ok', models: 'ok' },
  warnings: [],
  issues: [],
}

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
    description: '503 only when unhealthy.',
    output: Ready,
    example: REPORT,
    further: [
      {
        status: 503,
        description: 'The same report of a house that is unhealthy.',
        output: Ready,
        example: {
          ...REPORT,
          status: 'unhealthy' as const,
          checks: { ...REPORT.checks, database: 'The database cannot be written to.' },
          issues: ['The database cannot be written to.'],
        },
      },
    ],
    handle: (_input, { services, res }) => {
      const report = services.health.ready()
      if (report.status === 'unhealthy') res.status(503).json(report)
      return report
    },
  })

export const healthEndpoints = [live('/health'), live('/health/live'), ready('/health/ready'), ready('/ready')]
