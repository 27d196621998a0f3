import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { isSameOrigin } from './auth.ts'
import { endpoint, type Context } from './endpoint.ts'
import { openDoor } from './mcp-door.ts'

const MOST_A_MINUTE = 120
const MOST_BYTES = 128 * 1024
const LONGEST_MS = 60_000

const asked = new Map<string, { minute: number; count: number }>()

/** So many requests a minute by one key. */
function countIn(keyId: string, now: number): void {
  const minute = Math.floor(now / 60_000)
  const known = asked.get(keyId)
  const count = known?.minute === minute ? known.count + 1 : 1
  if (asked.size > 1_000) asked.clear()
  asked.set(keyId, { minute, count })
  if (count <= MOST_A_MINUTE) return
  const retryAfter = 60 - (Math.floor(now / 1000) % 60)
  throw new AppError('rate_limited', `At most ${MOST_A_MINUTE} requests a minute.`, { retryAfter })
}

/** Clients of the protocol are no pages: whatever comes from another site was led here, with a key too. */
function admit({ who, req, services, config }: Context): void {
  if (!isSameOrigin(req, config)) throw new AppError('cross_origin', 'Pages of other sites are not served here.')
  countIn(who.via === 'key' ? who.keyId : who.user.id, services.now().getTime())
}

async function answer(body: unknown, context: Context): Promise<void> {
  admit(context)
  const { req, res, services, who } = context
  const handler = await openDoor(services, who)
  const headers = new Headers()
  headers.set('accept', 'application/json, text/event-stream')
  for (const name of ['content-type', 'mcp-protocol-version', 'mcp-method', 'mcp-name'])
    if (typeof req.headers[name] === 'string') headers.set(name, req.headers[name])
  const limit = AbortSignal.timeout(LONGEST_MS)
  const request = new Request('http://localhost/mcp', { method: 'POST', headers, body: JSON.stringify(body) })
  try {
    const told = await handler.fetch(request, { parsedBody: body })
    res.status(told.status)
    told.headers.forEach((value, name) => res.setHeader(name, value))
    if (told.body === null) res.end()
    else await pipeline(Readable.fromWeb(told.body as never), res, { signal: limit }).catch(() => res.destroy())
  } finally {
    await handler.close()
  }
}

export const mcpEndpoints = [
  endpoint({
    method: 'post',
    path: '/mcp',
    operationId: 'mcp',
    tag: 'Tool servers',
    role: 'user',
    scopes: ['read', 'run'],
    summary: 'Steward as a server of the Model Context Protocol',
    description:
      'Streamable HTTP without sessions. With `read`: list_agents, get_run, list_conversations, read_conversation, ' +
      'list_approvals; with `run`: run_agent, send_message. What runs here is unattended and counts as written by others; questions ' +
      'can be listed, never decided.',
    bodyLimit: MOST_BYTES,
    body: lazy(() => z.record(z.string(), z.unknown())),
    output: lazy(() => z.record(z.string(), z.unknown())),
    errors: ['cross_origin', 'rate_limited'],
    example: { jsonrpc: '2.0', id: 1, result: {} },
    exampleBody: { jsonrpc: '2.0', id: 1, method: 'ping' } as Record<string, unknown>,
    handle: async ({ body }, context) => {
      await answer(body, context)
      return {}
    },
  }),
]
