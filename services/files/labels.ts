import { dirname } from 'node:path'
import type { Db } from '../../db/open.ts'
import { joinLabels, type Labels } from '../shapes/labels.ts'

export type FileLabels = ReturnType<typeof createFileLabels>

/**
 * Remembers what the runs that wrote files had read. A file is known again by its content, wherever it went, so a
 * memory is never dropped because the file is.
 */
export function createFileLabels({ db, now }: { db: Db; now: () => Date }) {
  const put = db.prepare<[string, string, string, string, string, string | null, string]>(
    `INSERT INTO file_labels (path, folder, sha256, integrity, privacy, run_id, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, integrity = excluded.integrity,
       privacy = excluded.privacy, run_id = excluded.run_id, updated_at = excluded.updated_at`,
  )
  const withContent = db.prepare<[string], Labels>('SELECT integrity, privacy FROM file_labels WHERE sha256 = ?')
  const withPath = db.prepare<[string], Labels>('SELECT integrity, privacy FROM file_labels WHERE path = ?')
  const inFolder = db.prepare<[string], Labels>('SELECT DISTINCT integrity, privacy FROM file_labels WHERE folder = ?')
  const copy = db.prepare<[string, string, string]>(
    `INSERT OR REPLACE INTO file_labels (path, folder, sha256, integrity, privacy, run_id, updated_at)
     SELECT ?, ?, sha256, integrity, privacy, run_id, updated_at FROM file_labels WHERE path = ?`,
  )
  const moveInside = db.prepare<{ from: string; to: string }>(
    `UPDATE OR REPLACE file_labels SET path = @to || substr(path, length(@from) + 1), folder = @to || substr(folder, length(@from) + 1)
     WHERE path >= @from || '/' AND path < @from || '0'`,
  )
  const drop = db.prepare<[string]>('DELETE FROM file_labels WHERE path = ?')

  return {
    /** Notes what stands in a file from now on. */
    remember(path: string, sha256: string, labels: Labels, runId: string | null): void {
      put.run(path, dirname(path), sha256, labels.integrity, labels.privacy, runId, now().toISOString())
    },

    /** The worst labels under which exactly this content was ever written; undefined when it never was. */
    byContent: (sha256: string): Labels | undefined => worst(withContent.all(sha256)),

    /** The labels of what was last written at this path, whatever stands there now. */
    byPath: (path: string): Labels | undefined => withPath.get(path),

    /** The worst labels of anything written directly into this folder; undefined when nothing was. */
    worstInFolder: (folder: string): Labels | undefined => worst(inFolder.all(folder)),

    /** What is in a file stands elsewhere too (in the trash, or back from it); both places keep the label. */
    copied(path: string, to: string): void {
      copy.run(to, dirname(to), path)
    },

    /** A file, or a folder with all in it, stands elsewhere now. */
    moved(from: string, to: string): void {
      copy.run(to, dirname(to), from)
      drop.run(from)
      moveInside.run({ from, to })
    },

    /** Nothing stands there any more. */
    forget(path: string): void {
      drop.run(path)
    },
  }
}

function worst(all: Labels[]): Labels | undefined {
  return all.length === 0 ? undefined : all.reduce(joinLabels)
}
