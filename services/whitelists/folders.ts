import { realpathSync, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { Actor } from '../audit.ts'
import { invalidField } from '../errors.ts'
import { folderRefusal, type HousePlaces } from '../policy/paths.ts'
import { changeOf, missing, said, twice, type ListDeps } from './entries.ts'

export type FolderEntry = { path: string; note: string; written_by: 'me' | 'others'; created_at: string }
type Change = { note?: string | undefined; written_by?: 'me' | 'others' | undefined }

/** Folders that may never be listed, whoever asks. */
export type FolderBounds = HousePlaces

/** Folders outside of which no tool touches a file. */
export function createFolderList(deps: ListDeps & { bounds: FolderBounds }) {
  const { db, now, bounds } = deps
  const rows = db.prepare<[], FolderEntry>(
    'SELECT path, note, written_by, created_at FROM filesystem_whitelist ORDER BY path',
  )
  const add = db.prepare(
    'INSERT INTO filesystem_whitelist (path, note, written_by, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const change = db.prepare(
    'UPDATE filesystem_whitelist SET note = coalesce(?, note), written_by = coalesce(?, written_by) WHERE path = ?',
  )
  const remove = db.prepare('DELETE FROM filesystem_whitelist WHERE path = ?')
  const changed = changeOf(deps)
  const outcomeOf = ({ written_by }: Change) => said({ written_by })

  return {
    folders: (): FolderEntry[] => rows.all(),

    /** Keeps the folder with its symbolic links resolved. Throws `invalid` for what does not exist or may never be listed. */
    addFolder(draft: Change & { path: string }, by: Actor): void {
      const path = existingFolder(draft.path)
      const refusal = folderRefusal(path, bounds)
      if (refusal !== undefined) throw invalidField('path', refusal)
      const work = () => add.run(path, draft.note ?? '', draft.written_by ?? 'others', now().toISOString())
      changed(work, twice(path), { action: 'folder added', subject: path, by, outcome: outcomeOf(draft) })
    },

    changeFolder(path: string, draft: Change, by: Actor): void {
      const work = () => change.run(draft.note ?? null, draft.written_by ?? null, path)
      changed(work, missing(path), { action: 'folder changed', subject: path, by, outcome: outcomeOf(draft) })
    },

    removeFolder(path: string, by: Actor): void {
      changed(() => remove.run(path), missing(path), { action: 'folder removed', subject: path, by })
    },
  }
}

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
