import { AppError } from '../errors.ts'
import type { EmailAccount } from './account-rows.ts'
import type { Connections } from './connections.ts'
import type { FetchMessageObject, ImapFlow, ListResponse } from './imap.ts'
import { mailIdOf, mailPlaceOf, type MailPlace } from './mail-id.ts'
import { searchOf } from './mail-search.ts'
import type { Correspondent } from './message.ts'

/** A mail as it stands in a list. */
export type ListedMail = {
  id: string
  folder: string
  messageId: string | null
  /** ISO 8601, as the server received it. */
  receivedAt: string | null
  from: Correspondent[]
  to: Correspondent[]
  subject: string
  size: number
  unread: boolean
  flagged: boolean
  answered: boolean
  attachments: number
}

export type MailFolder = { path: string; specialUse: string | null }

/** `specialUse` as RFC 6154 has it. */
export type SpecialUse = '\\Sent' | '\\Trash' | '\\Drafts' | '\\Junk' | '\\Archive' | '\\All'

export type MailFlags = { add?: readonly string[]; remove?: readonly string[] }

const LARGEST_READ = 40 * 1024 * 1024
const LISTED = { uid: true, flags: true, envelope: true, internalDate: true, size: true, bodyStructure: true } as const
/** Folders in which nothing is looked for unless they are named. */
const LEFT_OUT = new Set(['\\Trash', '\\Junk', '\\Drafts', '\\Flagged', '\\All'])
const MOST_FOLDERS = 30

export type Mailbox = ReturnType<typeof mailboxOf>

/**
 * What an account holds. Each call is one visit: it has the account's connection for itself, and ends with its signal. Mails are
 * named by ids that end with the server's numbering of the folder (`not_found`: list again).
 */
export function mailboxOf(account: EmailAccount, connections: Connections) {
  const looking = <T>(signal: AbortSignal, task: (client: ImapFlow) => Promise<T>): Promise<T> =>
    connections.use(account, { signal, again: true }, task)
  const changing = <T>(signal: AbortSignal, task: (client: ImapFlow) => Promise<T>): Promise<T> =>
    connections.use(account, { signal, again: false }, task)

  async function open(
    client: ImapFlow,
    folder: string,
    readOnly: boolean,
  ): Promise<{ exists: number; validity: string }> {
    try {
      const { exists, uidValidity } = await client.mailboxOpen(folder, { readOnly })
      return { exists, validity: String(uidValidity) }
    } catch (error) {
      if ((error as { mailboxMissing?: boolean }).mailboxMissing !== true) throw error
      const paths = (await client.list()).filter(selectable).map(({ path }) => path)
      throw new AppError('not_found', `There is no such folder in ${account.label}. There are: ${paths.join(', ')}.`)
    }
  }

  /** Opens the folder of a mail and answers its UID. */
  async function openAt(client: ImapFlow, id: string, readOnly: boolean): Promise<MailPlace> {
    const place = mailPlaceOf(id)
    if (place.accountId !== account.id) throw gone()
    const { validity } = await open(client, place.folder, readOnly)
    if (validity !== place.uidValidity) throw gone()
    return place
  }

  async function listed(client: ImapFlow, folder: string, validity: string, range: string, uid: boolean) {
    const rows = await client.fetchAll(range, LISTED, { uid })
    const place = (row: FetchMessageObject) => ({ accountId: account.id, folder, uidValidity: validity, uid: row.uid })
    return rows.sort((a, b) => b.uid - a.uid).map((row) => listedMail(mailIdOf(place(row)), folder, row))
  }

  async function found(client: ImapFlow, folder: string, criteria: ReturnType<typeof searchOf>, limit: number) {
    const { exists, validity } = await open(client, folder, true)
    if (exists === 0) return { mails: [], total: 0 }
    const uids = await client.search(criteria, { uid: true })
    if (!Array.isArray(uids)) throw new AppError('upstream_failed', `${account.label} does not answer this search.`)
    const newest = uids.sort((a, b) => a - b).slice(-limit)
    if (newest.length === 0) return { mails: [], total: 0 }
    return { mails: await listed(client, folder, validity, newest.join(','), true), total: uids.length }
  }

  async function byUse(client: ImapFlow, use: SpecialUse): Promise<string | undefined> {
    return (await client.list()).filter(selectable).find(({ specialUse }) => specialUse === use)?.path
  }

  /** Where a search looks: where all mail is, else the inbox first and every other folder that people file mail in. */
  async function searched(client: ImapFlow): Promise<string[]> {
    const folders = (await client.list()).filter(selectable)
    const all = folders.find(({ specialUse }) => specialUse === '\\All')
    if (all) return [all.path]
    const kept = folders.filter(({ specialUse }) => !LEFT_OUT.has(specialUse ?? ''))
    return kept.sort((a, b) => rank(a) - rank(b)).map(({ path }) => path)
  }

  return {
    account,

    folders: (signal: AbortSignal): Promise<MailFolder[]> =>
      looking(signal, async (client) =>
        (await client.list())
          .filter(selectable)
          .map(({ path, specialUse }) => ({ path, specialUse: specialUse ?? null })),
      ),

    /** The folder for a purpose: as the server marks it, else by its usual names. */
    folderFor: (use: SpecialUse, signal: AbortSignal): Promise<string | undefined> =>
      looking(signal, (client) => byUse(client, use)),

    /** The newest of a folder, newest first; `total`: how many there are. */
    list: (
      {
        folder = 'INBOX',
        limit,
        unreadOnly = false,
      }: { folder?: string | undefined; limit: number; unreadOnly?: boolean },
      signal: AbortSignal,
    ): Promise<{ mails: ListedMail[]; total: number }> =>
      looking(signal, async (client) => {
        if (unreadOnly) return found(client, folder, { seen: false }, limit)
        const { exists, validity } = await open(client, folder, true)
        if (exists === 0) return { mails: [], total: 0 }
        const range = `${Math.max(1, exists - limit + 1)}:*`
        return { mails: await listed(client, folder, validity, range, false), total: exists }
      }),

    /** Mails in which every word of the query occurs, in subject, sender or text; "quoted words" together. Newest first. */
    search: (
      { query, folder, limit }: { query: string; folder?: string | undefined; limit: number },
      signal: AbortSignal,
    ): Promise<{ mails: ListedMail[]; total: number; leftOut: string[] }> =>
      looking(signal, async (client) => {
        const criteria = searchOf(query, client.capabilities)
        const folders = folder === undefined ? await searched(client) : [folder]
        const mails: ListedMail[] = []
        let total = 0
        for (const path of folders.slice(0, MOST_FOLDERS)) {
          const part = await found(client, path, criteria, limit)
          mails.push(...part.mails)
          total += part.total
        }
        mails.sort((a, b) => (b.receivedAt ?? '').localeCompare(a.receivedAt ?? ''))
        return { mails: mails.slice(0, limit), total, leftOut: folders.slice(MOST_FOLDERS) }
      }),

    /** The whole mail as it lies there. It stays unread. */
    source: (id: string, signal: AbortSignal): Promise<{ listed: ListedMail; raw: Buffer }> =>
      looking(signal, async (client) => {
        const { uid, folder } = await openAt(client, id, true)
        const row = await client.fetchOne(String(uid), LISTED, { uid: true })
        if (!row) throw gone()
        if ((row.size ?? 0) > LARGEST_READ) throw new AppError('too_large', 'This mail is too large to be read here.')
        const whole = await client.fetchOne(String(uid), { source: true }, { uid: true })
        if (!whole || !whole.source) throw gone()
        return { listed: listedMail(id, folder, row), raw: whole.source }
      }),

    /** Its header alone. */
    header: (id: string, signal: AbortSignal): Promise<Buffer> =>
      looking(signal, async (client) => {
        const { uid } = await openAt(client, id, true)
        const row = await client.fetchOne(String(uid), { headers: true }, { uid: true })
        if (!row || !row.headers) throw gone()
        return row.headers
      }),

    /** Whether its server puts what it sends there by itself (Gmail). */
    keepsSent: (signal: AbortSignal): Promise<boolean> =>
      looking(signal, async (client) => client.capabilities.has('X-GM-EXT-1')),

    /** The ids of the mails with that Message-ID in a folder; without angle brackets. */
    findByMessageId: (folder: string, messageId: string, signal: AbortSignal): Promise<string[]> =>
      looking(signal, async (client) => {
        const { mails } = await found(client, folder, { header: { 'message-id': `<${messageId}>` } }, 10)
        return mails.filter((mail) => mail.messageId === messageId).map(({ id }) => id)
      }),

    /** Adds a mail to a folder. Answers its id where the server tells it. */
    append: (
      { folder, raw, flags = [], date }: { folder: string; raw: Buffer; flags?: readonly string[]; date?: Date },
      signal: AbortSignal,
    ): Promise<string | undefined> =>
      changing(signal, async (client) => {
        // @NOTE flags are left out where the folder that is open is not known to keep them.
        await open(client, folder, false)
        const done = await client.append(folder, raw, [...flags], date)
        if (!done) throw new AppError('upstream_failed', `${account.label} did not take the mail into ${folder}.`)
        const { uid, uidValidity } = done
        if (uid === undefined || uidValidity === undefined) return undefined
        return mailIdOf({ accountId: account.id, folder, uidValidity: String(uidValidity), uid })
      }),

    /** For good: not by way of the trash. */
    remove: (id: string, signal: AbortSignal): Promise<void> =>
      changing(signal, async (client) => {
        const { uid } = await openAt(client, id, false)
        assertDone(await client.messageDelete(String(uid), { uid: true }))
      }),

    flag: (id: string, { add = [], remove = [] }: MailFlags, signal: AbortSignal): Promise<void> =>
      changing(signal, async (client) => {
        const { uid } = await openAt(client, id, false)
        if (!(await client.fetchOne(String(uid), { uid: true }, { uid: true }))) throw gone()
        if (add.length > 0) assertDone(await client.messageFlagsAdd(String(uid), [...add], { uid: true }))
        if (remove.length > 0) assertDone(await client.messageFlagsRemove(String(uid), [...remove], { uid: true }))
      }),

    /** To another folder of the same account, which must be there. Answers the mail's new id where the server tells it. */
    move: (id: string, to: string, signal: AbortSignal): Promise<string | undefined> =>
      changing(signal, async (client) => {
        const paths = (await client.list()).filter(selectable).map(({ path }) => path)
        if (!paths.includes(to))
          throw new AppError('not_found', `There is no folder ${to}. There are: ${paths.join(', ')}.`)
        const { uid } = await openAt(client, id, false)
        if (!(await client.fetchOne(String(uid), { uid: true }, { uid: true }))) throw gone()
        const done = await client.messageMove(String(uid), to, { uid: true })
        assertDone(done)
        const moved = done && done.uidMap?.get(uid)
        if (!moved || !done.uidValidity) return undefined
        return mailIdOf({ accountId: account.id, folder: to, uidValidity: String(done.uidValidity), uid: moved })
      }),
  }

  function assertDone(done: unknown): void {
    if (!done) throw new AppError('upstream_failed', `${account.label} did not do this.`)
  }
}

const gone = () =>
  new AppError('not_found', 'This mail is not there any more, or the folder was numbered anew. List again.')

function selectable({ flags }: ListResponse): boolean {
  return !flags.has('\\Noselect') && !flags.has('\\NonExistent')
}

function rank({ path, specialUse }: ListResponse): number {
  if (path.toUpperCase() === 'INBOX') return 0
  return specialUse === undefined ? 2 : 1
}

function listedMail(id: string, folder: string, row: FetchMessageObject): ListedMail {
  const { envelope = {}, flags = new Set<string>(), internalDate } = row
  return {
    id,
    folder,
    messageId: envelope.messageId?.replace(/^<|>$/g, '') ?? null,
    receivedAt: isoOf(internalDate),
    from: (envelope.from ?? []).map(correspondent),
    to: (envelope.to ?? []).map(correspondent),
    subject: envelope.subject ?? '',
    size: row.size ?? 0,
    unread: !flags.has('\\Seen'),
    flagged: flags.has('\\Flagged'),
    answered: flags.has('\\Answered'),
    attachments: attachmentsIn(row.bodyStructure),
  }
}

function correspondent({ name = '', address = '' }: { name?: string | undefined; address?: string | undefined }) {
  return { name, address }
}

function isoOf(date: Date | string | undefined): string | null {
  if (date === undefined) return null
  const at = new Date(date)
  return Number.isNaN(at.getTime()) ? null : at.toISOString()
}

function attachmentsIn(part: FetchMessageObject['bodyStructure']): number {
  if (part === undefined) return 0
  const own = part.disposition === 'attachment' ? 1 : 0
  return (part.childNodes ?? []).reduce((sum, child) => sum + attachmentsIn(child), own)
}
