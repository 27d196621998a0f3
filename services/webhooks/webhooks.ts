import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import type { Log } from '../log.ts'
import type { Masking } from '../policy/masking.ts'
import type { Deliver } from '../outbox/delivery.ts'
import { createOutbox, type OutboxDeps } from '../outbox/outbox.ts'
import { createOutboxStore } from '../outbox/store.ts'
import type { NetworkEdge } from '../outgoing/connect.ts'
import { createSender } from '../outgoing/send.ts'
import type { Vault } from '../vault.ts'
import { createWebhookDeliver, payloadOf } from './deliver.ts'
import { createWebhookTargets } from './targets.ts'

export type WebhooksDeps = Deps & {
  newId: () => string
  version: string
  privateHosts: ReadonlySet<string>
  edge?: NetworkEdge | undefined
  vault: Pick<Vault, 'seal' | 'open'>
  audit: Pick<Audit, 'record'>
  alsoMask: (source: () => Iterable<[string, string]>) => () => void
  maskValue: Masking['maskValue']
  paused: OutboxDeps['paused']
  notify: OutboxDeps['notify']
  log: Pick<Log, 'error' | 'warn'>
  /** The other door that shares the outbox. */
  mail: () => {
    deliver: Deliver
    settled: NonNullable<OutboxDeps['onSettled']>
    arrived: NonNullable<OutboxDeps['arrived']>
  }
  delays?: readonly number[]
  doors?: OutboxDeps['doors']
  /** How messages to Telegram leave, which share the outbox. */
  deliverTelegram: Deliver
}

export type Webhooks = ReturnType<typeof createWebhooks>

/** Webhook targets and the outbox that posts to them, put together. */
export function createWebhooks(deps: WebhooksDeps) {
  const store = createOutboxStore(deps)
  const targets = createWebhookTargets({ ...deps, outbox: store })
  const sender = createSender({ ...deps.edge, allowedPrivateHosts: deps.privateHosts, version: deps.version })
  const deliver = createWebhookDeliver({ now: deps.now, targets, sender })
  const { mail } = deps
  const onSettled: OutboxDeps['onSettled'] = (message, state) =>
    message.door === 'email' && mail().settled(message, state)
  const outbox = createOutbox({
    ...deps,
    store,
    onSettled,
    arrived: async (message) => message.door === 'email' && mail().arrived(message),
    deliver: { webhook: deliver, email: (...args) => mail().deliver(...args), telegram: deps.deliverTelegram },
  })

  /** Posts one test message, at once and once, past the outbox: the owner pressed the button and waits. */
  async function test(
    userId: string,
    id: string,
    by: Actor,
  ): Promise<{ ok: boolean; status?: number; error?: string }> {
    const { name } = targets.get(userId, id)
    const body = payloadOf('test', deps.now(), { message: 'Steward can reach this webhook target.' })
    const way = { begin: () => true, signal: new AbortController().signal }
    deps.audit.record({ kind: 'webhook_target', action: 'tested', subject: name, by })
    const delivery = await deliver({ id: deps.newId(), callId: null, address: id, body }, way)
    if (delivery.state === 'delivered') return { ok: true, ...status(delivery.status) }
    if (delivery.state === 'held') return { ok: false }
    return { ok: false, ...('status' in delivery ? status(delivery.status) : {}), error: delivery.error }
  }

  return { targets, outbox, test, store }
}

const status = (code: number | null | undefined) => (code == null ? {} : { status: code })
