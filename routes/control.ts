import { z } from 'zod'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

export const Lane = lazy(() => z.object({ running: z.number(), queued: z.number(), max_concurrent: z.number() }))
const Item = lazy(() =>
  z.object({
    run_id: z.string(),
    name: z.string().nullable(),
    origin: z.string(),
    agent_id: z.string().nullable(),
    task_id: z.string().nullable(),
    conversation_id: z.string(),
    status: z.enum(['queued', 'waiting', 'paused']),
    lane: z.enum(['chat', 'background']),
    position: z.number().nullable(),
    reason: z.string(),
    created_at: Time(),
  }),
)
const QueueShape = lazy(() =>
  Lane().extend({
    waiting: z.number(),
    paused: z.number(),
    is_paused: z.boolean(),
    chats: Lane(),
    runs: Lane(),
    items: z.array(Item()),
  }),
)

const EXAMPLE = {
  running: 1,
  queued: 0,
  max_concurrent: 3,
  waiting: 0,
  paused: 0,
  is_paused: false,
  chats: { running: 1, queued: 0, max_concurrent: 32 },
  runs: { running: 0, queued: 0, max_concurrent: 3 },
  items: [],
}

export const controlEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/status',
    tag: 'Status and control',
    role: 'user',
    scopes: ['read'],
    summary: 'Whether everything is paused, whether the flow guard stands, and how the agent is called',
    output: lazy(() => z.object({ paused: z.boolean(), flow_guard: z.boolean(), agent_name: z.string() })),
    example: { paused: false, flow_guard: true, agent_name: 'Steward' },
    handle: (_input, { services, who }) => ({
      paused: services.settings.get('paused'),
      flow_guard: services.settings.get('flow_guard'),
      agent_name: services.personalities.get(who.user.id).agentName,
    }),
  }),
  endpoint({
    method: 'post',
    path: '/api/pause',
    tag: 'Status and control',
    role: 'admin',
    scopes: ['run', 'admin'],
    summary: 'Hold everything',
    description: 'No model call, no tool and nothing outgoing starts any more, until /api/resume. Nothing is lost.',
    output: Ok,
    example: OK,
    handle: (_input, { services, who }) => (services.control.pause(who.actor), OK),
  }),
  endpoint({
    method: 'post',
    path: '/api/resume',
    tag: 'Status and control',
    role: 'admin',
    scopes: ['run', 'admin'],
    summary: 'Go on where everything stood',
    output: Ok,
    example: OK,
    handle: (_input, { services, who }) => (services.control.resume(who.actor), OK),
  }),
  endpoint({
    method: 'get',
    path: '/api/queue',
    operationId: 'getQueue',
    tag: 'Status and control',
    role: 'user',
    scopes: ['read'],
    summary: 'What goes on and what waits, and why',
    description:
      'The counts are of the whole house, `max_concurrent` is that of runs nobody watches; `items` are the first 200 of yours that wait.',
    output: QueueShape,
    example: EXAMPLE,
    handle: (_input, { services, who }) => services.control.queue(who.user.id) as never,
  }),
]
