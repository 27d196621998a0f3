import type { Clock } from '../deps.ts'
import { AppError, messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Message, OutboxStore } from '../outbox/store.ts'
import type { EmailAccount } from './account-rows.ts'
import type { Mailbox } from './mailbox.ts'
import { outgoingOf, sentCopyOf } from './outgoing-body.ts'

export type SentDeps = {
  now: Clock
  store: Pick<OutboxStore, 'find' | 'empty' | 'uncopied'>
  account: (id: string) => EmailAccount | undefined
  mailboxOf: (account: EmailAccount) => Mailbox
  notify: (note: { userId: string; kind: 'delivery'; title: string; text: string; runId?: string }) => void
  log: Pick<Log, 'info'>
  /** How long to wait before each look for a mail that the server may put there by itself. */
  looks?: readonly number[]
  /** How long to wait after each attempt to put a copy there. */
  delays?: readonly number[]
  /** How long after a copy it is looked whether the server has put one there as well. */
  secondLookMs?: number
}

type Copy = { folder: string; messageId: string; own: string }

/** `none`: the account has no mailbox to keep it in. */
export type Copied = { state: 'kept' | 'none' } | { state: 'failed'; error: string }

const MINUTE = 60_000
const LOOKS: readonly number[] = [0, 2_000]
const DELAYS: readonly number[] = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * 60 * MINUTE, 8 * 60 * MINUTE]
const VISIT_MS = 25_000
const SECOND_LOOK_MS = 8_000

export type Sent = ReturnType<typeof createSent>

/**
 * The folder of what was sent. A mail is known there by its Message-ID, which is a step's own. What was delivered gets its copy
 * once: not where the server has put one there by itself, and again later where it did not work.
 */
export function createSent(deps: SentDeps) {
  const { store, looks = LOOKS, delays = DELAYS } = deps
  const going = new Map<string, Promise<Copied>>()
  const tries = new Map<string, number>()
  const timers = new Map<string, NodeJS.Timeout>()
  const seconds = new Set<NodeJS.Timeout>()
  const ending = new AbortController()
  const visit = () => AbortSignal.any([ending.signal, AbortSignal.timeout(VISIT_MS)])

  async function folderOf(mailbox: Mailbox): Promise<string> {
    const folder = await mailbox.folderFor('\\Sent', visit())
    if (folder === undefined)
      throw new AppError('not_found', `${mailbox.account.label} has no folder for what was sent.`)
    return folder
  }

  async function isIn(mailbox: Mailbox, folder: string, messageId: string): Promise<boolean> {
    return (await mailbox.findByMessageId(folder, messageId, visit())).length > 0
  }

  async function copy({ address, body }: Message): Promise<Copied> {
    const account = deps.account(address)
    if (!account?.imap) return { state: 'none' }
    const mail = outgoingOf(body)
    const mailbox = deps.mailboxOf(account)
    const folder = await folderOf(mailbox)
    if (await isIn(mailbox, folder, mail.messageId)) return { state: 'kept' }
    if (await mailbox.keepsSent(visit())) return { state: 'kept' }
    const raw = sentCopyOf(mail)
    const own = await mailbox.append({ folder, raw, flags: ['\\Seen'], date: deps.now() }, visit())
    if (own !== undefined) lookAgain(() => dropSecond(mailbox, { folder, messageId: mail.messageId, own }))
    return { state: 'kept' }
  }

  /** Servers that keep what they send by themselves may do so a little later: then theirs stays, and ours goes. */
  async function dropSecond(mailbox: Mailbox, { folder, messageId, own }: Copy): Promise<void> {
    const all = await mailbox.findByMessageId(folder, messageId, visit())
    if (all.length > 1 && all.includes(own)) await mailbox.remove(own, visit())
  }

  function lookAgain(work: () => Promise<void>): void {
    const timer = setTimeout(() => {
      seconds.delete(timer)
      work().catch((error: unknown) => deps.log.info({ err: error }, 'a sent mail was not looked for again'))
    }, deps.secondLookMs ?? SECOND_LOOK_MS).unref()
    seconds.add(timer)
  }

  async function attempt(id: string): Promise<Copied> {
    const message = store.find(id)
    if (message?.state !== 'delivered' || message.body === '') return { state: 'kept' }
    try {
      const copied = await copy(message)
      done(id)
      return copied
    } catch (error) {
      if (!ending.signal.aborted) later(message, messageOf(error))
      return { state: 'failed', error: messageOf(error) }
    }
  }

  function done(id: string): void {
    store.empty(id)
    clearTimeout(timers.get(id))
    for (const map of [timers, tries]) map.delete(id)
  }

  function later({ id, userId, runId }: Message, error: string): void {
    const tried = tries.get(id) ?? 0
    const wait = delays[tried]
    deps.log.info({ delivery: id }, 'a sent mail has no copy yet')
    if (wait === undefined) {
      const text = `It was sent, but no copy could be put into the folder of what was sent. ${error}`
      deps.notify({
        userId,
        kind: 'delivery',
        title: 'A sent mail has no copy',
        text,
        ...(runId === null ? {} : { runId }),
      })
      return done(id)
    }
    tries.set(id, tried + 1)
    clearTimeout(timers.get(id))
    timers.set(id, setTimeout(() => void keep(id), wait).unref())
  }

  /** Puts the copy of a delivered mail there, unless there is one. Whoever asks meanwhile waits for that same attempt. */
  function keep(id: string): Promise<Copied> {
    const work = going.get(id) ?? attempt(id).finally(() => going.delete(id))
    going.set(id, work)
    return work
  }

  return {
    keep,

    /** Whether a mail lies there; false also where that cannot be found out. */
    async holds(accountId: string, messageId: string): Promise<boolean> {
      const account = deps.account(accountId)
      if (!account?.imap) return false
      const mailbox = deps.mailboxOf(account)
      for (const wait of looks) {
        await new Promise((resolve) => setTimeout(resolve, wait))
        const found = await folderOf(mailbox)
          .then((folder) => isIn(mailbox, folder, messageId))
          .catch(() => false)
        if (found) return true
      }
      return false
    },

    /** Goes on with what the last stop left. */
    start: (): void => store.uncopied().forEach((id) => void keep(id)),

    async close(): Promise<void> {
      ending.abort(new AppError('unavailable', 'Steward is stopping.'))
      for (const timer of [...timers.values(), ...seconds]) clearTimeout(timer)
      await Promise.allSettled(going.values())
    },
  }
}
