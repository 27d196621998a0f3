import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { z } from 'zod'
import { AppError, messageOf } from '../errors.ts'
import { lazy } from '../shapes/lazy.ts'

export const MANIFEST = 'manifest.json'
export const DATABASE = 'steward.sqlite'
/** The folders of a data folder that a backup holds beside the database. */
export const FOLDERS = ['files', 'trash'] as const

/** What made a backup; `daily` and `update` ones are pruned in time. */
export const CAUSES = ['manual', 'daily', 'update', 'command'] as const
export type Cause = (typeof CAUSES)[number]

const safePath = (path: string): boolean =>
  path !== '' && !path.includes('\0') && !posix.isAbsolute(path) && posix.normalize(path) === path && !/^\.\.(\/|$)/.test(path) // prettier-ignore

const Path = lazy(() => z.string().refine(safePath, 'leads outside'))
const File = lazy(() =>
  z.object({ path: Path(), size: z.number(), mtime_ms: z.number(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
)
const Shape = lazy(() =>
  z.object({
    format: z.literal(1),
    app_version: z.string(),
    schema_version: z.number().int(),
    created_at: z.iso.datetime(),
    cause: z.enum(CAUSES),
    /** Which master key the sealed values in it are under; the key itself is never in a backup. */
    master_key_id: z.string().nullable(),
    /** The newest entry of the audit log, and how many there are. */
    audit_head: z.object({ id: z.number(), mac: z.string() }).nullable(),
    counts: z.record(z.string(), z.number()),
    folders: z.array(Path()),
    files: z.array(File()),
  }),
)

export type BackedUpFile = { path: string; size: number; mtime_ms: number; sha256: string }
export type Manifest = {
  format: 1
  app_version: string
  schema_version: number
  created_at: string
  cause: Cause
  master_key_id: string | null
  audit_head: { id: number; mac: string } | null
  counts: Record<string, number>
  folders: string[]
  files: BackedUpFile[]
}

/** What a folder says of itself as a backup. Throws AppError `invalid` where it is none, or one from elsewhere. */
export function readManifest(folder: string): Manifest {
  let text: string
  try {
    text = readFileSync(join(folder, MANIFEST), 'utf8')
  } catch (error) {
    throw new AppError('invalid', `${folder} is no backup: ${messageOf(error)}.`)
  }
  const found = Shape().safeParse(parsed(text))
  if (!found.success || !found.data.files.some(({ path }) => path === DATABASE))
    throw new AppError('invalid', `${join(folder, MANIFEST)} is not what a backup of Steward writes. Take another one.`)
  return found.data
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
