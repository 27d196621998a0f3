import { z } from 'zod'
import { lazy } from './lazy.ts'

/** Shapes that many endpoints share. */

export const Ok = lazy(() => z.strictObject({ ok: z.literal(true) }).meta({ id: 'Ok' }))
export const OK = { ok: true } as const

export const Time = lazy(() => z.iso.datetime())

/** A list that seed routes do not define otherwise. */
export const list = <T extends z.ZodType>(item: () => T) =>
  lazy(() =>
    z.object({
      items: z.array(item()),
      next_cursor: z.string().nullable().describe('Where the next page begins; null on the last.'),
      total: z.number().int(),
      total_is_min: z.boolean().optional().describe('True where counting stopped at `total`.'),
    }),
  )

export type Listed<T> = { items: T[]; next_cursor: string | null; total: number; total_is_min?: boolean | undefined }

/** Everything there is, in the shape of a list. */
export const whole = <T>(items: T[]): Listed<T> => ({ items, next_cursor: null, total: items.length })

const number = (smallest: number, largest: number, fallback: number) =>
  z.coerce.number().int().min(smallest).max(largest).default(fallback)

/** `?page=&per_page=`, as the seed's lists have it. */
export const Page = lazy(() =>
  z.object({
    page: number(1, 1_000_000, 1).describe('Which page; the first is 1.'),
    per_page: number(1, 200, 50).describe('How many a page.'),
  }),
)

/** `?limit=&cursor=`. */
export const Cursor = lazy(() =>
  z.object({
    limit: number(1, 200, 50).describe('How many at most.'),
    cursor: z.string().max(400).optional().describe('`next_cursor` of the page before; absent for the first page.'),
  }),
)

/** `true` and `1`, `false` and `0` in a query. */
export const QueryFlag = lazy(() =>
  z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1'),
)
