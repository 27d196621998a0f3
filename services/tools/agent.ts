import { z } from 'zod'
import { NotYet, operation, type Tool, type ToolOutcome } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { named, quoted } from './wording.ts'

/** How the run of a sub-agent stands. */
export type Asked = {
  agentName: string
  /** Undefined while it is not over. */
  ended: { status: string; answer: string; error: string | null } | undefined
  labels: Labels
}

export type AgentToolDeps = {
  /** The names of the user's agents. */
  names: (userId: string) => readonly string[]
  /**
   * Has an agent work for a run; asked again for the same call, says how it stands. Throws `not_found`, `invalid` for a
   * name that fits several, `forbidden` for a circle or a chain that is too long.
   */
  ask: (call: { userId: string; runId: string; callId: string; agent: string; message: string }) => Asked
}

/** Other agents: asking one, and waiting for what it says. What it may do is decided call by call in its own run. */
export function createAgentTool({ names, ask }: AgentToolDeps): Tool {
  const asking = operation<{ agent: string; message: string }>({
    description: 'Have another agent do something and get its report',
    input: lazy(() =>
      z.strictObject({ agent: z.string().trim().min(1).max(100), message: z.string().trim().min(1).max(50_000) }),
    ),
    effect: 'read',
    destructive: false,
    attendedOnly: false,
    listedOnly: true,
    yields: { integrity: 'third_party', privacy: 'private' },
    recovery: 'redo',
    inspect: () => ({}),
    describe: ({ agent, message }) => `Ask the agent ${quoted(agent)}: ${quoted(message)}.`,
    run: async (args, { userId, runId, callId }) => report(ask({ userId, runId, callId, ...args })),
  })
  return {
    name: 'agent',
    description: 'Other agents of the owner.',
    operations: { ask: asking },
    known: (userId) => named('Agents', names(userId)),
  }
}

function report({ agentName, ended, labels }: Asked): ToolOutcome {
  if (!ended) throw new NotYet()
  if (ended.status === 'succeeded')
    return {
      content: ended.answer || '(It said nothing.)',
      summary: `${agentName} reported`,
      labels,
      source: `the answer of the agent ${quoted(agentName, 100)}`,
    }
  const said = ended.answer === '' ? '' : ` It had said: ${ended.answer}`
  throw new AppError('upstream_failed', `${agentName} did not come to an end: ${ended.error ?? ended.status}.${said}`)
}
