import { AppError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Intake } from '../shapes/intake.ts'
import type { Asked, AgentToolDeps } from '../tools/agent.ts'
import type { AgentsOfRuns } from './run-engine.ts'
import type { Run, RunStore } from './store.ts'

export type SubAgents = ReturnType<typeof createSubAgents>

/** Runs that one agent has another one do. The call's id names the run, so that asking again never starts a second one. */
export function createSubAgents({
  store,
  agents,
  submit,
}: {
  store: RunStore
  agents: AgentsOfRuns
  submit: (intake: Intake) => Run
}) {
  type Call = Parameters<AgentToolDeps['ask']>[0]

  function start({ userId, runId, callId, agent: name, message }: Call): Run {
    const agent = agents.findByName(userId, name)
    if (!agent) throw new AppError('not_found', `There is no agent called ${JSON.stringify(name)}.`)
    const parent = store.get(runId)
    return submit({
      door: 'agent',
      address: runId,
      externalId: callId,
      userId,
      conversationId: newId(),
      kind: 'run',
      origin: 'agent',
      by: 'api',
      attended: parent.attended,
      integrity: parent.integrity,
      text: agent.promptMode === 'system_only' ? `${agent.prompt}\n\n${message}` : message,
      attachments: [],
      agentId: agent.id,
      parentRunId: parent.id,
    })
  }

  return {
    ask(call: Call): Asked {
      const run = store.childOf(call.callId) ?? start(call)
      const { status, answer, error, endedAt, integrity, privacy } = store.get(run.id)
      const agentName = agents.find(run.agentId ?? '')?.name ?? 'The agent'
      const ended = endedAt === null ? undefined : { status, answer, error }
      return { agentName, ended, labels: { integrity, privacy } }
    },
  }
}
