import type { Db } from '../../db/open.ts'
import { AppError } from '../errors.ts'
import type { Intake } from '../shapes/intake.ts'
import { dueUntil, type ScheduleRow, type Span } from './due.ts'
import type { Schedules } from './schedules.ts'
import { agentIntake, taskIntake, type DoingAgent, type DoneTask } from './work.ts'

export type FiringDeps = {
  db: Db
  schedules: Schedules
  submit: (intake: Intake) => { id: string }
  agents: { find(id: string): DoingAgent | undefined }
  tasks: { find(id: string): DoneTask | undefined }
  /** Whether anything may be begun for this user. */
  mayWork: (userId: string) => boolean
  /** Whether a run is queued, running, waiting or paused. */
  isUnfinished: (runId: string) => boolean
  notify: (draft: {
    userId: string
    kind: 'missed' | 'trouble'
    title: string
    text: string
    agentId?: string
    taskId?: string
  }) => void
}

/** From here on a time counts as late. */
const LATE_MS = 60_000
const DEACTIVATED = 'Whoever it belongs to is deactivated.'
const BUSY = 'The run before it was not over yet.'

export type Fire = ReturnType<typeof createFire>

/**
 * Accounts for everything of a schedule that is due at a moment, and submits what is to run; call it in a transaction.
 * The newest time runs and takes the earlier ones of the same look into itself. What is late is missed instead where it
 * is not to be caught up; nothing runs while the schedule's run before is unfinished.
 */
export function createFire(deps: FiringDeps) {
  const { schedules } = deps

  function fire(id: string, at: Date): void {
    const row = schedules.row(id)
    const spans = row ? dueUntil(row, at) : []
    if (!row || spans.length === 0) return
    const onTime = row.catchUp === 1 ? 0 : spans.findIndex(({ dueAt }) => at.getTime() - Date.parse(dueAt) <= LATE_MS)
    const missed = onTime < 0 ? spans : spans.slice(0, onTime)
    miss(row, missed, at)
    take(row, spans.slice(missed.length), at)
    schedules.moveOn(row, new Date(spans.at(-1)!.untilAt))
  }

  function miss(row: ScheduleRow, spans: Span[], at: Date): void {
    const [first] = spans
    if (!first) return
    for (const span of spans) {
      const reason = `Found ${lateness(span.untilAt, at)} late, and late times are not caught up.`
      schedules.record(row.id, span, { state: 'missed', reason, runId: null })
    }
    const count = spans.reduce((total, span) => total + span.count, 0)
    const name = nameOf(row)
    deps.notify({
      ...addressOf(row),
      kind: 'missed',
      title: count === 1 ? `${name} missed a time` : `${name} missed ${count} times`,
      text: `Due at ${first.dueAt}${count === 1 ? '' : ` and until ${spans.at(-1)!.untilAt}`}, but Steward was not there. It does not catch up on late times.`,
    })
  }

  function take(row: ScheduleRow, spans: Span[], at: Date): void {
    const newest = spans.at(-1)
    if (!newest) return
    if (!deps.mayWork(row.userId)) return skip(row, spans, DEACTIVATED)
    const last = schedules.lastRunId(row.id)
    if (last !== undefined && deps.isUnfinished(last)) return skip(row, spans, BUSY)
    const taken = attempt(row, newest)
    if ('trouble' in taken) return trouble(row, spans, taken.trouble)
    const late = at.getTime() - Date.parse(newest.dueAt) > LATE_MS
    const reason = late ? `Ran ${lateness(newest.dueAt, at)} late.` : ''
    schedules.record(row.id, newest, { state: 'ran', reason, runId: taken.runId })
    for (const span of spans.slice(0, -1)) {
      const merged = `Merged into the run that was due at ${newest.dueAt}.`
      schedules.record(row.id, span, { state: 'merged', reason: merged, runId: taken.runId })
    }
  }

  /** What cannot be submitted as it is set up is told; any other fault is not ours to account for. */
  function attempt(row: ScheduleRow, due: Span): { runId: string } | { trouble: string } {
    try {
      return { runId: deps.db.transact(() => deps.submit(intakeOf(row, due))).id }
    } catch (error) {
      if (error instanceof AppError) return { trouble: error.message }
      throw error
    }
  }

  function intakeOf(row: ScheduleRow, due: Span): Intake {
    const cause = {
      door: 'scheduler' as const,
      address: row.id,
      origin: 'schedule' as const,
      by: 'web' as const,
      externalId: `${row.id}@${due.dueAt}`,
    }
    if (row.kind === 'agent') return agentIntake(deps.agents.find(row.id) ?? gone(), cause)
    const task = deps.tasks.find(row.id) ?? gone()
    return taskIntake(task, task.agentId === null ? undefined : deps.agents.find(task.agentId), cause)
  }

  function skip(row: ScheduleRow, spans: Span[], reason: string): void {
    for (const span of spans) schedules.record(row.id, span, { state: 'skipped', reason, runId: null })
  }

  function trouble(row: ScheduleRow, spans: Span[], reason: string): void {
    skip(row, spans, reason)
    deps.notify({ ...addressOf(row), kind: 'trouble', title: `${nameOf(row)} could not start`, text: reason })
  }

  function nameOf(row: ScheduleRow): string {
    const found = row.kind === 'agent' ? deps.agents.find(row.id) : deps.tasks.find(row.id)
    return found?.name ?? 'A schedule'
  }

  return fire
}

function gone(): never {
  throw new AppError('unavailable', 'What this schedule belongs to is gone.')
}

const addressOf = ({ userId, kind, id }: ScheduleRow) =>
  kind === 'agent' ? { userId, agentId: id } : { userId, taskId: id }

const UNITS: [name: string, ms: number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

/** How long after its time that is, in the largest unit that fits. */
function lateness(due: string, at: Date): string {
  const ms = at.getTime() - Date.parse(due)
  const [name, size] = UNITS.find(([, unit]) => ms >= unit) ?? UNITS.at(-1)!
  const count = Math.floor(ms / size)
  return count === 1 ? `1 ${name}` : `${count} ${name}s`
}
