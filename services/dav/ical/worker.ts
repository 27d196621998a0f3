import { parentPort } from 'node:worker_threads'
import { messageOf } from '../../errors.ts'
import type { Done } from '../../own-thread.ts'
import { Problem } from './component.ts'
import { cardOf, writtenCard } from './cards.ts'
import type { Answer, Card, Job, Occurrence } from './jobs.ts'
import { detailsOf, moment, occurrencesIn } from './reading.ts'
import { changedEvent, madeEvent, withoutOccurrence } from './writing.ts'

function answer(job: Job): Answer {
  if (job.op === 'list') return listed(job)
  if (job.op === 'read') return { details: detailsOf(job.data, job.recurrenceId, job.zone) }
  if (job.op === 'make') return { text: madeEvent(job.change, job.meta) }
  if (job.op === 'change') return { text: changedEvent(job.data, job, job.change, job.meta) }
  if (job.op === 'cards') return cards(job)
  if (job.op === 'card') return { text: writtenCard(job.data, job.change, job.meta) }
  const text = withoutOccurrence(job.data, job, job.meta)
  return text === undefined ? { gone: true } : { text }
}

function listed({ objects, from, to, zone, most, progress }: Extract<Job, { op: 'list' }>): Answer {
  const { all, unreadable } = each(objects, progress, (data, object) =>
    occurrencesIn(data, { from, to, zone }).map((one): Occurrence => ({ object, ...one })),
  )
  const sorted = all.toSorted((a, b) => moment(a.start, zone) - moment(b.start, zone) || a.title.localeCompare(b.title))
  return { occurrences: sorted.slice(0, most), more: sorted.length > most, unreadable }
}

function cards({ objects, progress }: Extract<Job, { op: 'cards' }>): Answer {
  const { all, unreadable } = each(objects, progress, (data, object): Card[] => [{ object, ...cardOf(data) }])
  return { cards: all, unreadable }
}

/** One after the other, saying which; '' was found to be endless before. What cannot be read costs nothing else. */
function each<T>(objects: readonly string[], progress: SharedArrayBuffer, work: (data: string, index: number) => T[]) {
  const at = new Int32Array(progress)
  const all: T[] = []
  let unreadable = 0
  for (const [index, data] of objects.entries()) {
    Atomics.store(at, 0, index)
    try {
      if (data === '') unreadable++
      else all.push(...work(data, index))
    } catch {
      unreadable++
    }
  }
  return { all, unreadable }
}

parentPort?.on('message', (job: Job) => {
  parentPort!.postMessage(done(job))
})

function done(job: Job): Done<Answer> {
  try {
    return { value: answer(job) }
  } catch (error) {
    return error instanceof Problem ? { value: { problem: error.message } } : { failure: messageOf(error) }
  }
}
