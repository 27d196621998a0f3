import { once } from 'node:events'
import type { Response } from 'express'
import { z } from 'zod'
import { concerns } from '../services/endings.ts'
import { AppError } from '../services/errors.ts'
import type { FrameLog, LogEntry } from '../services/event-log.ts'
import type { Listener } from '../services/events.ts'
import { Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { Context, FurtherAnswer } from './endpoint.ts'

export const AfterQuery = lazy(() =>
  z.object({
    after: z.coerce
      .number()
      .int()
      .min(0)
      .max(Number.MAX_SAFE_INTEGER)
      .default(0)
      .describe('The `seq` after which to begin.'),
    limit: z.coerce.number().int().min(1).max(500).default(200).describe('How many events at most.'),
  }),
)
export type AfterQuery = z.infer<ReturnType<typeof AfterQuery>>

export const LogPage = lazy(() =>
  z
    .object({
      events: z.array(
        z.object({
          seq: z.number(),
          type: z.string(),
          run_id: z.string().nullable(),
          data: z.unknown(),
          timestamp: Time(),
        }),
      ),
      next: z.number(),
      oldest: z.number().nullable(),
      gap: z.boolean(),
    })
    .meta({ id: 'EventPage' }),
)

export const STREAM_DESCRIPTION =
  'With `Accept: text/event-stream` the same as a stream: `id` is the seq, `event` the type, `data` one entry of `events`. `Last-Event-ID` resumes it. `gap` is true where frames after the cursor are gone; a stream then begins with an event `gap`.'

/** How a log is answered beside a page of JSON. */
export const STREAM_ANSWERS: readonly FurtherAnswer[] = [
  {
    media: 'text/event-stream',
    description: 'Or a stream of server-sent events.',
    example:
      'retry: 2000\n\nid: 12\nevent: run\ndata: {"seq":12,"type":"run","run_id":"019a9d2e-7c1a-7000-8000-000000000021","data":{"status":"running"},"timestamp":"2026-11-22T08:00:00.000Z"}\n\n',
  },
  { status: 204, description: 'To a stream: nothing is new and nothing will follow. An EventSource then stays away.' },
]

/** What can be read page by page, and how to hear that there is more. */
type Source = { log: FrameLog; follow: (listener: Listener) => () => void }

const RETRY_MS = 2_000
const HEARTBEAT_MS = 15_000
const LOOK_MS = 900
const PAGE = 200
/** A reader with so many bytes unread is waited for, and after so long cut off; it resumes by its Last-Event-ID. */
const MAX_BUFFERED = 256 * 1024
const SLOW_MS = 5_000

/** Answers with a page of a log, or streams it where the asker accepts that. */
export function answerLog(query: AfterQuery, context: Context, source: Source) {
  if (context.req.accepts(['json', 'text/event-stream']) !== 'text/event-stream')
    return source.log.page(query.after, query.limit)
  const after = lastEventId(context) ?? query.after
  const { res } = context
  // @NOTE to an EventSource, 204 means that it need not come again.
  if (source.log.isOver() && source.log.page(after, 1).events.length === 0) return void res.status(204).end()
  return stream(after, context, source)
}

function lastEventId({ req }: Context): number | undefined {
  const id = req.get('Last-Event-ID')
  if (id === undefined || id === '') return undefined
  if (/^\d{1,15}$/.test(id)) return Number(id)
  throw new AppError('invalid', 'Last-Event-ID must be the seq of an event.')
}

/**
 * Everything after a cursor, then everything as it comes. A frame that comes is only the sign to read on in the log, so none
 * is left out or told twice, and a reader who is behind costs no memory.
 */
function stream(after: number, { services, who, res }: Context, { log, follow }: Source): undefined {
  const leave: (() => void)[] = []
  let cursor = after
  let more = false
  let reading = false

  const leaveAll = (): void => leave.splice(0).forEach((stop) => stop())
  const end = (): void => {
    leaveAll()
    res.end()
  }
  res.on('close', leaveAll).on('error', leaveAll)
  begin(res)
  leave.push(follow((told) => void (told.seq !== null && readOn())))
  leave.push(services.endings.listen((ending) => concerns(ending, who) && end()))
  leave.push(every(HEARTBEAT_MS, () => res.write(':\n\n')))
  // @NOTE nobody says when a key runs out or a row is changed by hand, so it is looked at; other endings are told at once.
  leave.push(every(LOOK_MS, () => (who.fresh() ? readOn() : end())))
  const { gap, oldest } = log.page(after, 1)
  if (gap) res.write(`event: gap\ndata: ${JSON.stringify({ oldest })}\n\n`)
  readOn()

  function readOn(): void {
    more = true
    if (!reading) readAll().catch(() => res.destroy())
  }

  async function readAll(): Promise<void> {
    reading = true
    try {
      while (more && !isGone(res)) await readPage()
    } finally {
      reading = false
    }
  }

  async function readPage(): Promise<void> {
    const isOver = log.isOver()
    const { events } = log.page(cursor, PAGE)
    more = events.length === PAGE
    for (const event of events) {
      if (isGone(res)) return
      res.write(wireOf(event))
      cursor = event.seq
      await drained(res)
    }
    if (isOver && !more) end()
  }
}

function begin(res: Response): void {
  res.status(200).set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store, no-transform',
    'X-Accel-Buffering': 'no',
  })
  res.write(`retry: ${RETRY_MS}\n\n`)
  res.flushHeaders()
}

const wireOf = (event: LogEntry): string => `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`

function every(ms: number, work: () => unknown): () => void {
  const timer = setInterval(work, ms).unref()
  return () => clearInterval(timer)
}

export const isGone = (res: Response): boolean => res.writableEnded || res.destroyed

/** Resolves when the reader has taken what was sent, and rejects when it does not. */
export async function drained(res: Response): Promise<void> {
  if (res.writableLength <= MAX_BUFFERED || isGone(res)) return
  await once(res, 'drain', { signal: AbortSignal.timeout(SLOW_MS) })
}
