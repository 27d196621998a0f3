import { z } from 'zod'
import { lazy } from './lazy.ts'

/** What the routes and the page say of a server of calendars and address books. */

const CollectionChange = lazy(() =>
  z.strictObject({ id: z.string().max(64), used: z.boolean().optional(), shared: z.boolean().nullable().optional() }),
)

export const DavAccountChange = lazy(() =>
  z
    .strictObject({
      label: z.string().trim().min(1).max(64),
      url: z.string().trim().min(1).max(2000),
      username: z.string().trim().min(1).max(320),
      password: z.string().min(1).max(16_384),
      tls_ca: z.string().max(65_536).nullable(),
      enabled: z.boolean(),
      collections: z.array(CollectionChange()).max(500),
    })
    .partial(),
)
export type DavAccountChange = z.infer<ReturnType<typeof DavAccountChange>>

export const DavAccountDraft = lazy(() =>
  DavAccountChange().omit({ collections: true }).required({ label: true, url: true, username: true, password: true }),
)
export type DavAccountDraft = z.infer<ReturnType<typeof DavAccountDraft>>
