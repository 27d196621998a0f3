import { AppError } from '../errors.ts'
import { createOwnThread } from '../own-thread.ts'
import type { Answer, Card, CardChange, EventChange, EventDetails, Job, Meta, Occurrence } from './ical/jobs.ts'

const LIMIT_MS = 4_000
const MEMORY = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 8, stackSizeMb: 4 }
/** Of one job, so that no honest calendar comes near the limit of time. */
const BATCH = 200
/** Objects without end in one list; there is something wrong with the calendar then. */
const MOST_ENDLESS = 2

export type CalendarReader = ReturnType<typeof createCalendarReader>

type Range = { from: number; to: number; zone: string; most: number }
type Named = { data: string; recurrenceId: string; zone: string }

/**
 * Reads and writes calendars and cards in a thread of its own: a rule that goes on for ever (`FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30`)
 * costs its own event and nothing else. `file` is where `ical/worker.ts` is, built or not.
 */
export function createCalendarReader({ file }: { file: URL }) {
  const thread = createOwnThread<Job, Answer>({ file, limitMs: LIMIT_MS, memory: MEMORY })

  /** Throws `invalid` for what was asked wrongly, `upstream_failed` for what cannot be read. */
  async function ask(job: Job, signal: AbortSignal): Promise<Answer> {
    try {
      const answer = await thread.ask(job, signal)
      if ('problem' in answer) throw new AppError('invalid', answer.problem)
      return answer
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof AppError) throw error
      throw new AppError(
        'upstream_failed',
        'This entry of the calendar or address book cannot be worked out: it is damaged, or repeats without end.',
        { cause: error },
      )
    }
  }

  type Many = Extract<Job, { objects: string[] }>

  /** Again without the one that took too long, until all the rest is done. */
  async function askMany(job: Many, signal: AbortSignal, endless = 0): Promise<Answer> {
    try {
      return await thread.ask(job, signal)
    } catch (error) {
      signal.throwIfAborted()
      const culprit = new Int32Array(job.progress)[0]!
      if (endless === MOST_ENDLESS || job.objects[culprit] === '') throw endlessCalendar(error)
      return askMany({ ...job, objects: job.objects.with(culprit, '') }, signal, endless + 1)
    }
  }

  async function text(job: Job, signal: AbortSignal): Promise<string> {
    return ((await ask(job, signal)) as { text: string }).text
  }

  return {
    /** What lies in a span of time, the earliest first. `unreadable`: how many objects could not be worked out. */
    async list(
      objects: readonly string[],
      range: Range,
      signal: AbortSignal,
    ): Promise<{ occurrences: Occurrence[]; more: boolean; unreadable: number }> {
      const result = { occurrences: [] as Occurrence[], more: false, unreadable: 0 }
      for (let at = 0; at < objects.length; at += BATCH) {
        const job: Job = {
          op: 'list',
          objects: objects.slice(at, at + BATCH),
          ...range,
          progress: new SharedArrayBuffer(4),
        }
        const part = (await askMany(job, signal)) as typeof result
        result.occurrences.push(...part.occurrences.map((one) => ({ ...one, object: one.object + at })))
        result.more ||= part.more
        result.unreadable += part.unreadable
      }
      return result
    },

    async details({ data, recurrenceId, zone }: Named, signal: AbortSignal): Promise<EventDetails> {
      return ((await ask({ op: 'read', data, recurrenceId, zone }, signal)) as { details: EventDetails }).details
    },

    make: (change: EventChange, meta: Meta, signal: AbortSignal) => text({ op: 'make', change, meta }, signal),
    change: ({ data, recurrenceId, zone }: Named, change: EventChange, meta: Meta, signal: AbortSignal) =>
      text({ op: 'change', data, recurrenceId, zone, change, meta }, signal),

    /** The series without one occurrence; undefined where nothing is left of it. */
    async cut({ data, recurrenceId, zone }: Named, meta: Meta, signal: AbortSignal): Promise<string | undefined> {
      const answer = await ask({ op: 'cut', data, recurrenceId, zone, meta }, signal)
      return 'text' in answer ? answer.text : undefined
    },

    async cards(objects: readonly string[], signal: AbortSignal): Promise<{ cards: Card[]; unreadable: number }> {
      const result = { cards: [] as Card[], unreadable: 0 }
      for (let at = 0; at < objects.length; at += BATCH) {
        const job: Job = { op: 'cards', objects: objects.slice(at, at + BATCH), progress: new SharedArrayBuffer(4) }
        const part = (await askMany(job, signal)) as typeof result
        result.cards.push(...part.cards.map((one) => ({ ...one, object: one.object + at })))
        result.unreadable += part.unreadable
      }
      return result
    },

    card: (data: string | null, change: CardChange, meta: Meta, signal: AbortSignal) =>
      text({ op: 'card', data, change, meta }, signal),
    close: thread.close,
  }
}

function endlessCalendar(cause: unknown): AppError {
  return new AppError(
    'upstream_failed',
    'Too much in this calendar repeats without end; it cannot be worked out. Look at it with another program.',
    { cause },
  )
}
