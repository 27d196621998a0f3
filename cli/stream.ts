import { setTimeout as wait } from 'node:timers/promises'
import { CommandError, EXIT } from './command.ts'
import type { Server } from './server.ts'
import type { Frame } from './told.ts'

const TRIES_MS = [200, 500, 1_000, 2_000, 4_000]

/** The frames of a run from its first on, until it ends or `signal` does. Comes back where the connection is lost. */
export async function followRun(
  server: Server,
  runId: string,
  take: (frame: Frame) => void,
  signal: AbortSignal,
): Promise<void> {
  let seen = 0
  let failures = 0
  while (!signal.aborted) {
    try {
      const body = await server.stream(
        `/api/runs/${runId}/events?after=${seen}`,
        { accept: 'text/event-stream' },
        signal,
      )
      if (body === null) return
      for await (const frame of framesIn(body)) {
        seen = frame.seq ?? seen
        failures = 0
        take(frame)
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof CommandError && error.exit !== EXIT.unreachable) throw error
      const pause = TRIES_MS[failures++]
      if (pause === undefined)
        throw new CommandError(EXIT.unreachable, `The connection to ${server.url} was lost. The run goes on where Steward is running.`) // prettier-ignore
      await wait(pause)
    }
  }
}

/** Server-sent events as the frames they stand for. */
async function* framesIn(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  let rest = ''
  for await (const chunk of body.pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>) {
    const events = (rest + chunk).split('\n\n')
    rest = events.pop()!
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1]
      if (data === undefined || /^event: gap$/m.test(event)) continue
      const { data: more, ...about } = JSON.parse(data) as { data: object; seq: number; type: string; run_id: string }
      yield { ...more, ...about } as unknown as Frame
    }
  }
}
