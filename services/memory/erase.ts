import type { Db } from '../../db/open.ts'

export type Erase = <T>(work: () => T) => T

/**
 * Deletes such that the words are gone from the file too: pages that held them are overwritten, and what the write-ahead
 * log still holds of them is folded in and cut off right after. Backups keep what they have.
 */
export function createErase({ sqlite, transact, afterCommit }: Db): Erase {
  return (work) => {
    sqlite.pragma('secure_delete = ON')
    try {
      return transact(() => {
        afterCommit(() => setImmediate(foldIn))
        return work()
      })
    } finally {
      sqlite.pragma('secure_delete = OFF')
    }
  }

  function foldIn(): void {
    if (sqlite.open && !sqlite.inTransaction) sqlite.pragma('wal_checkpoint(TRUNCATE)')
  }
}
