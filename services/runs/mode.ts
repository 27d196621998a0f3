import type { Mode } from '../policy/decide.ts'
import type { Approvals } from '../policy/approvals.ts'
import { urlsIn } from '../policy/urls.ts'
import type { Conversation } from '../conversations.ts'
import type { Settings } from '../settings.ts'
import type { Labels } from '../shapes/labels.ts'
import { joinLabels } from '../shapes/labels.ts'
import type { Journal, Step } from './journal.ts'
import type { RunAgent, RunTask } from './profile.ts'
import type { Run, RunStore } from './store.ts'

/** What a run has gathered so far, kept in memory while it goes and rebuilt from the journal when it goes on. */
export type Progress = {
  labels: Labels
  toolCalls: number
  ownerUrls: Set<string>
  resultUrls: Set<string>
  resultFetches: number
  denied: Set<string>
}

type Workers = {
  agents: { find(id: string): RunAgent | undefined }
  tasks: { find(id: string): RunTask | undefined }
  store: Pick<RunStore, 'ancestors'>
  handled: Handled
}

/** An account whose mail an agent looks after, as it is at this moment; undefined for any other. */
export type Handled = (accountId: string) => { label: string; address: string; extraTools: string[] } | undefined

export type ModeDeps = Workers & { settings: Settings; journal: Journal; approvals: Approvals }

/** Where a run stands, from what was written down. `before` are the earlier runs since the last `clear`. */
export function progressOf(
  run: Run,
  before: readonly Run[],
  { journal, approvals, agents, store }: ModeDeps,
): Progress {
  const steps = journal.ofRun(run.id).filter((step) => step.kind === 'tool')
  const owners = [...before.filter((earlier) => earlier.number < run.number), run].filter(
    (one) => one.inputIntegrity === 'owner' && one.origin !== 'agent',
  )
  const agent = run.agentId === null ? undefined : agents.find(run.agentId)
  const told = agent?.integrity === 'owner' ? urlsIn(agent.prompt) : []
  return {
    labels: { integrity: run.integrity, privacy: run.privacy },
    toolCalls: run.toolCalls,
    ownerUrls: new Set([...owners.flatMap((one) => urlsIn(one.input)), ...told]),
    resultUrls: new Set(steps.flatMap(resultUrls)),
    resultFetches: steps.filter((step) => step.rule === '7c').length,
    denied: new Set(approvals.refusedIn((store.ancestors(run)[0] ?? run).id)),
  }
}

/** Joins a result's labels and URLs in; what was read is never unread. */
export function take(progress: Progress, result: { labels: Labels; resultUrls?: readonly string[] | undefined }): void {
  progress.labels = joinLabels(progress.labels, result.labels)
  for (const url of result.resultUrls ?? []) progress.resultUrls.add(url)
}

/** What `decide` is told of the run at this moment. The lists of tools are today's, whatever they were at its start. */
export function modeOf(run: Run, progress: Progress, conversation: Conversation, deps: ModeDeps): Mode {
  const { settings, approvals } = deps
  const tools = toolsOf(run, progress.labels, deps)
  return {
    attended: run.attended,
    ...tools,
    paused: settings.get('paused'),
    overBudget: false,
    toolCalls: progress.toolCalls,
    maxToolCalls: run.maxToolCalls ?? settings.get('max_tool_calls'),
    webOpen: conversation.webOpen || (tools.allowedTools ?? []).some((name) => name.split('.')[0] === 'web'),
    ownerUrls: progress.ownerUrls,
    resultUrls: progress.resultUrls,
    resultFetches: progress.resultFetches,
    agreed: approvals.agreed(conversation, run.id, progress.labels.integrity),
    denied: progress.denied,
  }
}

/**
 * What a run may use: its agent's tools, narrowed by its task's. Once it has read what others wrote, a sub-agent has only
 * what every agent of the chain names (rule 10); "every tool" names none.
 */
export function toolsOf(
  run: Run,
  labels: Labels,
  workers: Workers,
): Pick<Mode, 'byAgent' | 'allowedTools'> & { alsoAmong: readonly (readonly string[])[] } {
  const { agents, tasks, store } = workers
  if (run.mailbox !== null) return toolsInMailbox(run, run.mailbox, labels, workers)
  const agent = run.agentId === null ? undefined : agents.find(run.agentId)
  const task = run.taskId === null ? undefined : tasks.find(run.taskId)
  const own = [task, agent].flatMap((one) => (one?.allowedTools ? [one.allowedTools] : []))
  const inChain = run.parentRunId !== null && labels.integrity === 'third_party'
  const chain = inChain ? run.chain.map((id) => agents.find(id)?.allowedTools ?? []) : []
  const above = inChain
    ? store.ancestors(run).flatMap(({ taskId }) => narrowedBy(taskId === null ? undefined : tasks.find(taskId)))
    : []
  return {
    byAgent: run.agentId !== null || run.taskId !== null,
    allowedTools: own[0] ?? null,
    alsoAmong: [...own.slice(1), ...chain, ...above],
  }
}

/**
 * Whoever looks after a mailbox has the tools for it and those that its account adds, whatever the agent's own list says; none at
 * all once nobody is to look after it any more. A sub-agent has what of these its own list names, and those between.
 */
function toolsInMailbox(run: Run, mailbox: string, labels: Labels, { agents, handled }: Workers) {
  const account = handled(mailbox)
  const allowedTools = account ? ['email_handling', ...account.extraTools] : []
  const below = run.chain.slice(1).map((id) => agents.find(id)?.allowedTools)
  const strict = labels.integrity === 'third_party'
  const alsoAmong = below.flatMap((list) => (list ? [list] : strict ? [[]] : []))
  return { byAgent: true, allowedTools, alsoAmong: run.parentRunId === null ? [] : alsoAmong }
}

/** A task narrows whoever works for it; one that lists nothing does not. */
function narrowedBy(task: RunTask | undefined): string[][] {
  return task?.allowedTools ? [task.allowedTools] : []
}

function resultUrls(step: Step): string[] {
  return step.resultUrls === null ? [] : (JSON.parse(step.resultUrls) as string[])
}
