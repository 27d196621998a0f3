import type { ImapFlow } from './imap.ts'

/** What programs put there, not people: never looked at unless it is chosen by name. */
const NOT_INBOXES = new Set(['\\Sent', '\\Drafts', '\\Trash', '\\Junk', '\\All'])
const NOT_SELECTABLE = ['\\Noselect', '\\NonExistent']

/** `missing` are those that were chosen and are not there. */
export type ChosenFolders = { paths: string[]; missing: string[] }

/** The folders to listen to: those that were chosen, else all that can hold new mail, the inbox first. */
export async function chosenFolders(client: ImapFlow, wanted: readonly string[]): Promise<ChosenFolders> {
  const found = (await client.list()).filter(({ flags }) => !NOT_SELECTABLE.some((flag) => has(flags, flag)))
  if (wanted.length > 0) {
    const paths = wanted.flatMap((name) => found.find(({ path }) => isSame(path, name))?.path ?? [])
    const missing = wanted.filter((name) => !found.some(({ path }) => isSame(path, name)))
    return { paths: [...new Set(paths)], missing }
  }
  const paths = found.filter(({ specialUse }) => !NOT_INBOXES.has(specialUse ?? '')).map(({ path }) => path)
  return { paths: paths.sort((a, b) => Number(isInbox(b)) - Number(isInbox(a))), missing: [] }
}

const isInbox = (path: string): boolean => path.toUpperCase() === 'INBOX'

/** The inbox has one name in any case (RFC 9051, 5.1). */
const isSame = (path: string, name: string): boolean => path === name || (isInbox(path) && isInbox(name))

const has = (flags: ReadonlySet<string>, flag: string): boolean =>
  [...flags].some((one) => one.toLowerCase() === flag.toLowerCase())
