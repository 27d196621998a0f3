import { AppError, messageOf } from '../errors.ts'
import type { Db } from '../../db/open.ts'
import type { EmailAccount } from './account-rows.ts'
import type { Alarm } from './alarm.ts'
import { mailboxNameOf, type Bookmark, type Bookmarks } from './bookmarks.ts'
import { headsOf } from './fetching.ts'
import { chosenFolders } from './folders.ts'
import type { ImapFlow } from './imap.ts'
import type { FolderReader } from './reading.ts'

export type SessionDeps = {
  db: Db
  now: () => Date
  bookmarks: Bookmarks
  reader: FolderReader
  pollMs: () => number
  isStopped: () => boolean
  /** What is not as it should be although the connection works; undefined for nothing. */
  note: (words: string | undefined) => void
  /** From here on no mail is missed: every folder has its bookmark. */
  ready: () => void
  /** All that had come by now was looked at. */
  caughtUp: () => void
}

/** IDLE that ends sooner by itself is none. */
const SHORT_IDLE_MS = 1_000
/** So often a server may end IDLE at once; then it is asked from time to time instead. */
const MOST_SHORT_IDLES = 3

/**
 * Listens on one signed-in connection until it ends or is stopped: IDLE on the first folder where the server has it and the
 * account is no handling one, the others by STATUS from time to time. Throws what ended it.
 */
export async function listenOn(
  client: ImapFlow,
  account: EmailAccount,
  alarm: Alarm,
  deps: SessionDeps,
): Promise<void> {
  const { db, bookmarks, reader, isStopped } = deps
  const mailbox = mailboxNameOf(account)
  const unopened = new Map<string, string>()
  let folders: string[] = []
  let missing: string[] = []
  let open: Bookmark | undefined
  let isNew = false
  let isWorking = false
  let shortIdles = 0
  let nextPoll = 0

  client.on('exists', ({ path }) => {
    if (path !== folders[0]) return
    isNew = true
    alarm.ring()
  })
  client.on('close', alarm.ring)

  async function choose(): Promise<void> {
    const chosen = await chosenFolders(client, account.folders)
    folders = chosen.paths
    missing = chosen.missing
    if (folders.length === 0) throw new AppError('upstream_failed', noFolder(missing))
    annotate()
  }

  function annotate(): void {
    const words = [...(missing.length > 0 ? [noFolder(missing)] : []), ...unopened.values()]
    deps.note(words.length > 0 ? words.join(' ') : undefined)
  }

  /** Opens a folder; the first look at it marks its end. Answers the UID that its next mail will have. */
  async function enter(path: string): Promise<number | undefined> {
    open = undefined
    const opened = await client.mailboxOpen(path, { readOnly: true }).catch((error: unknown) => refused(path, error))
    if (!opened) return undefined
    if (unopened.delete(path)) annotate()
    const state = { uidValidity: String(opened.uidValidity), uidNext: opened.uidNext ?? (await uidNextOf(path)) }
    open = db.transact(() => bookmarkOf(path, state))
    return state.uidNext
  }

  function bookmarkOf(path: string, state: { uidValidity: string; uidNext: number }): Bookmark {
    const found = bookmarks.find(account.id, mailbox, path)
    if (!found) return bookmarks.begin({ accountId: account.id, mailbox, path }, state)
    // @NOTE a mailbox that was restored from a copy may go on from lower numbers under the same validity.
    const isSame = found.uidValidity === state.uidValidity && found.lastUid < state.uidNext
    return isSame ? found : bookmarks.renumbered(found, state)
  }

  async function uidNextOf(path: string): Promise<number> {
    const status = await client.status(path, { uidNext: true })
    return (status ? status.uidNext : undefined) ?? 1
  }

  /** One folder that cannot be opened keeps nobody from the others. */
  function refused(path: string, error: unknown): undefined {
    if (!client.usable) throw error
    const { responseText } = error as { responseText?: string }
    unopened.set(path, `The folder “${path}” cannot be opened: ${responseText ?? messageOf(error)}`)
    annotate()
    return undefined
  }

  async function readOpen(upTo?: number): Promise<void> {
    if (!open) return
    const bookmark = bookmarks.find(account.id, mailbox, open.path) ?? open
    const heads = await headsOf(client, bookmark, deps.now())
    await reader.read(client, bookmark, heads, upTo)
  }

  async function readFolder(path: string): Promise<void> {
    const uidNext = await enter(path)
    if (uidNext !== undefined) await readOpen(uidNext - 1)
  }

  async function hasNews(path: string): Promise<boolean> {
    const found = bookmarks.find(account.id, mailbox, path)
    if (!found) return true
    const status = await client
      .status(path, { uidNext: true, uidValidity: true })
      .catch((error: unknown) => refused(path, error))
    if (!status) return false
    return String(status.uidValidity) !== found.uidValidity || (status.uidNext ?? Infinity) - 1 !== found.lastUid
  }

  async function poll(): Promise<void> {
    isWorking = true
    nextPoll = performance.now() + deps.pollMs()
    if (account.folders.length === 0 || missing.length > 0) await choose()
    const [first, ...others] = folders
    for (const path of others) if (!isStopped() && (await hasNews(path))) await readFolder(path)
    if (open?.path === first) return void (await client.noop())
    isNew = true
  }

  async function look(): Promise<void> {
    isWorking = true
    isNew = false
    if (open?.path === folders[0]) await readOpen()
    else await readFolder(folders[0]!)
  }

  const idles = () =>
    account.accountType !== 'handling' && client.capabilities.has('IDLE') && shortIdles < MOST_SHORT_IDLES

  function idle(): void {
    if (client.idling || !idles()) return
    isWorking = false
    const began = performance.now()
    const ended = () => {
      const isShort = !isWorking && performance.now() - began < SHORT_IDLE_MS
      shortIdles = isShort ? shortIdles + 1 : 0
      alarm.ring()
    }
    client.idle().then(ended, ended)
  }

  await choose()
  if (folders.every((path) => bookmarks.find(account.id, mailbox, path))) deps.ready()
  await poll()
  if (isNew) await look()
  deps.caughtUp()
  while (!isStopped()) {
    if (!client.usable) throw new AppError('upstream_failed', `${account.imap!.host} closed the connection.`)
    if (isNew) await look()
    else if (performance.now() >= nextPoll) await poll()
    else {
      idle()
      await alarm.wait(nextPoll - performance.now())
    }
  }
}

const noFolder = (missing: readonly string[]): string =>
  missing.length === 0
    ? 'There is no folder that could be listened to.'
    : `There is no folder ${missing.map((name) => `“${name}”`).join(', ')} in this mailbox. Choose others.`
