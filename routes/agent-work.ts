import { z } from 'zod'
import type { Services } from '../services/index.ts'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { Who } from '../services/who.ts'
import { endpoint } from './endpoint.ts'
import { AfterQuery, answerLog, LogPage, STREAM_ANSWERS, STREAM_DESCRIPTION } from './event-stream.ts'
import { RUN_EXAMPLE } from './run-shapes.ts'
import { EVENTS_EXAMPLE } from './runs.ts'

const Id = lazy(() => z.object({ id: z.string() }))
const RunWords = lazy(() => z.strictObject({ message: z.string().max(200_000).nullish() }))
const Words = lazy(() =>
  z.strictObject({
    content: z
      .string()
      .max(200_000)
      .refine((text) => text.trim() !== '', 'Write something'),
  }),
)
const Started = lazy(() => z.object({ run_id: z.string() }))
const STARTED = { run_id: RUN_EXAMPLE.id }

/** Notes it, and holds or frees what the agent has to do. */
function setPaused(id: string, paused: boolean, services: Services, who: Who): typeof OK {
  services.db.transact(() => {
    services.agents.setPaused(who.user.id, id, paused, who.actor)
    if (paused) services.runs.holdAgent(id)
  })
  if (!paused) services.runs.release()
  return OK
}

const common = { tag: 'Agents', role: 'user' as const }
const one = { params: Id, errors: ['not_found'] as const }

export const agentWorkEndpoints = [
  endpoint({
    ...common,
    ...one,
    method: 'post',
    path: '/api/agents/{id}/run',
    scopes: ['run'],
    status: 202,
    creates: { showsSecret: false },
    summary: 'Put it to work now',
    description: 'With a message it gets that instead of the call to carry out its instructions.',
    body: RunWords,
    output: Started,
    example: STARTED,
    exampleBody: { message: 'Only the meetings this time.' },
    handle: ({ params, body }, { services, who }) => {
      const agent = services.agents.get(who.user.id, params.id)
      return { run_id: services.agentWork.start(agent, body.message ?? undefined, who) }
    },
  }),
  endpoint({
    ...common,
    ...one,
    method: 'post',
    path: '/api/agents/{id}/message',
    scopes: ['run'],
    status: 202,
    creates: { showsSecret: false },
    summary: 'Say something to it in your lasting conversation',
    body: Words,
    output: Started,
    example: STARTED,
    exampleBody: { content: 'And what about tomorrow?' },
    handle: ({ params, body }, { services, who }) => {
      const agent = services.agents.get(who.user.id, params.id)
      return { run_id: services.agentWork.say(agent, body.content, who) }
    },
  }),
  endpoint({
    ...common,
    ...one,
    method: 'post',
    path: '/api/agents/{id}/stop',
    scopes: ['run'],
    summary: 'Stop everything it has to do',
    output: Ok,
    example: OK,
    handle: ({ params }, { services, who }) => {
      services.runs.stopWhere({ agentId: services.agents.get(who.user.id, params.id).id })
      return OK
    },
  }),
  endpoint({
    ...common,
    ...one,
    method: 'post',
    path: '/api/agents/{id}/pause',
    scopes: ['run'],
    summary: 'Hold it: nothing of it goes on until it is resumed',
    output: Ok,
    example: OK,
    handle: ({ params }, { services, who }) => setPaused(params.id, true, services, who),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'post',
    path: '/api/agents/{id}/resume',
    scopes: ['run'],
    summary: 'Let it go on',
    output: Ok,
    example: OK,
    handle: ({ params }, { services, who }) => setPaused(params.id, false, services, who),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'get',
    path: '/api/agents/{id}/events',
    scopes: ['read'],
    summary: 'The frames of all its runs',
    description: STREAM_DESCRIPTION,
    query: AfterQuery,
    output: LogPage,
    further: STREAM_ANSWERS,
    example: EVENTS_EXAMPLE,
    handle: ({ params, query }, context) => {
      const { services, who } = context
      const { id, userId } = services.agents.get(who.user.id, params.id)
      return answerLog(query, context, {
        log: services.eventLog.ofAgent(id),
        follow: (listener) => services.events.followUser(userId, (told) => told.agentId === id && listener(told)),
      })
    },
  }),
]
