import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, messageOf } from '../errors.ts'
import type { Liveness } from '../liveness.ts'
import type { Log } from '../log.ts'
import type { EmailAccount } from './account-rows.ts'
import { createAlarm, type Alarm } from './alarm.ts'
import { backoffMs } from './backoff.ts'
import { mailFault } from './faults.ts'
import { openImap, type ImapFlow } from './imap.ts'
import { NotFollowed } from './intake.ts'
import { createFolderReader, isOfDatabase, type FolderReaderDeps } from './reading.ts'
import type { ResolveHost } from './resolver.ts'
import { listenOn, type SessionDeps } from './session.ts'

export type ListenerState = { status: 'connected' | 'connecting' | 'error'; last_error: string | null }

export type ListenerDeps = Omit<SessionDeps, 'reader' | 'isStopped' | 'note' | 'ready' | 'caughtUp'> &
  Omit<FolderReaderDeps, 'signal' | 'isStopped'> & {
    passwordOf: (id: string, half: 'imap') => string | undefined
    resolve: ResolveHost
    version: string
    liveness: Pick<Liveness, 'watch'>
    deadlineMs: () => number
    log: Pick<Log, 'error' | 'info'>
    random?: () => number
  }

export type Listener = ReturnType<typeof createListener>

/** A connection that lasted so long was a good one: the next failure is a first one again. */
const GOOD_MS = 10_000
/** The watch lets go of a silent connection first. */
const LATER_MS = 5_000
const GOODBYE_MS = 1_000
const END_MS = 3_000

/**
 * Listens to one account for as long as it is not stopped: one connection, made anew whenever it ends, later each time it
 * fails in a row. What has come meanwhile is read first.
 */
export function createListener(account: EmailAccount, deps: ListenerDeps) {
  const aborter = new AbortController()
  const { signal } = aborter
  const watch = deps.liveness.watch({ userId: account.userId, name: `The mail account “${account.label}”` })
  const isStopped = () => signal.aborted
  const reader = createFolderReader({ ...deps, signal, isStopped })
  let status: ListenerState['status'] = 'connecting'
  let note: string | undefined
  let client: ImapFlow | undefined
  let alarm: Alarm | undefined
  let failures = 0
  let ended: Promise<void> = Promise.resolve()
  /** What ended a connection, told apart from what came of its end. */
  let cause: unknown
  /** What came in could not be written down: no connection ends that, until something was. */
  let unwritten = false

  function attach(to: ImapFlow): void {
    client = to
    to.on('error', (error: unknown) => (cause ??= error))
    if (!unwritten) watch.alive()
    watch.attach({
      ask: () => asked(to),
      progress: () => (to.idling ? undefined : to.stats().received),
      silent: (words) => {
        cause = new AppError('upstream_failed', words)
        to.close()
      },
    })
    note = undefined
  }

  const ready = () => void (unwritten || (status = 'connected'))

  function caughtUp(): void {
    unwritten = false
    watch.alive()
    ready()
  }

  async function connection(): Promise<void> {
    cause = undefined
    const password = deps.passwordOf(account.id, 'imap')
    const opened = await openImap(account, password, deps, { socketTimeoutMs: deps.deadlineMs() + LATER_MS })
    try {
      if (isStopped()) return
      attach(opened)
      alarm = createAlarm()
      await listenOn(opened, account, alarm, {
        ...deps,
        reader,
        isStopped,
        note: (words) => (note = words),
        ready,
        caughtUp,
      })
    } catch (error) {
      throw cause ?? (opened.usable ? error : new Closed(`${account.imap!.host} closed the connection.`))
    } finally {
      watch.detach()
      client = alarm = undefined
      await goodbye(opened)
    }
  }

  async function listen(): Promise<void> {
    while (!isStopped()) {
      const began = performance.now()
      const fault = await connection().catch((error: unknown) => error)
      if (isStopped()) return
      failures = performance.now() - began > GOOD_MS ? 0 : failures + 1
      await sleep(fail(fault), undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** Says what is wrong, and how long to wait. */
  function fail(fault: unknown): number {
    const random = deps.random ? { random: deps.random } : {}
    const wait = (refused: boolean) => backoffMs(Math.max(failures - 1, 0), { refused, ...random })
    if (fault instanceof NotFollowed) {
      status = 'connecting'
      return wait(false)
    }
    const error = inWords(fault)
    unwritten ||= isOfDatabase(fault)
    const refused = error.code === 'upstream_refused'
    status = fault instanceof Closed && failures < 2 ? 'connecting' : 'error'
    watch.fails(error.message, { needsOwner: refused || isOfDatabase(fault) })
    return wait(refused)
  }

  function inWords(fault: unknown): AppError {
    if (fault instanceof AppError) return fault
    if (isOfDatabase(fault)) {
      deps.log.error({ err: fault, accountId: account.id }, 'a mail could not be written down')
      return new AppError('unavailable', 'What came in cannot be written down: is the disk full?', { cause: fault })
    }
    // @NOTE a mistake of our own is no word of the server: it goes to the log as well.
    if (['TypeError', 'ReferenceError', 'RangeError'].includes((fault as Error).name))
      deps.log.error({ err: fault, accountId: account.id }, 'listening to a mail account failed')
    return mailFault('imap', account.imap!, fault)
  }

  return {
    accountId: account.id,

    start(): void {
      ended = listen().catch((error: unknown) => {
        status = 'error'
        deps.log.error({ err: error, accountId: account.id }, 'listening to a mail account ended')
        watch.fails(`Listening failed: ${messageOf(error)}`)
      })
    },

    state: (): ListenerState => ({ status, last_error: watch.trouble() ?? note ?? null }),

    /** Lets go of the connection; resolves when nothing goes on any more, or after a while. */
    async stop(): Promise<void> {
      aborter.abort()
      watch.end()
      alarm?.ring()
      const late = new AbortController()
      await Promise.race([ended, sleep(END_MS, undefined, { signal: late.signal, ref: false }).catch(() => {})])
      late.abort()
      client?.close()
    },
  }
}

/** The server ended it. */
class Closed extends AppError {
  constructor(words: string) {
    super('upstream_failed', words)
  }
}

/** @NOTE imapflow's noop resolves also where the connection has ended. */
async function asked(client: ImapFlow): Promise<void> {
  await client.noop()
  if (!client.usable) throw new Error('the connection ended')
}

/** The polite end where the server still listens, the other one where it does not. */
async function goodbye(client: ImapFlow): Promise<void> {
  if (!client.usable) return client.close()
  const waits = new AbortController()
  const late = sleep(GOODBYE_MS, undefined, { signal: waits.signal, ref: false }).catch(() => {})
  await Promise.race([client.logout().catch(() => {}), late])
  waits.abort()
  client.close()
}
