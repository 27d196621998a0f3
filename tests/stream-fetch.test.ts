import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { openStreamFetch } from '../services/outgoing/stream.ts'

const MOST = 1_000

/** What comes of an answer in these pieces, each of which arrives by itself. */
async function read(type: string, pieces: readonly string[]): Promise<string> {
  const server = createServer(async (_req, res) => {
    res.writeHead(200, { 'content-type': type })
    for (const piece of pieces) {
      res.write(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    res.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const allowedPrivateHosts = new Set([new URL(origin).host])
  const opened = await openStreamFetch({ origin, allowedPrivateHosts, headers: () => ({}), maxBytes: MOST })
  try {
    return await (await opened.fetch(origin)).text()
  } finally {
    await opened.close()
    server.close()
  }
}

const tooLarge = { code: 'too_large' }

describe('an answer that may be a stream', () => {
  it('is cut off where it is too large, also where it is full of blank lines', async () => {
    assert.equal(await read('application/json', ['"short"']), '"short"')
    await assert.rejects(read('application/json', ['['.padEnd(MOST + 1)]), tooLarge)
    await assert.rejects(read('application/json', Array(10).fill(`${' '.repeat(400)}\n\n`)), tooLarge)
  })

  it('goes on for ever where it is of events none of which is, whichever ends of lines are used', async () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const event = `data: ${'x'.repeat(400)}${end}${end}`
      const all = await read('text/event-stream; charset=utf-8', Array(10).fill(event))
      assert.equal(all, event.repeat(10))
      const halves = Array(10)
        .fill([event.slice(0, -1), event.slice(-1)])
        .flat()
      assert.equal(await read('text/event-stream', halves), event.repeat(10))
      await assert.rejects(read('text/event-stream', Array(10).fill(`data: ${'x'.repeat(400)}${end}`)), tooLarge)
    }
  })
})
