import { createHash } from 'node:crypto'
import { z } from 'zod'
import { operation, UncertainError, type Reach, type Tool, type ToolOutcome } from '../agent/tool.ts'
import type { Clock } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import type { Outbox, Outcome } from '../outbox/outbox.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { payloadOf } from '../webhooks/deliver.ts'
import type { Target, WebhookTargets } from '../webhooks/targets.ts'
import { named, quoted } from './wording.ts'

const MAX_BODY_CHARS = 256 * 1024
const NOTHING_READ: Labels = { integrity: 'owner', privacy: 'private' }
const SENT_AGAIN = 'Steward tries again by itself over the next three days. Do not send it again.'

type Args = { target: string; body: unknown }
type Deps = {
  now: Clock
  targets: Pick<WebhookTargets, 'findByName' | 'names'>
  outbox: Pick<Outbox, 'dispatch' | 'enqueue' | 'find' | 'resolve'>
}

/** Messages to the webhook targets that the owner configured. What was sent is known by the call's own id. */
export function createWebhookTool({ now, targets, outbox }: Deps): Tool {
  function reachOf(target: Target | undefined, name: string): Reach {
    const kind = target?.enabled ? (target.owner ? 'owner' : 'listed') : 'other'
    return { destinations: [{ address: target ? addressOf(target) : `webhook:${name}`, class: kind }] }
  }

  /** The target that was decided on, as long as it is still what it was then. */
  function decided(reach: Reach, userId: string, name: string): Target {
    const target = targets.findByName(userId, name)
    const [then] = reach.destinations ?? []
    const [today] = reachOf(target, name).destinations!
    if (target?.enabled && then?.address === today!.address && then.class === today!.class) return target
    throw new AppError('conflict', 'The webhook target was changed in the meantime. Try again.')
  }

  const send = operation<Args>({
    description: 'Post JSON to a target of the owner, by its name',
    input: lazy(() => z.strictObject({ target: z.string(), body: z.unknown().refine(fits, PROBLEM) })),
    effect: 'send',
    destructive: false,
    attendedOnly: false,
    yields: { integrity: 'third_party', privacy: 'private' },
    recovery: 'verify',
    verify: async (_args, { callId }) => {
      const state = outbox.find(callId)?.state
      if (state === 'delivered') return 'done'
      return state === 'sending' || state === 'uncertain' ? 'unknown' : 'not_done'
    },
    inspect: ({ target }, userId) => reachOf(targets.findByName(userId, target), target),
    describe: ({ target, body }, userId) =>
      `Send to the webhook target ${whereTo(targets.findByName(userId, target), target)}: ${quoted(textOf(body), 300)}.`,
    run: async ({ target: name, body }, { userId, runId, callId, signal }, reach) => {
      const target = decided(reach, userId, name)
      const payload = payloadOf('steward.message', now(), body)
      const draft = { id: callId, userId, runId, callId, door: 'webhook', address: target.id, body: payload } as const
      const outcome = await outbox.dispatch(draft, signal)
      if (outcome.state !== 'held') return told(target, outcome)
      signal.throwIfAborted()
      outbox.enqueue(draft)
      return {
        content: `Steward is paused. The message to ${target.name} is kept and sent afterwards; do not send it again.`,
      }
    },
    settle: (answer, _args, { callId }) => outbox.resolve(callId, answer),
  })

  return {
    name: 'webhook',
    description: 'Messages to services and devices.',
    operations: { send_to_target: send },
    known: (userId) => named('Targets', targets.names(userId)),
    addressOf: (userId, destination) => {
      const target = targets.findByName(userId, destination.replace(/^webhook:/, '').replace(/#[0-9a-f]{8}$/, ''))
      if (target) return addressOf(target)
      throw invalidField('destinations', `There is no webhook target ${destination}. Write it as webhook:Name.`)
    },
  }
}

/** Bound to the target and to where it leads, so that what was agreed to does not go elsewhere once it leads elsewhere. */
function addressOf({ id, name, url }: Target): string {
  return `webhook:${name}#${createHash('sha256').update(`${id}\n${url}`).digest('hex').slice(0, 8)}`
}

function whereTo(target: Target | undefined, name: string): string {
  return target ? `${quoted(target.name, 64)} (${new URL(target.url).host})` : quoted(name, 64)
}

const PROBLEM = `Any JSON of at most ${MAX_BODY_CHARS} characters.`

function fits(body: unknown): boolean {
  return body !== undefined && JSON.stringify(body).length <= MAX_BODY_CHARS
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body)
}

function told({ name }: Target, { state, status, error, answer }: Outcome): ToolOutcome {
  const reply = answer.trim() === '' ? '' : `\nIts answer:\n${answer}`
  if (state === 'delivered')
    return {
      ...(reply === '' ? { labels: NOTHING_READ } : {}),
      content: `${name} took it (${status ?? 'done'}).${reply}`,
      summary: `Sent to ${name}`,
      source: `the answer of ${name}`,
    }
  if (state === 'uncertain') throw new UncertainError(`It is not known whether ${name} got it. ${error}`)
  if (state === 'failed') throw new AppError('upstream_failed', `${name} did not take it. ${error}${reply}`)
  const content = `${name} could not be reached yet, or did not take it: ${error} ${SENT_AGAIN}${reply}`
  return { content, summary: `Queued for another try: ${error}` }
}
