import type { Mode } from '../policy/decide.ts'
import type { Approval, Approvals } from '../policy/approvals.ts'
import { urlsIn } from '../policy/urls.ts'
import type { Conversation } from '../conversations.ts'
import type { Settings } from '../settings.ts'
import type { Labels } from '../shapes/labels.ts'
import { joinLabels } from '../shapes/labels.ts'
import type { Journal, Step } from './journal.ts'
import type { Run } from './store.ts'

/** What a run has gathered so far, kept in memory while it goes and rebuilt from the journal when it goes on. */
export type Progress = {
  labels: Labels
  toolCalls: number
  ownerUrls: Set<string>
  resultUrls: Set<string>
  resultFetches: number
  denied: Set<string>
}

type Records = { journal: Journal; approvals: Approvals }

/** Where a run stands, from what was written down. `before` are the earlier runs since the last `clear`. */
export function progressOf(run: Run, before: readonly Run[], { journal, approvals }: Records): Progress {
  const steps = journal.ofRun(run.id).filter((step) => step.kind === 'tool')
  const owners = [...before.filter((earlier) => earlier.number < run.number), run].filter(
    (one) => one.inputIntegrity === 'owner',
  )
  return {
    labels: { integrity: run.integrity, privacy: run.privacy },
    toolCalls: run.toolCalls,
    ownerUrls: new Set(owners.flatMap((one) => urlsIn(one.input))),
    resultUrls: new Set(steps.flatMap(resultUrls)),
    resultFetches: steps.filter((step) => step.rule === '7c').length,
    denied: new Set(refusedByOwner(approvals.ofRun(run.id))),
  }
}

/** Joins a result's labels and URLs in; what was read is never unread. */
export function take(progress: Progress, result: { labels: Labels; resultUrls?: readonly string[] | undefined }): void {
  progress.labels = joinLabels(progress.labels, result.labels)
  for (const url of result.resultUrls ?? []) progress.resultUrls.add(url)
}

/** The places the owner refused in a run, by word or by letting the question run out. */
function refusedByOwner(approvals: readonly Approval[]): string[] {
  return approvals.filter(({ state }) => state === 'denied' || state === 'expired').flatMap(({ targets }) => targets)
}

/** What `decide` is told of the run at this moment. */
export function modeOf(
  run: Run,
  progress: Progress,
  house: { settings: Settings; conversation: Conversation; approvals: Approvals },
): Mode {
  return {
    attended: run.attended,
    allowedTools: null,
    paused: house.settings.get('paused'),
    overBudget: false,
    toolCalls: progress.toolCalls,
    maxToolCalls: house.settings.get('max_tool_calls'),
    webOpen: house.conversation.webOpen,
    ownerUrls: progress.ownerUrls,
    resultUrls: progress.resultUrls,
    resultFetches: progress.resultFetches,
    agreed: house.approvals.agreed(house.conversation, run.id, progress.labels.integrity),
    denied: progress.denied,
  }
}

function resultUrls(step: Step): string[] {
  return step.resultUrls === null ? [] : (JSON.parse(step.resultUrls) as string[])
}
