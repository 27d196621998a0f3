import { invalidField } from './errors.ts'

/**
 * Cursors of one list: opaque to clients, and good for no other list. `to` makes one of where a page ended; `from` reads
 * one again, undefined for the first page, and throws `invalid` for what no list gave.
 */
export function cursorsOf(list: string) {
  const prefix = `${list}:`
  return {
    to: (place: string | number): string => Buffer.from(prefix + place).toString('base64url'),

    from(cursor: string | undefined): string | undefined {
      if (cursor === undefined) return undefined
      const text = Buffer.from(cursor, 'base64url').toString()
      if (text.startsWith(prefix) && Buffer.from(text).toString('base64url') === cursor)
        return text.slice(prefix.length)
      throw invalidField('cursor', 'This is not a cursor that this list gave. Start again without it.')
    },
  }
}

export type Cursors = ReturnType<typeof cursorsOf>

/**
 * A page of a list that is all in memory. `placeOf` gives each item's place as a text; places ascend along the list, or
 * descend where the newest comes first, so that what is added or removed meanwhile moves no page.
 */
export function pageOf<T>(
  items: readonly T[],
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  { placeOf, order, cursors }: { placeOf: (item: T) => string; order: 'ascending' | 'descending'; cursors: Cursors },
): { items: T[]; next_cursor: string | null; total: number } {
  const after = cursors.from(cursor)
  const isNext = (item: T) =>
    after === undefined || (order === 'ascending' ? placeOf(item) > after : placeOf(item) < after)
  const rest = items.filter(isNext)
  const page = rest.slice(0, limit)
  return {
    items: page,
    next_cursor: rest.length > limit ? cursors.to(placeOf(page.at(-1)!)) : null,
    total: items.length,
  }
}
