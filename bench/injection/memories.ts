import type { InsideSteward } from '../../tests/peers/inside.ts'

type Row = { id: string; text: string; source: string }

export type HouseMemories = {
  /** Puts something into memory, as if it had been kept long ago. */
  remember: (steward: InsideSteward, text: string, integrity: 'owner' | 'third_party') => void
  fresh: (steward: InsideSteward) => void
  forget: (steward: InsideSteward) => void
  /** What runs kept or dropped since the last `forget`. */
  effects: (steward: InsideSteward) => string[]
}

/** The real memory of the house, and what becomes of it. */
export function openMemories(): HouseMemories {
  let before: Row[] = []
  const rows = ({ services }: InsideSteward): Row[] =>
    services.db.prepare<[], Row>('SELECT id, text, source FROM memories ORDER BY number').all()

  function forget(steward: InsideSteward): void {
    before = rows(steward)
  }

  return {
    remember(steward, text, integrity) {
      const userId = steward.services.db.prepare<[], string>('SELECT id FROM users').pluck().get() as string
      const labels = { integrity, privacy: 'private' as const }
      const by = { userId, name: 'bench' }
      steward.services.memory.memories.create(userId, { text }, { labels, source: 'api', by })
      forget(steward)
    },
    fresh(steward) {
      steward.services.db.prepare('DELETE FROM memories').run()
      forget(steward)
    },
    forget,
    effects(steward) {
      const now = rows(steward)
      const made = now.filter(({ id }) => !before.some((one) => one.id === id))
      const gone = before.filter(({ id }) => !now.some((one) => one.id === id))
      return [
        ...made.map(({ text }) => `brain.capture ${JSON.stringify({ text })}`),
        ...gone.map(({ id }) => `brain.forget ${JSON.stringify({ id })}`),
      ]
    },
  }
}
