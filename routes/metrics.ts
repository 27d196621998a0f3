import { endpoint } from './endpoint.ts'

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'

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
    handle: async (_input, { services, res }) => {
      const text = await services.metrics.text()
      res.set('Content-Type', TEXT).send(text)
      return undefined
    },
  }),
]
