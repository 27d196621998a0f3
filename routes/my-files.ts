import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { mediaOf } from '../services/files/media.ts'
import { tooLarge } from '../services/files/uploads.ts'
import { Ok, OK, QueryFlag, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint, type Context } from './endpoint.ts'
import { answerArchive, answerFile } from './file-answer.ts'
import { filesOf } from './multipart.ts'

const DEFAULT_LIMIT = 1024 ** 3
/** What a multipart body has beside its files. */
const WRAPPING_BYTES = 1024 ** 2

const Path = lazy(() => z.string().default('/').describe('A place in your own folder, such as "/photos/2026".'))
const PathQuery = lazy(() => z.object({ path: Path() }))
const ListQuery = lazy(() =>
  z.object({
    path: Path(),
    limit: z.coerce.number().int().min(1).max(5_000).default(1_000).describe('How many entries at most.'),
    cursor: z.string().max(2_000).optional().describe('`next_cursor` of the page before.'),
  }),
)
const DownloadQuery = lazy(() =>
  z.object({ path: Path(), inline: QueryFlag().optional().describe('Show it in place where that is safe.') }),
)

const Entry = lazy(() =>
  z.object({ name: z.string(), type: z.enum(['file', 'dir']), size: z.number(), modified_at: Time() }),
)
const Listing = lazy(() =>
  z.object({ path: z.string(), entries: z.array(Entry()), next_cursor: z.string().nullable(), total: z.number() }),
)
const Uploaded = lazy(() => z.object({ path: z.string(), entries: z.array(Entry()) }))
const Folder = lazy(() => Entry().extend({ path: z.string() }))
const NewFolder = lazy(() => z.strictObject({ path: z.string() }))
const Change = lazy(() =>
  z
    .strictObject({ name: z.string().optional(), folder: z.string().optional() })
    .refine((to) => to.name !== undefined || to.folder !== undefined, 'Give a name, a folder or both'),
)
const Usage = lazy(() =>
  z.object({
    files: z.number(),
    folders: z.number(),
    bytes: z.number(),
    trash_bytes: z.number(),
    max_upload_bytes: z.number(),
  }),
)
const Settings = lazy(() =>
  z.strictObject({
    max_upload_bytes: z
      .number()
      .int()
      .min(1)
      .max(1024 ** 4),
  }),
)
const SettingsChange = lazy(() => Settings().partial())

const FILE = { name: 'sea.jpg', type: 'file' as const, size: 48_211, modified_at: '2026-11-22T08:00:00.000Z' }
const FOLDER = { name: '2026', type: 'dir' as const, size: 0, modified_at: '2026-11-22T08:00:00.000Z' }

type Found = { name: string; type: 'file' | 'dir'; size: number; modified: Date }
const toJson = ({ name, type, size, modified }: Found) => ({ name, type, size, modified_at: modified.toISOString() })

type Cursor = { name: string; type: 'file' | 'dir' }
const cursorOf = ({ name, type }: Cursor): string => Buffer.from(JSON.stringify([type, name])).toString('base64url')

function placeOf(cursor: string | undefined): Cursor | undefined {
  if (cursor === undefined) return undefined
  try {
    const [type, name] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [Cursor['type'], string]
    if (typeof name === 'string' && (type === 'file' || type === 'dir')) return { type, name }
  } catch {}
  throw new AppError('invalid', 'This cursor is not one that this list gave out.')
}

const ownerOf = ({ who }: Context) => ({ userId: who.user.id, actor: who.actor })

async function upload(path: string, context: Context) {
  const { services, req } = context
  const { uploads, uploadLimit, assertPlace, place, shownPath } = services.myFiles
  const owner = ownerOf(context)
  const most = uploadLimit.get()
  const announced = Number(req.headers['content-length'] ?? 0)
  const shown = shownPath(path)
  if (announced > most + WRAPPING_BYTES) throw tooLarge(most)
  await uploads.assertRoom(announced)
  const allowance = { left: most, most }
  const staged = await filesOf(req, {
    field: 'file',
    take: async (name, content) => {
      await assertPlace(path, name, owner)
      return await uploads.receive(name, content, allowance)
    },
    drop: uploads.discard,
  })
  try {
    if (!context.who.fresh()) throw new AppError('unauthorized', 'Sign in first.')
    const entries = []
    for (const one of staged) entries.push(toJson(await place(path, one, owner)))
    return { path: shown, entries }
  } finally {
    await Promise.all(staged.map(uploads.discard))
  }
}

export const myFileEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/my/files',
    tag: 'My files',
    role: 'user',
    scopes: ['read'],
    summary: 'What is in a folder of yours',
    description:
      'Folders first, then by name. Links and devices are not shown. Further entries come with `cursor`, which is the `next_cursor` before.',
    query: ListQuery,
    output: Listing,
    errors: ['not_found', 'unavailable'],
    example: { path: '/photos', entries: [FOLDER, FILE], next_cursor: null, total: 2 },
    handle: async ({ query }, { services, who }) => {
      const after = placeOf(query.cursor)
      const { path, entries, next, total } = await services.myFiles.list(who.user.id, query.path, query.limit, after)
      return { path, entries: entries.map(toJson), next_cursor: next ? cursorOf(next) : null, total }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/my/files',
    operationId: 'uploadFiles',
    tag: 'My files',
    role: 'user',
    scopes: ['run'],
    summary: 'Upload files into a folder of yours',
    description:
      'The folder is made where it is missing. A file of the same name is replaced once the new one has arrived whole, and goes to the trash; an upload that breaks off changes nothing and can be repeated. All files of one upload together may have `max_upload_bytes` (GET /api/settings/files).',
    status: 201,
    query: PathQuery,
    upload: 'file',
    creates: { showsSecret: false },
    bodyLimit: DEFAULT_LIMIT,
    output: Uploaded,
    errors: ['invalid', 'forbidden', 'conflict', 'unavailable'],
    example: { path: '/photos', entries: [FILE] },
    handle: ({ query }, context) => upload(query.path, context),
  }),
  endpoint({
    method: 'patch',
    path: '/api/my/files',
    operationId: 'moveFile',
    tag: 'My files',
    role: 'user',
    scopes: ['run'],
    summary: 'Rename or move a file or folder of yours',
    query: PathQuery,
    body: Change,
    output: Ok,
    errors: ['not_found', 'conflict', 'unavailable'],
    example: OK,
    exampleBody: { name: 'north-sea.jpg' },
    handle: async ({ query, body }, context) => {
      await context.services.myFiles.move(query.path, body, ownerOf(context))
      return OK
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/my/files',
    operationId: 'deleteFile',
    tag: 'My files',
    role: 'user',
    scopes: ['run'],
    summary: 'Move a file or folder of yours to the trash',
    description: 'For 30 days POST /api/trash/{id}/restore puts it back.',
    query: PathQuery,
    output: Ok,
    errors: ['not_found', 'conflict', 'unavailable'],
    example: OK,
    handle: async ({ query }, context) => {
      await context.services.myFiles.remove(query.path, ownerOf(context))
      return OK
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/my/folders',
    operationId: 'createFolder',
    tag: 'My files',
    role: 'user',
    scopes: ['run'],
    summary: 'Make a folder, with those it is in',
    status: 201,
    body: NewFolder,
    creates: { showsSecret: false },
    output: Folder,
    errors: ['conflict', 'unavailable'],
    example: { ...FOLDER, path: '/photos/2026' },
    exampleBody: { path: '/photos/2026' },
    handle: async ({ body }, context) => {
      const made = await context.services.myFiles.makeFolder(body.path, ownerOf(context))
      return { ...toJson(made), path: made.path }
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/my/files/download',
    operationId: 'downloadFile',
    tag: 'My files',
    role: 'user',
    scopes: ['read'],
    summary: 'A file of yours',
    description:
      'Takes Range, If-Range, If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since. The type is told by the content. With `inline=1` it may be shown in place where that is safe: PNG, JPEG, GIF, WebP, PDF, plain text, sound and video.',
    query: DownloadQuery,
    media: 'application/octet-stream',
    errors: ['not_found', 'precondition_failed', 'range_not_satisfiable', 'unavailable'],
    handle: async ({ query }, { services, who, req, res }) => {
      const { handle, name } = await services.myFiles.open(who.user.id, query.path)
      const media = await mediaOf(handle, name)
      return answerFile(req, res, { handle, name, media, inline: query.inline ?? false, who })
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/my/files/download-zip',
    operationId: 'downloadFolder',
    tag: 'My files',
    role: 'user',
    scopes: ['read'],
    summary: 'A folder of yours as a zip',
    description: 'Made while it is read. What could not be read is named in a list at the end of the archive.',
    query: PathQuery,
    media: 'application/zip',
    errors: ['not_found', 'unavailable'],
    handle: async ({ query }, { services, who, req, res }) =>
      answerArchive(req, res, { ...(await services.myFiles.archiveOf(who.user.id, query.path)), who }),
  }),
  endpoint({
    method: 'get',
    path: '/api/my/files/usage',
    operationId: 'getFileUsage',
    tag: 'My files',
    role: 'user',
    scopes: ['read'],
    summary: 'How much you keep, in your folder and in the trash',
    output: Usage,
    example: { files: 120, folders: 8, bytes: 52_428_800, trash_bytes: 1_048_576, max_upload_bytes: DEFAULT_LIMIT },
    handle: async (_input, { services: { myFiles, trash }, who }) => ({
      ...(await myFiles.usage(who.user.id)),
      trash_bytes: trash.bytesOf(who.user.id),
      max_upload_bytes: myFiles.uploadLimit.get(),
    }),
  }),
  endpoint({
    method: 'get',
    path: '/api/settings/files',
    tag: 'Settings',
    role: 'user',
    scopes: ['read'],
    summary: 'How much one upload may bring',
    output: Settings,
    example: { max_upload_bytes: DEFAULT_LIMIT },
    handle: (_input, { services }) => ({ max_upload_bytes: services.myFiles.uploadLimit.get() }),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/files',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change how much one upload may bring',
    description: 'In bytes, for everybody. Uploads that go on already keep the limit they began with.',
    body: SettingsChange,
    output: Ok,
    example: OK,
    exampleBody: { max_upload_bytes: 5 * DEFAULT_LIMIT },
    handle: ({ body }, { services, who }) => (
      services.myFiles.uploadLimit.change(body.max_upload_bytes, who.actor),
      OK
    ),
  }),
]
