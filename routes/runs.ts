import { z } from 'zod'
import { Cursor, list, Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { EmailMessage } from './email-messages.ts'
import { endpoint } from './endpoint.ts'
import { AfterQuery, answerLog, LogPage, STREAM_ANSWERS, STREAM_DESCRIPTION } from './event-stream.ts'
import { Attachment, Call, ORIGINS, Part, RUN_EXAMPLE, RunEntry, STATUSES } from './run-shapes.ts'

const Id = lazy(() => z.object({ id: z.string() }))
const Filter = lazy(() =>
  Cursor().extend({
    status: z.enum(STATUSES).optional().describe('Only those that stand so.'),
    agent_id: z.string().min(1).max(64).optional().describe('Only those of this agent.'),
    task_id: z.string().min(1).max(64).optional().describe('Only those of this task.'),
    origin: z.enum(ORIGINS).optional().describe('Only those that came about so.'),
  }),
)
const RunList = list(RunEntry)
const RunDetail = lazy(() =>
  RunEntry()
    .extend({
      agent_name: z.string().nullable(),
      task_name: z.string().nullable(),
      error_code: z.string().nullable(),
      reason: z.string().nullable(),
      transcript: z.array(Part()),
      calls: z.array(Call()),
      children: z.array(RunEntry()),
      attachments: z.array(Attachment()),
      email: EmailMessage().nullable(),
    })
    .meta({ id: 'RunDetail' }),
)

const DETAIL_EXAMPLE = {
  ...RUN_EXAMPLE,
  agent_name: 'Daily Summary',
  task_name: null,
  error_code: null,
  reason: null,
  transcript: [{ type: 'text' as const, text: RUN_EXAMPLE.answer }],
  calls: [],
  children: [],
  attachments: [],
  email: null,
}

export const EVENTS_EXAMPLE = {
  events: [
    {
      seq: 12,
      type: 'run',
      run_id: RUN_EXAMPLE.id,
      data: { status: 'running' },
      timestamp: '2026-11-22T08:00:00.000Z',
    },
  ],
  next: 12,
  oldest: 11,
  gap: false,
}

const common = { tag: 'Runs', role: 'user' as const }

export const runEndpoints = [
  endpoint({
    ...common,
    method: 'get',
    path: '/api/runs',
    scopes: ['read'],
    summary: 'What ran, runs and waits, newest first',
    description:
      '`input` and `answer` are the first 200 characters. Above 10,000 matches `total` stops counting and `total_is_min` is true.',
    query: Filter,
    output: RunList,
    example: { items: [RUN_EXAMPLE], next_cursor: null, total: 1 },
    handle: ({ query }, { services, who }) => services.history.list(who.user.id, query),
  }),
  endpoint({
    ...common,
    method: 'get',
    path: '/api/runs/{id}',
    scopes: ['read'],
    summary: 'One run: what was asked, said, done and decided, and what it cost',
    description: '`reason` says why it waits. `calls` are its tool calls with who agreed to them.',
    params: Id,
    output: RunDetail,
    errors: ['not_found'],
    example: DETAIL_EXAMPLE,
    handle: ({ params }, { services, who }) => services.runDetails.of(services.runDetails.get(who.user.id, params.id)),
  }),
  endpoint({
    ...common,
    method: 'post',
    path: '/api/runs/{id}/stop',
    scopes: ['run'],
    summary: 'Stop it wherever it is',
    description: 'What was said is kept. One that has ended stays as it is.',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (
      services.runs.stop(services.runDetails.get(who.user.id, params.id)),
      OK
    ),
  }),
  endpoint({
    ...common,
    method: 'get',
    path: '/api/runs/{id}/events',
    scopes: ['read'],
    summary: 'The frames of a run, as its conversation was told them',
    description: `${STREAM_DESCRIPTION} It ends with the run; after that it answers 204 where nothing is new.`,
    params: Id,
    query: AfterQuery,
    output: LogPage,
    further: STREAM_ANSWERS,
    errors: ['not_found'],
    example: EVENTS_EXAMPLE,
    handle: ({ params, query }, context) => {
      const { services, who } = context
      const run = services.runDetails.get(who.user.id, params.id)
      const { id, conversationId } = run
      return answerLog(query, context, {
        log: services.eventLog.ofRun(run),
        follow: (listener) => services.events.follow(conversationId, (told) => told.runId === id && listener(told)),
      })
    },
  }),
]
