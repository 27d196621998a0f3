import { setImmediate as turn } from 'node:timers/promises'

/** So many rows go in one transaction, which takes a few milliseconds. */
export const BATCH = 200

/** Removes batch by batch, letting everybody else have their turn between, until one is not full. Answers how many went. */
export async function inBatches(remove: (limit: number) => number, batch = BATCH): Promise<number> {
  let removed = 0
  for (let more = true; more; await turn()) {
    const gone = remove(batch)
    removed += gone
    more = gone >= batch
  }
  return removed
}
