import type { Db } from '../../db/open.ts'
import type { Log } from '../log.ts'
import type { Settings } from '../settings.ts'
import type { Line } from './line.ts'
import type { Lane, Run } from './store.ts'

const LANES: readonly Lane[] = ['chat', 'background']
const LIMIT = { chat: 'max_concurrent_chats', background: 'max_concurrent_runs' } as const

const RETRY_MS = 5_000
const HOUR_MS = 3600_000

export type Queue = ReturnType<typeof createQueue>

/**
 * Which run goes next. The rows are the queue, so nothing is lost with the process: chats before the rest, each lane within
 * its limit, strictly in order within a conversation, in turns between agents. Pause and the hourly limit of autonomous
 * runs hold everything where it is.
 */
export function createQueue({
  db,
  now,
  line,
  settings,
  start,
  log,
}: {
  db: Pick<Db, 'afterCommit'>
  now: () => Date
  line: Line
  settings: Settings
  start: (run: Run) => void
  log: Pick<Log, 'error'>
}) {
  const running: Record<Lane, number> = { chat: 0, background: 0 }
  let open = false
  let retry: NodeJS.Timeout | undefined
  let nextHour: NodeJS.Timeout | undefined

  function wake(): void {
    if (!open || settings.get('paused') || line.isEmpty()) return
    for (const lane of LANES) {
      while (running[lane] < settings.get(LIMIT[lane])) {
        const run = line.next(lane, { autonomous: lane === 'chat' || roomThisHour() })
        if (!run) break
        if (!begin(run)) return
      }
    }
  }

  /** Whether one more autonomous run may begin now; where not, the queue looks again when one may. */
  function roomThisHour(): boolean {
    const { n, oldest } = line.begunWithin(HOUR_MS)
    if (n < settings.get('max_autonomous_runs_per_hour')) return true
    if (oldest === null) return false
    const wait = Date.parse(oldest) + HOUR_MS - now().getTime()
    clearTimeout(nextHour)
    nextHour = setTimeout(wake, Math.min(Math.max(wait, 0) + 1, HOUR_MS)).unref()
    return false
  }

  function takePlace(run: Run): void {
    running[run.lane]++
    line.took(run)
  }

  /** False when the run could not even be picked up (a full disk): it stays queued, and is tried again. */
  function begin(run: Run): boolean {
    try {
      start(run)
      takePlace(run)
      return true
    } catch (error) {
      log.error({ err: error, run: run.id }, 'could not start a run; trying again')
      clearTimeout(retry)
      retry = setTimeout(wake, RETRY_MS).unref()
      return false
    }
  }

  return {
    wake,
    /**
     * Picks a run up in the transaction that queues it, where nothing stands before it: one commit instead of two. False
     * when it has to wait.
     */
    beginNow(run: Run): boolean {
      const full = running[run.lane] >= settings.get(LIMIT[run.lane])
      if (!open || settings.get('paused') || full) return false
      const autonomous = !run.autonomous || roomThisHour()
      if (line.next(run.lane, { autonomous })?.id !== run.id) return false
      db.afterCommit(() => takePlace(run))
      start(run)
      return true
    },
    /** A run gave up its place. */
    free(run: Run): void {
      running[run.lane]--
      line.left(run)
      wake()
    },
    running: (lane: Lane): number => running[lane],
    roomThisHour,
    open(): void {
      line.repair()
      open = true
      wake()
    },
    close(): void {
      open = false
      clearTimeout(nextHour)
      clearTimeout(retry)
    },
  }
}
