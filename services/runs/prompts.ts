import { createHash } from 'node:crypto'
import type { Deps } from '../deps.ts'

const MOST_REMEMBERED = 200

export type Prompts = ReturnType<typeof createPrompts>

/** System prompts by the hash of their text, so that a run goes on, days later, with the very words it began with. */
export function createPrompts({ db }: Pick<Deps, 'db'>) {
  const insert = db.prepare('INSERT OR IGNORE INTO prompts (hash, text) VALUES (?, ?)')
  const byHash = db.prepare<[string], { text: string }>('SELECT text FROM prompts WHERE hash = ?')
  const kept = new Map<string, string>()

  return {
    /** Keeps a text in the caller's transaction and gives its hash. */
    keep(text: string): string {
      const known = kept.get(text)
      if (known !== undefined) return known
      const hash = createHash('sha256').update(text).digest('hex')
      insert.run(hash, text)
      db.afterCommit(() => {
        if (kept.size >= MOST_REMEMBERED) kept.clear()
        kept.set(text, hash)
      })
      return hash
    },

    find: (hash: string): string | undefined => byHash.get(hash)?.text,
  }
}
