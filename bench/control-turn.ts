import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type Anthropic from '@anthropic-ai/sdk'
import type { RawData } from 'ws'

/** What both controls share: the raw stream of the SDK, loaded when first used as Steward does. */

let client: Promise<Anthropic> | undefined

async function connect(baseURL: string): Promise<Anthropic> {
  const { default: Client } = await import('@anthropic-ai/sdk')
  return new Client({ apiKey: 'bench', authToken: null, baseURL, maxRetries: 0, logLevel: 'off' })
}

/** Asks the model; every piece of its answer goes to `say`, the whole is returned. */
export async function answerTo(modelUrl: string, question: string, say: (delta: string) => void): Promise<string> {
  client ??= connect(modelUrl)
  const stream = await (
    await client
  ).messages.create({
    model: 'claude-sonnet-5-5',
    max_tokens: 32_000,
    messages: [{ role: 'user', content: question }],
    stream: true,
  })
  let text = ''
  for await (const event of stream) {
    if (event.type !== 'content_block_delta' || event.delta.type !== 'text_delta') continue
    text += event.delta.text
    say(event.delta.text)
  }
  return text
}

export function contentOf(data: RawData): string {
  return (JSON.parse(String(data)) as { content: string }).content
}

/** Listens on a free port of loopback and says where. */
export function announce(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`)
  })
}
