import type { Db } from '../../db/open.ts'
import type { Log } from '../log.ts'
import type { Settings } from '../settings.ts'
import { laneOf, type Lane, type Run, type RunStore } from './store.ts'

const LANES: readonly Lane[] = ['chat', 'other']
const LIMIT = { chat: 'max_concurrent_chats', other: 'max_concurrent_runs' } as const

const RETRY_MS = 5_000

export type Queue = ReturnType<typeof createQueue>

/**
 * Which run goes next. The rows are the queue, so nothing is lost with the process: chats before the rest, each lane within
 * its limit, strictly in order within a conversation. Pause holds everything where it is.
 */
export function createQueue({
  db,
  store,
  settings,
  start,
  log,
}: {
  db: Pick<Db, 'afterCommit'>
  store: RunStore
  settings: Settings
  start: (run: Run) => void
  log: Pick<Log, 'error'>
}) {
  const running: Record<Lane, number> = { chat: 0, other: 0 }
  let open = false
  let retry: NodeJS.Timeout | undefined

  function wake(): void {
    if (!open || settings.get('paused')) return
    for (const lane of LANES) {
      while (running[lane] < settings.get(LIMIT[lane])) {
        const run = store.next(lane)
        if (!run) break
        if (!begin(run, lane)) return
      }
    }
  }

  /** False when the run could not even be picked up (a full disk): it stays queued, and is tried again. */
  function begin(run: Run, lane: Lane): boolean {
    try {
      start(run)
      running[lane]++
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
      const lane = laneOf(run)
      const full = running[lane] >= settings.get(LIMIT[lane])
      if (!open || settings.get('paused') || full || store.next(lane)?.id !== run.id) return false
      db.afterCommit(() => running[lane]++)
      start(run)
      return true
    },
    /** A run gave up its place. */
    free(run: Pick<Run, 'origin'>): void {
      running[laneOf(run)]--
      wake()
    },
    open(): void {
      open = true
      wake()
    },
    close: (): void => void (open = false),
  }
}
