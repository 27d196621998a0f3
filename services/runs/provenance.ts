import type { Clock } from '../deps.ts'
import { provenanceOf, type Provenance, type Source } from '../policy/provenance.ts'
import type { Journal, Step } from './journal.ts'
import type { RunAgent, RunTask } from './profile.ts'
import type { Run, RunStore } from './store.ts'

export type OriginsDeps = {
  store: Pick<RunStore, 'ofConversation' | 'ancestors' | 'attachments'>
  journal: Pick<Journal, 'ofRun'>
  conversations: { find(id: string): { clearedAfter: number } | undefined }
  agents: { find(id: string): (RunAgent & { name: string }) | undefined }
  tasks: { find(id: string): (RunTask & { prompt: string }) | undefined }
  now: Clock
  timezone: string
}

/** Older ones are looked through no more. */
const MOST_RUNS = 50

export type Origins = ReturnType<typeof createOrigins>

/** Tells for a question where each value of the call came from, by all that its run was told and has read. */
export function createOrigins({ store, journal, conversations, agents, tasks, timezone }: OriginsDeps) {
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone: timezone, hour: '2-digit', minute: '2-digit' })
  const at = (time: string): string => clock.format(new Date(time))

  /** What a run was told and has read, and what those it works for were. */
  function sourcesOf(run: Run): Source[] {
    return store
      .ancestors(run)
      .reverse()
      .flatMap((one) => [...instructionsOf(one), ...conversationOf(one)])
  }

  function conversationOf(run: Run): Source[] {
    const since = conversations.find(run.conversationId)?.clearedAfter ?? 0
    const runs = store.ofConversation(run.conversationId, since).filter(({ number }) => number <= run.number)
    return runs.slice(-MOST_RUNS).reverse().flatMap(told)
  }

  function told(run: Run): Source[] {
    const results = journal.ofRun(run.id).filter(({ kind, status }) => kind === 'tool' && status === 'finished')
    return [
      inputOf(run),
      ...store.attachments(run.id).map((file) => attachmentOf(run, file)),
      ...results.reverse().map(resultOf),
    ]
  }

  function inputOf(run: Run): Source {
    const time = at(run.createdAt)
    const asked = 'what another agent asked for'
    if (run.origin === 'agent')
      return { writer: run.integrity === 'owner' ? 'steward' : 'third_party', name: asked, text: run.input }
    if (run.inputIntegrity === 'owner') return { writer: 'owner', name: `your message of ${time}`, text: run.input }
    return { writer: 'third_party', name: `what came in at ${time} (${run.origin})`, text: run.input }
  }

  /** Pictures and documents are read by the model alone; at least their names can be looked through. */
  function attachmentOf(
    run: Run,
    { name, mediaType, data }: { name: string; mediaType: string; data: Buffer },
  ): Source {
    const text = mediaType.startsWith('text/') ? data.toString('utf8') : ''
    return {
      writer: 'third_party',
      name: `the attachment ${quotedName(name)} of ${at(run.createdAt)}`,
      text: `${name}\n${text}`,
    }
  }

  function resultOf(step: Step): Source {
    const name = step.source ?? `the result of ${step.toolName}.${step.operation}`
    const writer = step.integrity === 'third_party' ? 'third_party' : 'steward'
    return { writer, name: `${name} (read at ${at(step.finishedAt ?? step.startedAt)})`, text: step.content }
  }

  function instructionsOf(run: Run): Source[] {
    const agent = run.agentId === null ? undefined : agents.find(run.agentId)
    const task = run.taskId === null ? undefined : tasks.find(run.taskId)
    const own = [
      agent && { writer: writerOf(agent), name: `the instructions of the agent "${agent.name}"`, text: agent.prompt },
      task && { writer: writerOf(task), name: 'the text of its task', text: task.prompt },
    ]
    return own.filter((one) => one !== undefined)
  }

  return {
    /** Of a call that is to be asked about. */
    of: (run: Run, args: unknown): Provenance[] => provenanceOf(args, sourcesOf(run)),
  }
}

const quotedName = (name: string): string => JSON.stringify(name.slice(0, 80))

function writerOf({ integrity }: { integrity: 'owner' | 'third_party' }): Source['writer'] {
  return integrity
}
