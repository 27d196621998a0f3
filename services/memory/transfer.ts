import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'
import { visible } from '../policy/sanitize.ts'
import { joinIntegrity, type Integrity } from '../shapes/labels.ts'
import type { Memory, MemoryRows } from './entries.ts'
import { readMarkdown, writeMarkdown, type Written } from './markdown.ts'
import { MOST_MEMORIES } from './memories.ts'

export type Imported = { created: number; changed: number; unchanged: number }

export type TransferDeps = Deps & {
  rows: MemoryRows
  newId: () => string
  audit: Pick<Audit, 'record'>
  mask: (text: string) => string
  /** Something new is to be read. */
  onWritten: () => void
}

export type Transfer = ReturnType<typeof createTransfer>

/** Memory as a Markdown file, out and in. */
export function createTransfer({ db, now, rows, newId, audit, mask, onWritten }: TransferDeps) {
  /** A file comes from anywhere: what it says of itself counts no more than whoever brings it. */
  function integrityOf(entry: Written, trusted: Integrity): Integrity {
    return joinIntegrity(trusted, entry.integrity ?? 'owner')
  }

  function memoryOf(
    userId: string,
    entry: Written,
    trusted: Integrity,
    before: Memory | undefined,
  ): Omit<Memory, 'number'> {
    const at = now().toISOString()
    const { kind, tags, pinned, expiresAt } = entry
    const mayKeepId = entry.id !== undefined && (before !== undefined || rows.find(entry.id) === undefined)
    return {
      id: mayKeepId ? entry.id! : newId(),
      userId,
      kind,
      text: mask(visible(entry.text)),
      tags,
      pinned,
      expiresAt,
      integrity: integrityOf(entry, trusted),
      privacy: 'private',
      source: 'import',
      runId: null,
      callId: null,
      createdAt: entry.createdAt ?? at,
      updatedAt: at,
    }
  }

  function take(userId: string, entry: Written, trusted: Integrity): keyof Imported {
    const known = entry.id === undefined ? undefined : rows.find(entry.id)
    const before =
      known?.userId === userId ? known : entry.id === undefined ? rows.sameAs(userId, entry.text) : undefined
    if (before && (entry.id === undefined || says(before, entry))) return 'unchanged'
    const memory = memoryOf(userId, entry, trusted, before)
    if (!before) {
      rows.insert(memory)
      return 'created'
    }
    const integrity = before.text === memory.text ? before.integrity : memory.integrity
    rows.update({ ...before, ...memory, integrity, source: before.source, runId: before.runId, callId: before.callId })
    return 'changed'
  }

  return {
    export: (userId: string): string => writeMarkdown(rows.page(userId, {}, MOST_MEMORIES + 1).reverse()),

    /**
     * Takes a file in, all of it or nothing. Entries that were exported from here are found again by their ids. `trusted`:
     * whether the owner answers for what it holds; otherwise it counts as written by others.
     */
    import(userId: string, markdown: string, trusted: Integrity, by: Actor): Imported {
      const entries = readMarkdown(markdown)
      return db.transact(() => {
        const done: Imported = { created: 0, changed: 0, unchanged: 0 }
        for (const entry of entries) done[take(userId, entry, trusted)]++
        if (rows.count(userId) > MOST_MEMORIES)
          throw new AppError('conflict', `There would be more than ${MOST_MEMORIES} memories. Forget some first.`)
        const subject = `${done.created} new, ${done.changed} changed, ${done.unchanged} as they were`
        db.afterCommit(onWritten)
        audit.record({ kind: 'memory', action: 'imported', subject, by })
        return done
      })
    },
  }
}

function says(memory: Memory, { text, kind, tags, pinned, expiresAt }: Written): boolean {
  return (
    memory.text === text &&
    memory.kind === kind &&
    memory.pinned === pinned &&
    memory.expiresAt === expiresAt &&
    memory.tags.join('\n') === tags.join('\n')
  )
}
