import { z } from 'zod'
import type { Services } from '../services/index.ts'
import { byHand, taskIntake } from '../services/schedules/work.ts'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { TaskChange, TaskDraft } from '../services/shapes/task.ts'
import type { Task } from '../services/tasks.ts'
import type { Who } from '../services/who.ts'
import { endpoint } from './endpoint.ts'
import { LastRun, RUN_EXAMPLE, RunEntry } from './run-shapes.ts'
import {
  Occurrence,
  OCCURRENCE_EXAMPLE,
  OccurrenceQuery,
  Occurrences,
  OCCURRENCES_DESCRIPTION,
  OCCURRENCES_EXAMPLE,
  withValidator,
} from './schedules.ts'

const TaskShape = lazy(() =>
  z
    .object({
      id: z.string(),
      name: z.string(),
      prompt: z.string(),
      integrity: z.enum(['owner', 'third_party']),
      agent_id: z.string().nullable(),
      model: z.string().nullable(),
      schedule: z.string().nullable(),
      run_at: Time().nullable(),
      timezone: z.string(),
      catch_up: z.boolean(),
      next_run_at: Time().nullable(),
      enabled: z.boolean(),
      allowed_tools: z.array(z.string()).nullable(),
      max_tool_calls: z.number().nullable(),
      max_cost_usd: z.number().nullable(),
      last_occurrence: Occurrence().nullable(),
      last_run: LastRun().nullable(),
      input_tokens: z.number(),
      output_tokens: z.number(),
      cost_usd: z.number().nullable(),
      created_at: Time(),
      updated_at: Time(),
      user_id: z.string(),
    })
    .meta({ id: 'Task' }),
)
const TaskDetail = lazy(() =>
  TaskShape()
    .extend({ runs: z.array(RunEntry()) })
    .meta({ id: 'TaskDetail' }),
)
const Id = lazy(() => z.object({ id: z.string() }))
const Nothing = lazy(() => z.strictObject({}))

const TASK_EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000006',
  name: 'Morning calendar',
  prompt: 'Look at the calendar of today and tell me what I should prepare.',
  integrity: 'owner' as const,
  agent_id: null,
  model: null,
  schedule: '0 8 * * *',
  run_at: null,
  timezone: 'Europe/Berlin',
  catch_up: true,
  next_run_at: '2026-11-23T07:00:00.000Z',
  enabled: true,
  allowed_tools: ['caldav', 'pushover'],
  max_tool_calls: null,
  max_cost_usd: 0.25,
  last_occurrence: OCCURRENCE_EXAMPLE,
  last_run: {
    id: OCCURRENCE_EXAMPLE.run_id,
    status: 'succeeded' as const,
    created_at: '2026-11-22T07:00:00.004Z',
    ended_at: '2026-11-22T07:00:09.210Z',
  },
  input_tokens: 1200,
  output_tokens: 80,
  cost_usd: 0.0016,
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  user_id: '019a9d2e-7c1a-7000-8000-000000000001',
}

/** A task as it is answered: with what it is, when it is due, what it did last and what it used. */
function shownTask(task: Task, { tasks, schedules, history, usage }: Services) {
  const { input_tokens, output_tokens, cost_usd } = usage.totals({ taskId: task.id })
  return {
    id: task.id,
    name: task.name,
    prompt: task.prompt,
    integrity: task.integrity,
    agent_id: task.agentId,
    model: task.model,
    ...tasks.timing(task.id),
    enabled: task.enabled,
    allowed_tools: task.allowedTools,
    max_tool_calls: task.maxToolCalls,
    max_cost_usd: task.maxCostUsd,
    last_occurrence: schedules.lastOccurrence(task.id) ?? null,
    last_run: history.lastOfTask(task.id),
    input_tokens,
    output_tokens,
    cost_usd,
    created_at: task.createdAt,
    updated_at: task.updatedAt,
    user_id: task.userId,
  }
}

function startNow(task: Task, { agents, runs }: Services, who: Who): string {
  const agent = task.agentId === null ? undefined : agents.find(task.agentId)
  return runs.submit(taskIntake(task, agent, byHand(who))).id
}

const common = { tag: 'Tasks', role: 'user' as const }
const one = { params: Id, errors: ['not_found'] as const }

export const taskEndpoints = [
  endpoint({
    ...common,
    method: 'get',
    path: '/api/tasks',
    scopes: ['read'],
    summary: 'The tasks of this user',
    output: lazy(() => z.array(TaskShape())),
    example: [TASK_EXAMPLE],
    handle: (_input, { services, who }) => services.tasks.list(who.user.id).map((task) => shownTask(task, services)),
  }),
  endpoint({
    ...common,
    method: 'post',
    path: '/api/tasks',
    scopes: ['admin'],
    status: 201,
    creates: { showsSecret: false },
    summary: 'Make a task',
    description:
      '`schedule` is a cron expression of 5 fields, or of 6 with seconds first, in `timezone`; `run_at` is one time instead. `catch_up`: what was missed while Steward was down runs once when it is back. `agent_id`: who does it. `allowed_tools`: null for what its agent may use, [] for none.',
    body: TaskDraft,
    output: TaskShape,
    example: TASK_EXAMPLE,
    exampleBody: {
      name: TASK_EXAMPLE.name,
      prompt: TASK_EXAMPLE.prompt,
      schedule: TASK_EXAMPLE.schedule,
      allowed_tools: TASK_EXAMPLE.allowed_tools,
      enabled: true,
    },
    prepare: withValidator,
    handle: ({ body }, { services, who }) =>
      shownTask(services.tasks.create(who.user.id, body, who.actor, who.input), services),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'get',
    path: '/api/tasks/{id}',
    scopes: ['read'],
    summary: 'One task and its newest runs',
    output: TaskDetail,
    example: { ...TASK_EXAMPLE, runs: [{ ...RUN_EXAMPLE, agent_id: null, task_id: TASK_EXAMPLE.id }] },
    handle: ({ params }, { services, who }) => {
      const task = services.tasks.get(who.user.id, params.id)
      return { ...shownTask(task, services), runs: services.history.ofTask(task.id) }
    },
  }),
  endpoint({
    ...common,
    ...one,
    method: 'put',
    path: '/api/tasks/{id}',
    scopes: ['admin'],
    summary: 'Change a task',
    description:
      'What is left out stays as it is. A new schedule counts from now. Runs that began before go on as they began.',
    body: TaskChange,
    output: Ok,
    example: OK,
    exampleBody: { schedule: '30 7 * * 1-5' },
    prepare: withValidator,
    handle: ({ params, body }, { services, who }) => (
      services.tasks.change(who.user.id, params.id, body, who.actor, who.input),
      OK
    ),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'delete',
    path: '/api/tasks/{id}',
    scopes: ['admin'],
    summary: 'Remove a task',
    description: 'Its runs are stopped; what it did stays in the history.',
    output: Ok,
    example: OK,
    handle: ({ params }, { services, who }) =>
      services.db.transact(() => {
        services.tasks.remove(who.user.id, params.id, who.actor)
        services.runs.stopWhere({ taskId: params.id })
        return OK
      }),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'post',
    path: '/api/tasks/{id}/toggle',
    scopes: ['admin'],
    summary: 'Switch its schedule on or off',
    output: lazy(() => z.object({ enabled: z.boolean() })),
    example: { enabled: false },
    handle: ({ params }, { services, who }) => ({
      enabled: services.tasks.toggle(who.user.id, params.id, who.actor, who.input),
    }),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'post',
    path: '/api/tasks/{id}/run',
    scopes: ['run'],
    status: 202,
    creates: { showsSecret: false },
    summary: 'Do it now',
    description: 'Beside its schedule, which stays as it is.',
    body: Nothing,
    exampleBody: {},
    output: lazy(() => z.object({ ok: z.literal(true), run_id: z.string() })),
    example: { ok: true as const, run_id: OCCURRENCE_EXAMPLE.run_id },
    handle: ({ params }, { services, who }) => ({
      ok: true as const,
      run_id: startNow(services.tasks.get(who.user.id, params.id), services, who),
    }),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'get',
    path: '/api/tasks/{id}/occurrences',
    scopes: ['read'],
    summary: 'Every time the task was due, and what became of it',
    description: OCCURRENCES_DESCRIPTION,
    query: OccurrenceQuery,
    output: Occurrences,
    example: OCCURRENCES_EXAMPLE,
    handle: ({ params, query }, { services, who }) =>
      services.schedules.occurrences(services.tasks.get(who.user.id, params.id).id, query),
  }),
]
