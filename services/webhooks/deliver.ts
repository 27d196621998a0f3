import type { Clock } from '../deps.ts'
import type { Deliver, Delivery } from '../outbox/delivery.ts'
import type { Sender, Sent } from '../outgoing/send.ts'
import type { Target, WebhookTargets } from './targets.ts'

const ANSWER_CHARS = 2000
const GONE = 410
const ASKS_TO_WAIT = new Set([429, 503])

type Deps = { now: Clock; targets: Pick<WebhookTargets, 'find' | 'secretOf' | 'makerMayReachPrivate'>; sender: Sender }

/** The payload, once and for all: what is signed and sent, also when it is sent again. */
export function payloadOf(type: string, at: Date, data: unknown): string {
  return JSON.stringify({ type, timestamp: at.toISOString(), data })
}

/** Posts messages to webhook targets, signed as Standard Webhooks has it (https://www.standardwebhooks.com). */
export function createWebhookDeliver({ now, targets, sender }: Deps): Deliver {
  return async ({ id, address, body }, { begin, signal }) => {
    const target = targets.find(address)
    if (!target)
      return { to: 'a removed webhook target', state: 'refused', error: 'There is no such target.', forGood: true }
    const to = target.name
    if (!target.enabled) return { to, state: 'refused', error: 'The target is switched off.' }
    const headers = await signed(id, now(), body, targets.secretOf(target.id))
    const privateToo = targets.makerMayReachPrivate(target)
    return deliveryOf(target, await sender.post(target.url, { headers, body, privateToo, signal, begin }), now())
  }
}

async function signed(id: string, at: Date, body: string, secret: string): Promise<Record<string, string>> {
  // @NOTE a bundled CommonJS package has a default export only.
  const { default: standard } = await import('standardwebhooks')
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new standard.Webhook(secret).sign(id, at, body),
  }
}

function deliveryOf({ name: to }: Target, sent: Sent, at: Date): Delivery {
  if (sent.fate === 'held') return { to, state: 'held' }
  if (sent.fate === 'unknown') return { to, state: 'uncertain', error: sent.reason }
  if (sent.fate === 'not_sent') return { to, state: 'refused', error: sent.reason, forGood: sent.forGood }
  const { status } = sent
  const answer = sent.text.slice(0, ANSWER_CHARS).toWellFormed()
  if (status >= 200 && status < 300) return { to, state: 'delivered', status, answer }
  const retryAfterMs = ASKS_TO_WAIT.has(status) ? waitAsked(sent.retryAfter, at) : undefined
  return {
    to,
    state: 'refused',
    error: `It answered ${status}.`,
    status,
    answer,
    retryAfterMs,
    forGood: status === GONE,
  }
}

/** `Retry-After` as seconds or as a date (RFC 9110). */
function waitAsked(header: string | undefined, at: Date): number | undefined {
  if (header === undefined) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - at.getTime()
  return Number.isFinite(ms) && ms > 0 ? ms : undefined
}
