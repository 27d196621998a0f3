import type { Agent } from './agents.ts'
import { stableId } from './ids.ts'
import type { Runs } from './runs/runs.ts'
import { agentIntake, byHand } from './schedules/work.ts'
import type { Intake } from './shapes/intake.ts'
import { joinIntegrity } from './shapes/labels.ts'
import type { Who } from './who.ts'

export type AgentWork = ReturnType<typeof createAgentWork>

/** Puts agents to work by hand: each time afresh, or in the one conversation that each agent has with its owner. */
export function createAgentWork({ runs }: { runs: Pick<Runs, 'submit'> }) {
  /** The run's id. */
  const submit = (intake: Intake): string => runs.submit(intake).id

  return {
    /** Starts it from an empty conversation; without a message it does what its prompt says. */
    start(agent: Agent, message: string | undefined, who: Who): string {
      return submit(message?.trim() ? saying(agent, message, who) : agentIntake(agent, byHand(who)))
    },

    /** Says something to it in their lasting conversation. */
    say: (agent: Agent, content: string, who: Who): string =>
      submit({ ...saying(agent, content, who), conversationId: conversationOf(agent) }),
  }
}

/** The conversation that an agent and its owner always come back to. */
const conversationOf = ({ id, userId }: Agent): string => stableId(`agent ${id} of ${userId}`)

/** In the mode `system_only` the agent's prompt is part of what the user says. */
function saying(agent: Agent, words: string, who: Who): Intake {
  const text = agent.promptMode === 'system_only' ? `${agent.prompt}\n\n${words}` : words
  const integrity = joinIntegrity(agent.integrity, who.input)
  return { ...agentIntake(agent, byHand(who)), text, integrity }
}
