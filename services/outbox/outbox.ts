import type { Deps } from '../deps.ts'
import { messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { DELAYS, waitAfter, type Deliver, type Delivery } from './delivery.ts'
import type { Draft, Message, OutboxStore } from './store.ts'

export type OutboxDeps = Deps & {
  store: OutboxStore
  /** Whether a door is held now. */
  paused: (door: Draft['door']) => boolean
  /** Called in the transaction in which a delivery fails for good. */
  notify: (note: {
    userId: string
    kind: 'delivery'
    title: string
    text: string
    runId?: string
    onlyHere: boolean
  }) => void
  log: Pick<Log, 'error' | 'warn'>
  deliver: Record<Draft['door'], Deliver>
  /** Called in the transaction in which a message was delivered, or failed without having arrived. */
  onSettled?: (message: Message, state: 'delivered' | 'failed') => void
  /** Whether a message has arrived of which nobody knows, where that can be found out. */
  arrived?: (message: Message) => Promise<boolean>
  delays?: readonly number[]
  /** Doors with a way of their own. */
  doors?: Partial<Record<Draft['door'], DoorWay>> | undefined
  random?: () => number
}

/** `repeats`: what the house says by it, and no tool, may be said again where nobody knows whether it arrived. */
export type DoorWay = { delays: readonly number[]; mostAtOnce: number; repeats: boolean }

/** What one attempt came to. `held`: it did not go out, for the house is paused or closing. */
export type Outcome = {
  state: 'delivered' | 'queued' | 'failed' | 'uncertain' | 'held'
  status: number | null
  error: string | null
  answer: string
}

type Attempted = Pick<Message, 'id' | 'callId' | 'door' | 'address' | 'body'>

const MOST_AT_ONCE = 4
const LONGEST_NAP_MS = 60_000
const AFTER_FAULT_MS = 5_000
const LOST = 'The server stopped while this was on its way.'

export type Outbox = ReturnType<typeof createOutbox>

/**
 * What leaves the house. Each message is written down as `sending` before a byte of it goes out. It is tried again, by
 * itself and under the same id, only when it certainly did not get through; a message that may have arrived is `uncertain`
 * and stays so until somebody says what became of it.
 */
export function createOutbox(deps: OutboxDeps) {
  const { db, now, store, paused, log, delays = DELAYS, doors = {}, random = Math.random } = deps
  const going = new Map<string, Promise<Outcome>>()
  /** The door of each address that is being written to. */
  const busy = new Map<string, Draft['door']>()
  const ending = new AbortController()
  let closed = false
  let timer: NodeJS.Timeout | undefined

  const mayGo = (door: Draft['door']) => !closed && !paused(door)
  const isFull = (door: Draft['door']): boolean =>
    [...busy.values()].filter((one) => one === door).length >= (doors[door]?.mostAtOnce ?? MOST_AT_ONCE)

  /** One attempt; whoever asks for a message that is on its way waits for that same attempt. */
  function attempt(message: Attempted, begin: () => boolean, alone = false): Promise<Outcome> {
    const known = going.get(message.id)
    if (known) return known
    const work = carry(message, begin, alone).finally(() => going.delete(message.id))
    going.set(message.id, work)
    return work
  }

  async function carry(message: Attempted, begin: () => boolean, alone: boolean): Promise<Outcome> {
    let begun = false
    const way = { begin: () => (begun = begin()), signal: ending.signal }
    const delivery = await deps.deliver[message.door](message, way).catch((error: unknown): Delivery => {
      if (!begun) throw error
      return { to: message.address, state: 'uncertain', error: messageOf(error) }
    })
    return db.transact(() => {
      delivery.also?.()
      const outcome = settle(message.id, delivery)
      const row = alone && outcome.state === 'uncertain' ? store.find(message.id) : undefined
      if (row) tellUncertain(row, outcome.error)
      return outcome
    })
  }

  function settled(id: string, state: 'delivered' | 'failed'): void {
    const row = store.find(id)
    if (row) deps.onSettled?.(row, state)
  }

  function settle(id: string, delivery: Delivery): Outcome {
    if (delivery.state === 'held') return { state: 'held', status: null, error: null, answer: '' }
    if (delivery.state === 'refused') return refused(id, delivery)
    const { state } = delivery
    const [status, error, answer] =
      state === 'delivered' ? [delivery.status, null, delivery.answer] : [null, delivery.error, '']
    store.change(id, { state, lastStatus: status, lastError: error, answer })
    if (state === 'delivered') settled(id, state)
    return { state, status, error, answer }
  }

  function refused(id: string, { to, ...delivery }: Delivery & { state: 'refused' }): Outcome {
    const { error, status = null, answer = '' } = delivery
    store.count(id)
    const row = store.find(id)
    const { forGood = false, retryAfterMs } = delivery
    const pace = { delays: (row && doors[row.door]?.delays) ?? delays, retryAfterMs, random: random() }
    const wait = forGood || !row ? undefined : waitAfter(row.attempts, pace)
    const facts = { lastStatus: status, lastError: error, answer }
    if (wait !== undefined) {
      store.change(id, { ...facts, state: 'queued', nextAttemptAt: new Date(now().getTime() + wait).toISOString() })
      db.afterCommit(watch)
      return { state: 'queued', status, error, answer }
    }
    store.change(id, { ...facts, state: 'failed' })
    settled(id, 'failed')
    if (row) gaveUp(row, to, error)
    return { state: 'failed', status, error, answer }
  }

  function gaveUp(message: Message, to: string, error: string): void {
    const times = message.attempts === 1 ? 'one attempt' : `${message.attempts} attempts`
    deps.notify({
      ...about(message),
      title: `Could not deliver to ${to}`,
      text: `Given up after ${times}: ${error}`,
    })
  }

  /** Nobody waits for it any more who could ask. */
  function tellUncertain(message: Message, error: string | null): void {
    const text = `It is not sent again by itself. ${error ?? ''}`
    deps.notify({ ...about(message), title: 'It is not known whether a message arrived', text })
  }

  /** What was on its way when the process ended, and no run asks about: it is looked for, else the owner is told. */
  async function endLost(message: Message): Promise<void> {
    const there = (await deps.arrived?.(message).catch(() => false)) ?? false
    if (closed || store.find(message.id)?.state !== 'sending') return
    db.transact(() => {
      if (there) return resolve(message.id, 'done')
      store.change(message.id, { state: 'uncertain', lastError: LOST })
      tellUncertain(message, LOST)
    })
  }

  /** The end of an uncertainty, in the caller's transaction. */
  function resolve(id: string, answer: 'done' | 'again' | 'give_up'): void {
    const row = store.find(id)
    if (row?.state !== 'uncertain' && row?.state !== 'sending') return
    if (answer === 'done') {
      store.change(id, { state: 'delivered' })
      return settled(id, 'delivered')
    }
    if (answer === 'give_up')
      return store.change(id, { state: 'failed', lastError: 'The owner gave it up; it may have arrived.' })
    store.put(row)
    db.afterCommit(() => setImmediate(look))
  }

  /** Sends what is due: a few at a time, and to each address one after the other, the oldest first. */
  function look(): void {
    if (closed) return
    for (const { id, address, door } of store.due())
      if (mayGo(door) && !isFull(door) && !busy.has(address) && !going.has(id)) void sendDue(id, address)
    watch()
  }

  async function sendDue(id: string, address: string): Promise<void> {
    const message = store.find(id)!
    busy.set(address, message.door)
    try {
      await attempt(message, () => mayGo(message.door) && db.transact(() => store.begin(id)), true)
      busy.delete(address)
      setImmediate(look)
    } catch (error) {
      log.error({ err: error, delivery: id }, 'a message could not be sent')
      busy.delete(address)
      wakeIn(AFTER_FAULT_MS)
    }
  }

  /** Wakes up for the next one; at least once a minute, as clocks jump. */
  function watch(): void {
    const next = store.nextDue()
    if (next !== null) wakeIn(Math.min(Date.parse(next) - now().getTime(), LONGEST_NAP_MS))
  }

  function wakeIn(ms: number): void {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(look, Math.max(ms, 0)).unref()
  }

  return {
    find: store.find,
    list: store.list,
    counts: store.counts,

    /** Queues a message in the caller's transaction; it is sent once that has committed. */
    enqueue(draft: Draft): void {
      store.put(draft)
      db.afterCommit(() => setImmediate(look))
    },

    /**
     * Sends this now, and waits for what comes of it. The message is written down in the moment it goes out, so that
     * without a row it was never sent; what was delivered is not sent again. Once it is on its way `signal` no longer matters.
     */
    dispatch(draft: Draft, signal: AbortSignal): Promise<Outcome> {
      signal.throwIfAborted()
      const row = store.find(draft.id)
      if (row?.state === 'delivered') return Promise.resolve(outcomeOf(row))
      return attempt({ ...draft, body: row?.body ?? draft.body }, () => {
        if (signal.aborted || !mayGo(draft.door)) return false
        return db.transact(() => (store.put(draft), store.begin(draft.id)))
      })
    },

    look,

    /** After a start: what was on its way is uncertain now; what is due goes out. Answers how many were uncertain. */
    start(): number {
      const [lost, alone] = db.transact(() => {
        for (const [door, way] of Object.entries(doors)) if (way.repeats) store.sendAgain(door as Draft['door'], LOST)
        return [store.markLost(LOST), store.sending()]
      })
      for (const message of alone)
        void endLost(message).catch((error: unknown) => log.error({ err: error }, 'the end of a message is not known'))
      look()
      return lost + alone.length
    },

    resolve,

    /** What waits for an address or of a run does not go out any more; in the caller's transaction. */
    cancel(of: { address: string } | { runId: string }, error: string): void {
      for (const id of store.failQueued(of, error)) settled(id, 'failed')
    },

    /** Nothing new goes out; what is on its way may finish within `graceMs`, and is uncertain after that. */
    async close(graceMs = 2_000): Promise<void> {
      closed = true
      clearTimeout(timer)
      const rest = () => Promise.allSettled(going.values())
      const cut = setTimeout(() => ending.abort(), graceMs)
      await rest()
      clearTimeout(cut)
    },
  }
}

/** What became of a notice by mail is no matter for another one. */
function about({ userId, runId, callId, door }: Message) {
  const onlyHere = door === 'email' && callId === null
  return { userId, kind: 'delivery' as const, onlyHere, ...(runId === null ? {} : { runId }) }
}

function outcomeOf({ lastStatus, lastError, answer }: Message): Outcome {
  return { state: 'delivered', status: lastStatus, error: lastError, answer: answer ?? '' }
}
