import { realpathSync } from 'node:fs'
import type { Db } from '../db/open.ts'
import type { Audit } from './audit.ts'
import type { DataFolder } from './data-folder.ts'
import type { FileLabels } from './files/labels.ts'
import { createOwnChanges } from './files/own-changes.ts'
import { createOwnFiles } from './files/own-files.ts'
import type { Trash } from './files/trash.ts'
import { createUploadLimit } from './files/upload-limit.ts'
import { createUploads } from './files/uploads.ts'
import type { Log } from './log.ts'
import type { Settings } from './settings.ts'

type Deps = {
  db: Db
  folder: Pick<DataFolder, 'files' | 'uploads' | 'trash'>
  newId: () => string
  settings: Settings
  trash: Trash
  fileLabels: FileLabels
  audit: Pick<Audit, 'record'>
  log: Pick<Log, 'error'>
}

export type MyFiles = ReturnType<typeof createMyFiles>

/** The files that each user keeps: reading, changing, uploading. */
export function createMyFiles({ folder, log, ...deps }: Deps) {
  const root = realpathSync(folder.files)
  const files = createOwnFiles({ root })
  const changes = createOwnChanges({ ...deps, root, trashDir: folder.trash, files })
  const uploads = createUploads({ dir: folder.uploads, newId: deps.newId })

  return {
    ...files,
    ...changes,
    uploads,
    uploadLimit: createUploadLimit(deps),

    root,

    /** Puts right what a crash left half done. */
    async recover(): Promise<void> {
      await deps.trash.mend().catch((error: unknown) => log.error({ err: error }, 'the trash stays unmended'))
    },
  }
}
