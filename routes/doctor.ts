import { z } from 'zod'
import { SEVERITIES } from '../services/doctor/finding.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Finding = lazy(() =>
  z.object({
    id: z.string(),
    severity: z.enum(SEVERITIES),
    title: z.string(),
    detail: z.string(),
    fix: z.string(),
  }),
)
const Report = lazy(() => z.object({ items: z.array(Finding()), ok: z.boolean() }))

export const doctorEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/doctor',
    operationId: 'getDoctor',
    tag: 'Health',
    role: 'admin',
    scopes: ['admin'],
    summary: 'What exposes the house, and how to mend it',
    description: 'The worst first. `ok` is false where something is critical. The same as `npm run doctor`.',
    output: Report,
    example: {
      items: [
        {
          id: 'budgets',
          severity: 'info' as const,
          title: 'There is no limit to what Steward may spend.',
          detail: 'Neither a daily nor a monthly budget is set.',
          fix: 'Set one under Settings, Limits.',
        },
      ],
      ok: true,
    },
    handle: (_input, { services }) => services.doctor.examine(),
  }),
]
