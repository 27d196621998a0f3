import { z } from 'zod'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Live = lazy(() => z.object({ status: z.literal('ok'), version: z.string() }))
const Ready = lazy(() =>
  z.object({
    status: z.enum(['ok', 'degraded', 'unhealthy']),
    checks: z.record(z.string(), z.string()),
    warnings: z.array(z.string()),
    issues: z.array(z.string()),
  }),
)

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
    errors: ['unavailable'],
    example: {
      status: 'ok',
      checks: { database: 'ok', vault: 'ok', schema: 'ok', disk: 'ok', models: 'ok' },
      warnings: [],
      issues: [],
    },
    handle: (_input, { services, res }) => {
      const report = services.health.ready()
      if (report.status === 'unhealthy') res.status(503).json(report)
      return report
    },
  })

export const healthEndpoints = [live('/health'), live('/health/live'), ready('/health/ready'), ready('/ready')]
