import { realpathSync, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { domainToASCII } from 'node:url'
import type { Actor, Audit } from './audit.ts'
import type { Deps } from './deps.ts'
import { AppError, invalidField } from './errors.ts'
import { folderRefusal, type HousePlaces } from './policy/paths.ts'

export type WebEntry = { domain: string; note: string; private_ok: boolean; created_at: string }
export type FolderEntry = { path: string; note: string; written_by: 'me' | 'others'; created_at: string }
type WebRow = Omit<WebEntry, 'private_ok'> & { private_ok: number }

/** Folders that may never be listed, whoever asks. */
export type FolderBounds = HousePlaces

export type Whitelists = ReturnType<typeof createWhitelists>

/** The lists of the house: sites that a clean run may read (Tier 1), and folders outside of which no file is touched. */
export function createWhitelists({
  db,
  now,
  audit,
  bounds,
}: Deps & { audit: Pick<Audit, 'record'>; bounds: FolderBounds }) {
  const web = db.prepare<[], WebRow>('SELECT domain, note, private_ok, created_at FROM web_whitelist ORDER BY domain')
  const addWeb = db.prepare(
    'INSERT INTO web_whitelist (domain, note, private_ok, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const changeWeb = db.prepare(
    'UPDATE web_whitelist SET note = coalesce(?, note), private_ok = coalesce(?, private_ok) WHERE domain = ?',
  )
  const removeWeb = db.prepare('DELETE FROM web_whitelist WHERE domain = ?')
  const folders = db.prepare<[], FolderEntry>(
    'SELECT path, note, written_by, created_at FROM filesystem_whitelist ORDER BY path',
  )
  const addFolder = db.prepare(
    'INSERT INTO filesystem_whitelist (path, note, written_by, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const changeFolder = db.prepare(
    'UPDATE filesystem_whitelist SET note = coalesce(?, note), written_by = coalesce(?, written_by) WHERE path = ?',
  )
  const removeFolder = db.prepare('DELETE FROM filesystem_whitelist WHERE path = ?')

  /** Does one change and writes it into the audit log; no row touched is what `none` says. */
  function change(
    work: () => { changes: number },
    none: AppError,
    entry: { action: string; subject: string; by: Actor; outcome?: string },
  ): void {
    db.transact(() => {
      if (work().changes === 0) throw none
      audit.record({ kind: 'whitelist', ...entry })
    })
  }

  const missing = (what: string) => new AppError('not_found', `${what} is not on the list.`)
  const twice = (what: string) => new AppError('conflict', `${what} is already on the list.`)
  const flag = (value: boolean | undefined) => (value === undefined ? null : Number(value))

  return {
    web: (): WebEntry[] => web.all().map((row) => ({ ...row, private_ok: row.private_ok === 1 })),

    /** `domain` as `normaliseDomain` gives it. */
    addWeb(draft: { domain: string; note?: string | undefined; private_ok?: boolean | undefined }, by: Actor): void {
      const { domain } = draft
      const row = [domain, draft.note ?? '', Number(draft.private_ok ?? false), now().toISOString()] as const
      change(() => addWeb.run(...row), twice(domain), {
        action: 'web added',
        subject: domain,
        by,
        outcome: said(draft),
      })
    },

    changeWeb(domain: string, draft: { note?: string | undefined; private_ok?: boolean | undefined }, by: Actor): void {
      const work = () => changeWeb.run(draft.note ?? null, flag(draft.private_ok), asKept(domain))
      change(work, missing(domain), { action: 'web changed', subject: domain, by, outcome: said(draft) })
    },

    removeWeb(domain: string, by: Actor): void {
      change(() => removeWeb.run(asKept(domain)), missing(domain), { action: 'web removed', subject: domain, by })
    },

    folders: (): FolderEntry[] => folders.all(),

    /** Keeps the folder with its symbolic links resolved. Throws `invalid` for what does not exist or may never be listed. */
    addFolder(
      draft: { path: string; note?: string | undefined; written_by?: 'me' | 'others' | undefined },
      by: Actor,
    ): void {
      const path = existingFolder(draft.path)
      const refusal = folderRefusal(path, bounds)
      if (refusal !== undefined) throw invalidField('path', refusal)
      const row = [path, draft.note ?? '', draft.written_by ?? 'others', now().toISOString()] as const
      change(() => addFolder.run(...row), twice(path), {
        action: 'folder added',
        subject: path,
        by,
        outcome: said(draft),
      })
    },

    changeFolder(
      path: string,
      draft: { note?: string | undefined; written_by?: 'me' | 'others' | undefined },
      by: Actor,
    ): void {
      const work = () => changeFolder.run(draft.note ?? null, draft.written_by ?? null, path)
      change(work, missing(path), { action: 'folder changed', subject: path, by, outcome: said(draft) })
    },

    removeFolder(path: string, by: Actor): void {
      change(() => removeFolder.run(path), missing(path), { action: 'folder removed', subject: path, by })
    },
  }
}

/** What of a draft decides what may be done. */
function said({
  private_ok,
  written_by,
}: {
  private_ok?: boolean | undefined
  written_by?: string | undefined
}): string {
  const parts = { private_ok, written_by }
  return Object.entries(parts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ')
}

/** A domain however it is written, as the list has it. */
const asKept = (domain: string): string => domainToASCII(domain) || domain.toLowerCase()

function existingFolder(path: string): string {
  if (!isAbsolute(path) || path.includes('\0')) throw invalidField('path', 'Give the whole path, from / on.')
  try {
    const real = realpathSync(path)
    if (statSync(real).isDirectory()) return real
  } catch {
    throw invalidField('path', `There is no folder ${path} on this server.`)
  }
  throw invalidField('path', `${path} is not a folder.`)
}
