import { z } from 'zod'
import { AgentChange, AgentDraft } from '../services/shapes/agent.ts'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { AGENT_EXAMPLE, AgentShape, shownAgent, shownAgents } from './agent-shapes.ts'
import { endpoint } from './endpoint.ts'
import { RUN_EXAMPLE, RunEntry } from './run-shapes.ts'
import { withValidator } from './schedules.ts'

const Id = lazy(() => z.object({ id: z.string() }))
const AgentDetail = lazy(() =>
  z
    .object({
      agent: AgentShape(),
      runs: z.array(RunEntry()),
      total_input_tokens: z.number(),
      total_output_tokens: z.number(),
      total_cost_usd: z.number().nullable(),
      unknown_cost_turns: z.number(),
    })
    .meta({ id: 'AgentDetail' }),
)
const common = { tag: 'Agents', role: 'user' as const }
const one = { params: Id, errors: ['not_found'] as const }

export const agentEndpoints = [
  endpoint({
    ...common,
    method: 'get',
    path: '/api/agents',
    scopes: ['read'],
    summary: 'The agents of this user',
    output: lazy(() => z.array(AgentShape())),
    example: [AGENT_EXAMPLE],
    handle: (_input, { services, who }) =>
      services.db.read(() => shownAgents(services.agents.list(who.user.id), services)),
  }),
  endpoint({
    ...common,
    method: 'post',
    path: '/api/agents',
    scopes: ['admin'],
    status: 201,
    creates: { showsSecret: false },
    summary: 'Make an agent',
    description:
      '`schedule` is a cron expression in `timezone`. `prompt_mode`: `combined` adds the prompt to the house\'s, `agent_only` puts it in its place, `system_only` makes it the user\'s message. `allowed_tools`: null for every tool that may run unattended, [] for none, else tools, operations ("web.search") and MCP servers ("mcp__files").',
    body: AgentDraft,
    output: AgentShape,
    example: AGENT_EXAMPLE,
    exampleBody: {
      name: AGENT_EXAMPLE.name,
      prompt: AGENT_EXAMPLE.prompt,
      model: AGENT_EXAMPLE.model,
      schedule: AGENT_EXAMPLE.schedule,
      timezone: AGENT_EXAMPLE.timezone,
      allowed_tools: AGENT_EXAMPLE.allowed_tools,
    },
    prepare: withValidator,
    handle: ({ body }, { services, who }) =>
      shownAgent(services.agents.create(who.user.id, body, who.actor, who.input), services),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'get',
    path: '/api/agents/{id}',
    scopes: ['read'],
    summary: 'One agent, its newest runs and what it used',
    output: AgentDetail,
    example: {
      agent: AGENT_EXAMPLE,
      runs: [RUN_EXAMPLE],
      total_input_tokens: 1200,
      total_output_tokens: 80,
      total_cost_usd: 0.0016,
      unknown_cost_turns: 0,
    },
    handle: ({ params }, { services, who }) => {
      const agent = shownAgent(services.agents.get(who.user.id, params.id), services)
      return {
        agent,
        runs: services.history.ofAgent(agent.id),
        total_input_tokens: agent.input_tokens,
        total_output_tokens: agent.output_tokens,
        total_cost_usd: agent.cost_usd,
        unknown_cost_turns: services.usage.totals({ agentId: agent.id }).unknown_turns,
      }
    },
  }),
  endpoint({
    ...common,
    ...one,
    method: 'put',
    path: '/api/agents/{id}',
    scopes: ['admin'],
    summary: 'Change an agent',
    description: 'What is left out stays as it is. Runs that began before go on as they began.',
    body: AgentChange,
    output: Ok,
    example: OK,
    exampleBody: { schedule: '30 7 * * 1-5' },
    prepare: withValidator,
    handle: ({ params, body }, { services, who }) => (
      services.agents.change(who.user.id, params.id, body, who.actor, who.input),
      OK
    ),
  }),
  endpoint({
    ...common,
    ...one,
    method: 'delete',
    path: '/api/agents/{id}',
    scopes: ['admin'],
    summary: 'Remove an agent',
    description: 'Its runs are stopped; what it did stays in the history.',
    output: Ok,
    example: OK,
    handle: ({ params }, { services, who }) =>
      services.db.transact(() => {
        services.agents.remove(who.user.id, params.id, who.actor)
        services.runs.stopWhere({ agentId: params.id })
        return OK
      }),
  }),
]
