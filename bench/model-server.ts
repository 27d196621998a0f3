import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * A model that answers at once, in the form of Anthropic's Messages API, as a process of its own:
 * `node bench/model-server.ts <deltas in an answer>`. `GET /last` returns the newest request as it came.
 */

const DELTAS_A_WRITE = 8
const MODEL = 'claude-sonnet-5-5'
const WORDS = 'word after word '

const pieces = answer(Number(process.argv[2] ?? 10))
let last = '{}'

const server = createServer((req, res) => {
  if (req.url === '/last') return json(res, last)
  if (req.method === 'GET') return json(res, JSON.stringify({ data: [LISTED], has_more: false }))
  void speak(req, res)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`)
})

const LISTED = {
  type: 'model',
  id: MODEL,
  display_name: 'Claude Sonnet 5.5',
  created_at: '2026-09-01T00:00:00Z',
  max_input_tokens: 1_000_000,
  max_tokens: 128_000,
}

async function speak(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  last = Buffer.concat(chunks).toString('utf8')
  res.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_bench' })
  for (const piece of pieces) {
    res.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
  res.end()
}

/** The whole stream of an answer, cut into what is written at once. */
function answer(deltas: number): string[] {
  const usage = { input_tokens: 500, output_tokens: deltas }
  const message = { id: 'msg_bench', type: 'message', role: 'assistant', model: MODEL, content: [], usage }
  const delta = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: WORDS } }
  const start = [
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  ]
  const end = [
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage },
    { type: 'message_stop' },
  ]
  const parts = Array.from({ length: Math.ceil(deltas / DELTAS_A_WRITE) }, (_, at) =>
    sse(delta).repeat(Math.min(DELTAS_A_WRITE, deltas - at * DELTAS_A_WRITE)),
  )
  return [start.map(sse).join(''), ...parts, end.map(sse).join('')]
}

function sse(event: { type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

function json(res: ServerResponse, text: string): void {
  res.writeHead(200, { 'content-type': 'application/json' }).end(text)
}
