import type { Actor, Audit } from '../audit.ts'
import { cursorsOf } from '../cursors.ts'
import type { Deps } from '../deps.ts'
import { AppError, invalidField } from '../errors.ts'
import { visible } from '../policy/sanitize.ts'
import type { Listed } from '../shapes/common.ts'
import type { Labels } from '../shapes/labels.ts'
import { joinIntegrity } from '../shapes/labels.ts'
import { MEMORY_TEXT_LENGTH, type MemoryKind } from '../shapes/memory.ts'
import type { Memory, MemoryCount, MemoryFilter, MemoryRows, MemorySource } from './entries.ts'
import type { Erase } from './erase.ts'
import { folded, matchOf, wordsOf } from './words.ts'

export type MemoryDraft = {
  text: string
  kind?: MemoryKind | undefined
  tags?: readonly string[] | undefined
  pinned?: boolean | undefined
  expiresAt?: string | null | undefined
}

/** Who writes, where from, and what their words count as. */
export type Writer = {
  labels: Labels
  source: MemorySource
  by: Actor
  runId?: string
  callId?: string
}

export type MemoryChange = { [K in keyof MemoryDraft]?: MemoryDraft[K] | undefined } & {
  /** The owner has read it and answers for it from now on. */
  endorsed?: boolean | undefined
}

export type MemoriesDeps = Deps & {
  rows: MemoryRows
  erase: Erase
  newId: () => string
  audit: Pick<Audit, 'record'>
  mask: (text: string) => string
  /** Something new is to be read. */
  onWritten: () => void
}

/** More would make every look at the index slower than a message may wait. */
export const MOST_MEMORIES = 20_000
const EXPIRED_KEPT_MS = 30 * 24 * 3600_000

const cursors = cursorsOf('memory')
const ranks = cursorsOf('memory-found')

export type Memories = ReturnType<typeof createMemories>

/** What is kept in mind: written, looked through, corrected and forgotten. */
export function createMemories({ db, now, rows, erase, newId, audit, mask, onWritten }: MemoriesDeps) {
  /** As it is kept: nothing hidden in it, no known secret. */
  function kept(text: string): string {
    const plain = mask(visible(text)).trim()
    if (plain === '') throw invalidField('text', 'Write what to keep in mind.')
    return plain.slice(0, MEMORY_TEXT_LENGTH * 2)
  }

  const tagsOf = (tags: readonly string[]): string[] => {
    const plain = tags.map((tag) =>
      folded(mask(visible(tag)))
        .replace(/\s+/g, ' ')
        .trim(),
    )
    return [...new Set(plain.filter(Boolean))]
  }

  function get(userId: string, id: string): Memory {
    const memory = rows.find(id)
    if (memory?.userId !== userId) throw new AppError('not_found', 'There is no such memory.')
    return memory
  }

  /** A capture that was made before, by the same call or in the same words, is the one that is there. */
  function create(userId: string, draft: MemoryDraft, writer: Writer): { memory: Memory; isNew: boolean } {
    return db.transact(() => {
      const text = kept(draft.text)
      const before =
        (writer.callId === undefined ? undefined : rows.ofCall(writer.callId)) ?? repeated(userId, text, writer)
      if (before) return { memory: before, isNew: false }
      if (rows.count(userId) >= MOST_MEMORIES)
        throw new AppError('conflict', `There are ${MOST_MEMORIES} memories already. Forget some first.`)
      rows.dropExpired(new Date(now().getTime() - EXPIRED_KEPT_MS).toISOString())
      const at = now().toISOString()
      const id = newId()
      const { kind = 'note', tags = [], pinned = false, expiresAt = null } = draft
      const { labels, source, runId = null, callId = null } = writer
      const place = { id, userId, source, runId, callId, createdAt: at, updatedAt: at }
      rows.insert({ ...place, kind, text, tags: tagsOf(tags), pinned, expiresAt, ...labels })
      db.afterCommit(onWritten)
      audit.record({ kind: 'memory', action: 'created', subject: `${kind} ${id}`, by: writer.by, runId, labels })
      return { memory: rows.find(id)!, isNew: true }
    })
  }

  /** Only what counts as much, and has not expired, stands for it. */
  function repeated(userId: string, text: string, { labels, source }: Writer): Memory | undefined {
    const before = source === 'run' ? rows.sameAs(userId, text) : undefined
    const isAlive = before && (before.expiresAt === null || before.expiresAt > now().toISOString())
    return isAlive && joinIntegrity(before.integrity, labels.integrity) === before.integrity ? before : undefined
  }

  function listed(userId: string, filter: MemoryFilter, { limit, cursor }: Page): Listed<Memory> {
    const before = cursors.from(cursor)
    const items = rows.page(userId, filter, limit + 1, before === undefined ? undefined : Number(before))
    const page = items.slice(0, limit)
    const next = items.length > limit ? cursors.to(page.at(-1)!.number) : null
    return { items: page, next_cursor: next, total: rows.count(userId, filter) }
  }

  return {
    get,
    create,

    /** The newest first. */
    list: listed,

    /** Pages of what was found in an order of its own. */
    pageOf(found: readonly Memory[], { limit, cursor }: Page): Listed<Memory> {
      const from = Number(ranks.from(cursor) ?? 0)
      const items = found.slice(from, from + limit)
      const next = found.length > from + limit ? ranks.to(from + limit) : null
      return { items, next_cursor: next, total: found.length }
    },

    /** What fits the words, the best first. */
    match(userId: string, query: string, filter: MemoryFilter, limit: number): Memory[] {
      const words = wordsOf(query)
      const match = matchOf(words.length > 0 ? words : (folded(query).match(/[\p{L}\p{N}]+/gu) ?? []).slice(0, 8))
      return match === undefined ? [] : rows.matches(userId, match, filter, limit)
    },

    /** Words that others could have written count as theirs also in an entry that was the owner's. */
    change(userId: string, id: string, values: MemoryChange, writer: Pick<Writer, 'labels' | 'by'>): Memory {
      return db.transact(() => {
        const before = get(userId, id)
        const rewritten = values.text !== undefined || values.tags !== undefined
        const integrity = rewritten ? joinIntegrity(before.integrity, writer.labels.integrity) : before.integrity
        const after: Memory = {
          ...before,
          kind: values.kind ?? before.kind,
          text: values.text === undefined ? before.text : kept(values.text),
          tags: values.tags === undefined ? before.tags : tagsOf(values.tags),
          pinned: values.pinned ?? before.pinned,
          expiresAt: values.expiresAt === undefined ? before.expiresAt : values.expiresAt,
          integrity: values.endorsed === true ? 'owner' : integrity,
          updatedAt: now().toISOString(),
        }
        rows.update(after)
        db.afterCommit(onWritten)
        const names = Object.entries(values).filter(([, value]) => value !== undefined)
        const subject = `${id}: ${names.map(([name]) => name).join(', ')}`
        audit.record({ kind: 'memory', action: 'changed', subject, by: writer.by })
        return after
      })
    },

    /** Gone from the index and the file too. */
    remove(userId: string, id: string, by: Actor): void {
      erase(() => {
        const { kind } = get(userId, id)
        rows.drop(id)
        audit.record({ kind: 'memory', action: 'removed', subject: `${kind} ${id}`, by })
      })
    },

    /** A part of the list, for who cannot turn pages. */
    browse(userId: string, filter: MemoryFilter, offset: number, limit: number): { items: Memory[]; total: number } {
      const alive = {
        ...filter,
        tag: filter.tag === undefined ? undefined : folded(filter.tag),
        aliveAt: now().toISOString(),
      }
      const items = rows.page(userId, alive, offset + limit).slice(offset)
      return { items, total: rows.count(userId, alive) }
    },

    has: (userId: string, id: string): boolean => rows.find(id)?.userId === userId,
    counts: (userId: string): MemoryCount[] => rows.counts(userId),
    ofCall: (callId: string): Memory | undefined => rows.ofCall(callId),
    now: (): string => now().toISOString(),
  }
}

type Page = { limit: number; cursor?: string | undefined }
