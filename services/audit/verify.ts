import type { KeyObject } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { BEGINNING, asKeys, chainReader, createWalk, openHead, type Link, type Rows } from './chain.ts'

/**
 * Whether the log is whole. `entries`: those that stand, `first_broken`: the id of the first that was changed, moved or is
 * missing, `problem`: what is wrong with it, as a sentence.
 */
export type Verdict = { ok: boolean; entries: number; first_broken?: number; problem?: string }

type Reader = ReturnType<typeof chainReader>

/** So many entries are looked at before others get their turn: about two milliseconds. */
const PART = 250

/**
 * Walks the whole chain, from where the last checkpoint says that it begins to the sealed head. `keys`: those of the present
 * and of earlier master keys, the newest first. Entries that are written meanwhile are walked too; whoever removes some must
 * wait.
 */
export async function verifyChain(db: Rows, keyBytes: readonly Buffer[]): Promise<Verdict> {
  const keys = asKeys(keyBytes)
  const reader = chainReader(db)
  const start = startOf(reader, keys)
  if ('problem' in start) return { ok: false, entries: 0, ...start }
  const walk = createWalk(keys, start)
  for (;;) {
    const rows = reader.after(walk.at().id, PART)
    if (rows.length === 0) return judgeEnd(reader, keys, start, walk.at())
    for (const row of rows) {
      if (walk.take(row)) continue
      const id = walk.at().id + 1
      return { ok: false, entries: walk.at().id - start.id, first_broken: id, problem: problemOf(row[0], id) }
    }
    await turn()
  }
}

const problemOf = (found: number, expected: number): string =>
  found === expected
    ? `Entry ${expected} is not as it was written, or the one before it is not.`
    : `Entry ${expected} is missing; the next one is ${found}.`

/** Where the chain begins: at the first entry ever, or behind what the newest checkpoint says is gone. */
export function startOf(reader: Reader, keys: readonly KeyObject[]): Link | { first_broken: number; problem: string } {
  const checkpoint = reader.checkpoint()
  const first = reader.first()
  const start = checkpoint ? { id: checkpoint.up_to, mac: checkpoint.mac } : BEGINNING
  if (checkpoint && !reader.standsAlone(keys, checkpoint.id))
    return { first_broken: checkpoint.id, problem: `Checkpoint ${checkpoint.id} is not as it was written.` }
  if (first === undefined || first === start.id + 1) return start
  const missing = `The entries ${start.id + 1} to ${first - 1} are missing, and no checkpoint says that they were removed.`
  const restored = `Entry ${first} was removed by a checkpoint and is there again.`
  return { first_broken: Math.min(first, start.id + 1), problem: first > start.id ? missing : restored }
}

/** The last entry must be the one that the head names, and the newest key must have sealed the head. */
function judgeEnd(reader: Reader, keys: readonly KeyObject[], start: Link, end: Link): Verdict {
  const head = openHead(keys, reader.head())
  const entries = end.id - start.id
  if (head?.key === 0 && head.id === end.id && head.mac === end.mac) return { ok: true, entries }
  const problem =
    head && head.id > end.id
      ? `The newest entries, ${end.id + 1} to ${head.id}, are missing.`
      : `What says that entry ${end.id} is the newest is not genuine; entries after it may be missing.`
  return { ok: false, entries, first_broken: end.id + 1, problem }
}
