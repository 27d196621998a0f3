import { endpoint } from './endpoint.ts'

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'

const EXAMPLE = `# HELP steward_runs_ended_total Runs that ended.
# TYPE steward_runs_ended_total counter
steward_runs_ended_total{origin="chat",status="succeeded"} 12
`

export const metricsEndpoints = [
  endpoint({
    method: 'get',
    path: '/metrics',
    tag: 'Health',
    role: 'admin',
    scopes: ['read'],
    summary: 'Figures for Prometheus',
    description:
      'In the text format 0.0.4: requests, runs, turns, tokens and cost, tool calls, questions, the outbox, sockets, the process, the database. Counters count since the process started. Labels are names that Steward knows beforehand, never what somebody wrote.',
    media: 'text/plain',
    example: EXAMPLE,
    handle: async (_input, { services, res }) => {
      const text = await services.metrics.text()
      res.set('Content-Type', TEXT).send(text)
      return undefined
    },
  }),
]
