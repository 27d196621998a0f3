import { setImmediate as soon } from 'node:timers/promises'
import { AppError, messageOf } from '../errors.ts'
import type { Bookmark } from './bookmarks.ts'
import {
  afterExpunges,
  fetchLarge,
  fetchWhole,
  inChunks,
  inGroups,
  isHeavy,
  type FetchedMail,
  type MailHead,
} from './fetching.ts'
import type { ImapFlow } from './imap.ts'
import { NotFollowed, type MailIntake, type Read } from './intake.ts'
import type { MailMessage } from './message.ts'
import type { MailReader } from './parse.ts'

export type FolderReaderDeps = {
  intake: MailIntake
  parser: Pick<MailReader, 'parse'>
  maxBytes: () => number
  signal: AbortSignal
  isStopped: () => boolean
  /** One at a time, in the whole house. */
  heavy: <T>(work: () => Promise<T>) => Promise<T>
}

export type FolderReader = ReturnType<typeof createFolderReader>

/** On so many connections the server is asked for a mail before it is given up. */
const MOST_FETCHES = 10
/** From here on a mail that takes connections along is asked for by itself. */
const SUSPECT = 2
const MOST_TRIES = 3
/** So many are written down at a time. */
const TOGETHER = 16

/** Reads the mails of an open folder in their order and hands each over, once; nothing about one mail keeps the next from it. */
export function createFolderReader(deps: FolderReaderDeps) {
  const { intake, isStopped } = deps
  /** How many connections ended while a mail was the next to be had. */
  const broken = new Map<string, number>()

  const nameOf = ({ path, uidValidity }: Bookmark, { uid }: MailHead) => `${path}\n${uidValidity}\n${uid}`

  async function fetchGroup(client: ImapFlow, bookmark: Bookmark, group: MailHead[]): Promise<FetchedMail[]> {
    const name = nameOf(bookmark, group[0]!)
    try {
      const mails = await afterExpunges(client, () => fetched(client, group))
      broken.delete(name)
      return mails
    } catch (error) {
      if (!client.usable || group.length === 1) broken.set(name, (broken.get(name) ?? 0) + 1)
      throw error
    }
  }

  async function fetched(client: ImapFlow, group: MailHead[]): Promise<FetchedMail[]> {
    const [head] = group
    if (group.length > 1 || head!.size <= deps.maxBytes()) return fetchWhole(client, group)
    const large = await fetchLarge(client, head!)
    return large ? [large] : []
  }

  /** A server that would not give out a group is asked for its mails one by one, so that only the bad one is missing. */
  async function readGroup(client: ImapFlow, bookmark: Bookmark, group: MailHead[]): Promise<void> {
    let mails: FetchedMail[]
    try {
      mails = await fetchGroup(client, bookmark, group)
    } catch (error) {
      if (!client.usable || isStopped() || group.length === 1) throw error
      for (const head of group) await readGroup(client, bookmark, [head])
      return
    }
    const read = await Promise.all(mails.map(async (mail) => ({ mail, message: await attempt(mail) })))
    for (const some of inChunks(read, TOGETHER)) {
      handOver(bookmark, some)
      await soon()
    }
    const upTo = group.at(-1)!.uid
    if (mails.at(-1)?.uid !== upTo) intake.pass(bookmark, upTo)
  }

  /** Some in one transaction, which spares the disk; where that fails, each by itself. */
  function handOver(bookmark: Bookmark, some: readonly Read[]): void {
    if (isStopped()) throw new NotFollowed()
    try {
      intake.takeAll(bookmark, some)
    } catch (error) {
      if (error instanceof NotFollowed || isOfDatabase(error)) throw error
      for (const one of some) handOverOne(bookmark, one)
    }
  }

  function handOverOne(bookmark: Bookmark, one: Read): void {
    for (let tries = 1; ; tries++)
      try {
        return intake.takeAll(bookmark, [one])
      } catch (error) {
        if (error instanceof NotFollowed || isOfDatabase(error)) throw error
        if (tries === MOST_TRIES)
          return intake.giveUp(bookmark, one.mail, `It could not be judged: ${messageOf(error)}`)
      }
  }

  /** What cannot be read is told by an Error. */
  async function attempt(mail: FetchedMail): Promise<MailMessage | Error> {
    for (let tries = 1; ; tries++)
      try {
        return parsed(mail, await deps.parser.parse(mail.source, deps.signal))
      } catch (error) {
        if (isStopped()) throw new NotFollowed()
        if (tries === MOST_TRIES || error instanceof AppError) return new Error(messageOf(error))
      }
  }

  /** Of a mail that is too large only its beginning was read: what would have come behind is named. */
  function parsed({ whole, bodyHash, parts, size }: FetchedMail, message: MailMessage): MailMessage {
    if (whole) return message
    const reason = `it is part of a mail of ${Math.round(size / 1024 ** 2)} MiB, which is too large to be read`
    return {
      ...message,
      bodyHash: bodyHash ?? message.bodyHash,
      attachments: (parts ?? []).map((part) => ({ ...part, name: part.name || 'unnamed', reason })),
      problems: [...message.problems, 'This mail is too large: only its beginning was read.'],
    }
  }

  function* batches(bookmark: Bookmark, heads: readonly MailHead[]): Generator<MailHead[]> {
    for (const group of inGroups(heads)) {
      const failures = broken.get(nameOf(bookmark, group[0]!)) ?? 0
      if (failures < SUSPECT) yield group
      else yield* group.map((head) => [head])
    }
  }

  return {
    /** `upTo`: with these the folder is read up to there, whatever of it is gone. Throws NotFollowed when it is stopped. */
    async read(client: ImapFlow, bookmark: Bookmark, heads: readonly MailHead[], upTo?: number): Promise<void> {
      for (const group of batches(bookmark, heads)) {
        if (isStopped()) throw new NotFollowed()
        const unknown = group.filter((head) => !intake.isKnown(bookmark, head))
        const [first] = unknown
        if (!first) intake.pass(bookmark, group.at(-1)!.uid)
        else if ((broken.get(nameOf(bookmark, first)) ?? 0) >= MOST_FETCHES)
          intake.giveUp(bookmark, first, `The server did not give it out, ${MOST_FETCHES} times in a row.`)
        else if (isHeavy(unknown)) await deps.heavy(() => readGroup(client, bookmark, unknown))
        else await readGroup(client, bookmark, unknown)
      }
      if (upTo !== undefined && upTo > bookmark.lastUid) intake.pass(bookmark, upTo)
    },
  }
}

const ABOUT_THE_ROW = /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/

/** A full disk or a locked file is nothing about the mail; a row that the tables do not take is. */
export function isOfDatabase(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && code.startsWith('SQLITE_') && !ABOUT_THE_ROW.test(code)
}
