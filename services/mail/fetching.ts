import { createHash } from 'node:crypto'
import type { Bookmark } from './bookmarks.ts'
import type { ServerIdentity } from './identity.ts'
import type { ImapFlow } from './imap.ts'

/** What is known of a mail before it is read. */
export type MailHead = { uid: number; size: number; receivedAt: string; ids: ServerIdentity }

/** A mail as it came, or as much of it as fits: then `source` is its beginning, and `bodyHash` stands for all of it. */
export type FetchedMail = MailHead & { source: Buffer; whole: boolean; bodyHash?: string; parts?: PartHead[] }

/** A part of a mail that is too large to be read, by what the server says of it. */
export type PartHead = { name: string; mediaType: string; size: number }

const DAY_MS = 24 * 3600_000
/** So long a mail that was looked at is remembered, less a day. */
const REMEMBERED_MS = 399 * DAY_MS
const GROUP_BYTES = 8 * 1024 * 1024
const GROUP_MAILS = 32
const RANGE_UIDS = 200
const PIECE_BYTES = 1024 * 1024

/**
 * Every mail of the selected folder that is to be looked at, ascending. Of what a folder had when it was numbered anew,
 * only what came after listening began.
 */
export async function headsOf(client: ImapFlow, bookmark: Bookmark, at: Date): Promise<MailHead[]> {
  const from = bookmark.lastUid + 1
  const fresh = await listed(client, `${Math.max(from, bookmark.freshUid)}:*`)
  const isNew = ({ uid }: MailHead) => uid >= from && uid >= bookmark.freshUid
  const again = from < bookmark.freshUid ? await headsAgain(client, bookmark, at) : []
  return [...again, ...fresh.filter(isNew)].sort((a, b) => a.uid - b.uid)
}

async function headsAgain(client: ImapFlow, bookmark: Bookmark, at: Date): Promise<MailHead[]> {
  const since = Math.max(Date.parse(bookmark.startedAt), at.getTime() - REMEMBERED_MS)
  // @NOTE SINCE knows days only, in the server's own time zone.
  const uids = await client.search(
    { uid: `${bookmark.lastUid + 1}:${bookmark.freshUid - 1}`, since: new Date(since - DAY_MS) },
    { uid: true },
  )
  const heads: MailHead[] = []
  for (const some of inChunks(uids || [], RANGE_UIDS)) heads.push(...(await listed(client, some.join(','))))
  return heads.filter(({ uid, receivedAt }) => uid < bookmark.freshUid && Date.parse(receivedAt) >= since)
}

/** @NOTE a server may refuse to speak of mails that another client has just expunged, until it has told us so (RFC 2180, 4.1). */
export async function afterExpunges<T>(client: ImapFlow, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!client.usable) throw error
    await client.noop()
    return work()
  }
}

const listed = (client: ImapFlow, range: string): Promise<MailHead[]> =>
  afterExpunges(client, () => headsIn(client, range))

async function headsIn(client: ImapFlow, range: string): Promise<MailHead[]> {
  const byGmail = !client.capabilities.has('OBJECTID')
  const heads: MailHead[] = []
  for await (const { uid, size, internalDate, emailId } of client.fetch(
    range,
    { uid: true, size: true, internalDate: true },
    { uid: true },
  )) {
    const ids = emailId === undefined ? {} : byGmail ? { gmMsgId: emailId } : { emailId }
    heads.push({ uid, size: size ?? 0, receivedAt: new Date(internalDate ?? Date.now()).toISOString(), ids })
  }
  return heads
}

/** Mails that are fetched in one go: together no larger than what may lie in memory, but for one that is larger by itself. */
export function* inGroups(heads: readonly MailHead[]): Generator<MailHead[]> {
  let group: MailHead[] = []
  let bytes = 0
  for (const head of heads) {
    if (group.length === GROUP_MAILS || (group.length > 0 && bytes + head.size > GROUP_BYTES)) {
      yield group
      group = []
      bytes = 0
    }
    group.push(head)
    bytes += head.size
  }
  if (group.length > 0) yield group
}

/** Whether it is so large that it is read alone, and no other beside it. */
export const isHeavy = (group: readonly MailHead[]): boolean => group.length === 1 && group[0]!.size > GROUP_BYTES

/** The mails of a group as they are. What was expunged meanwhile is missing. */
export async function fetchWhole(client: ImapFlow, heads: readonly MailHead[]): Promise<FetchedMail[]> {
  const byUid = new Map(heads.map((head) => [head.uid, head]))
  const mails: FetchedMail[] = []
  const uids = heads.map(({ uid }) => uid).join(',')
  for await (const { uid, source } of client.fetch(uids, { uid: true, source: true }, { uid: true })) {
    const head = byUid.get(uid)
    if (head && source) mails.push({ ...head, source, whole: true })
  }
  return mails.sort((a, b) => a.uid - b.uid)
}

/**
 * A mail that is too large: its beginning, what parts it has, and where the server has no id of its own the hash of all
 * of its body, piece by piece. Undefined where it was expunged meanwhile.
 */
export async function fetchLarge(client: ImapFlow, head: MailHead): Promise<FetchedMail | undefined> {
  const source = await pieceOf(client, head.uid, 0)
  if (!source) return undefined
  const structure = await client.fetchOne(String(head.uid), { uid: true, bodyStructure: true }, { uid: true })
  const parts = structure && structure.bodyStructure ? partsOf(structure.bodyStructure) : []
  const isKnown = head.ids.emailId !== undefined || head.ids.gmMsgId !== undefined
  const bodyHash = isKnown ? '' : await hashOf(client, head.uid, source)
  return bodyHash === undefined ? undefined : { ...head, source, whole: false, bodyHash, parts }
}

async function hashOf(client: ImapFlow, uid: number, beginning: Buffer): Promise<string | undefined> {
  const hash = createHash('sha256').update(beginning.subarray(bodyStart(beginning)))
  let at = beginning.length
  for (let piece = beginning; piece.length === PIECE_BYTES; at += piece.length) {
    const next = await pieceOf(client, uid, at)
    if (!next) return undefined
    hash.update((piece = next))
  }
  return hash.digest('hex')
}

async function pieceOf(client: ImapFlow, uid: number, start: number): Promise<Buffer | undefined> {
  const query = { uid: true, source: { start, maxLength: PIECE_BYTES } }
  const found = await client.fetchOne(String(uid), query, { uid: true })
  return found ? found.source : undefined
}

/** Where the body begins: behind the first empty line. */
export function bodyStart(source: Buffer): number {
  const [crlf, lf] = [source.indexOf('\r\n\r\n'), source.indexOf('\n\n')]
  if (crlf >= 0 && (lf < 0 || crlf < lf)) return crlf + 4
  return lf >= 0 ? lf + 2 : source.length
}

type Structure = {
  type?: string | undefined
  size?: number | undefined
  disposition?: string | undefined
  parameters?: Record<string, string> | undefined
  dispositionParameters?: Record<string, string> | undefined
  childNodes?: Structure[] | undefined
}

function partsOf(node: Structure): PartHead[] {
  if (node.childNodes) return node.childNodes.flatMap(partsOf)
  const name = node.dispositionParameters?.['filename'] ?? node.parameters?.['name']
  if (name === undefined && node.disposition?.toLowerCase() !== 'attachment') return []
  return [
    { name: name ?? '', mediaType: (node.type ?? 'application/octet-stream').toLowerCase(), size: node.size ?? 0 },
  ]
}

export function* inChunks<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
