import { setImmediate as turn } from 'node:timers/promises'
import type { Context } from './endpoint.ts'
import { drained, isGone } from './event-stream.ts'

/**
 * Answers with one JSON value a line. The next part is read when the reader has taken the last one; it stops where the reader
 * goes away, takes nothing for too long, or may not ask any more.
 */
export async function exportLines({ res, who }: Context, parts: Iterable<readonly object[]>): Promise<undefined> {
  res.status(200).set({
    'Content-Type': 'application/x-ndjson; charset=utf-8',
    'Content-Disposition': 'attachment; filename="audit.ndjson"',
    'Cache-Control': 'no-store, no-transform',
  })
  res.on('error', () => {})
  try {
    for (const part of parts) {
      if (isGone(res) || !who.fresh()) return void res.destroy()
      res.write(part.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
      await drained(res)
      await turn()
    }
    res.end()
  } catch (error) {
    if (!res.headersSent) throw error
    // @NOTE the status is out already; a cut connection is how a reader sees that this is not all.
    res.destroy()
  }
}
