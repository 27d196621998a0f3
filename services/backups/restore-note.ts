import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { SYSTEM } from '../audit/entry.ts'
import type { Audit } from '../audit.ts'
import type { Db } from '../../db/open.ts'
import { writePrivateFile } from '../private-file.ts'

/** Left by a restore for the next start: what was put in place knows nothing of it. */
const NOTE = 'restore.done'

type Note = { backup: string; at: string }

export function leaveRestoreNote(dataDir: string, note: Note): void {
  writePrivateFile(join(dataDir, NOTE), JSON.stringify(note))
}

/** Puts a restore into the audit log of the house that came out of it. */
export function takeRestoreNote(dataDir: string, { db, audit }: { db: Db; audit: Pick<Audit, 'record'> }): void {
  const note = noteIn(dataDir)
  if (!note) return
  db.transact(() => {
    audit.record({ kind: 'backup', action: 'restored', subject: note.backup, outcome: `at ${note.at}`, by: SYSTEM })
    db.afterCommit(() => rmSync(join(dataDir, NOTE), { force: true }))
  })
}

function noteIn(dataDir: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, NOTE), 'utf8')) as Note
  } catch {
    return undefined
  }
}
