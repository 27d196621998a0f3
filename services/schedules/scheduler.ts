import { setImmediate as soon } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { createFire, type FiringDeps } from './firing.ts'

export type SchedulerDeps = FiringDeps & { now: () => Date; log: Pick<Log, 'error'> }

/** So many schedules share a transaction; between two of these everything else has its turn. */
const CHUNK = 100

const SECOND = 1_000

export type Scheduler = ReturnType<typeof createScheduler>

/**
 * Looks once a second which schedules are due, by the index of their next times; the first look catches up on what was due
 * while nobody looked. A time is recorded, its run submitted and the next time set in one transaction, so that nothing is
 * lost and nothing fires twice, wherever the process ends.
 * @NOTE the beat is a timer to the next full second. node-cron's own beat counts every second that the clock leaps over
 * (a day's sleep blocks the process for five seconds) and stands still for as long as the clock was set back.
 */
export function createScheduler(deps: SchedulerDeps) {
  const { db, schedules, now, log } = deps
  const fire = createFire(deps)
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let going: Promise<void> | undefined
  let lookedAt: number | undefined

  /** Those of a chunk that failed. One bad schedule must not take the others of its transaction with it. */
  function take(ids: string[], at: Date): string[] {
    try {
      db.transact(() => ids.forEach((id) => fire(id, at)))
      return []
    } catch (error) {
      if (ids.length === 1) return (log.error({ err: error, scheduleId: ids[0] }, 'a schedule could not be run'), ids)
      return ids.flatMap((id) => take([id], at))
    }
  }

  async function look(): Promise<void> {
    const at = now()
    const failed = new Set<string>()
    for (;;) {
      const ids = schedules.dueIds(at, CHUNK + failed.size).filter((id) => !failed.has(id))
      if (ids.length === 0 || stopped) return
      const bad = take(ids, at)
      for (const id of bad) failed.add(id)
      // @NOTE where nothing works at all (a full disk), the rest waits for the next beat.
      if (bad.length === CHUNK) return
      await soon()
    }
  }

  /** One look; while one goes on, that one. */
  function tick(): Promise<void> {
    lookedAt = performance.now()
    going ??= look()
      .catch((error: unknown) => log.error({ err: error }, 'the scheduler could not look'))
      .finally(() => void (going = undefined))
    return going
  }

  function beat(): void {
    if (stopped) return
    timer = setTimeout(beat, SECOND - (now().getTime() % SECOND))
    timer.unref()
    void tick()
  }

  return {
    /** Catches up at once, then beats. */
    start: (): void => beat(),

    /** After this nothing is submitted any more. */
    stop(): void {
      stopped = true
      clearTimeout(timer)
    },

    tick,

    /** Milliseconds since it last looked; undefined before the first time. */
    silence: (): number | undefined => (lookedAt === undefined ? undefined : performance.now() - lookedAt),
  }
}
