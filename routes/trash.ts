import { z } from 'zod'
import { cursorsOf, pageOf } from '../services/cursors.ts'
import type { Trashed } from '../services/files/trash.ts'
import type { Services } from '../services/index.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Entry = lazy(() =>
  z
    .object({
      id: z.string(),
      path: z.string(),
      own_path: z.string().nullable().describe('Where it was in your own folder; null elsewhere on the disk.'),
      kind: z.enum(['file', 'folder']),
      size: z.number(),
      cause: z.enum(['overwritten', 'deleted']),
      run_id: z.string().nullable(),
      created_at: Time(),
      restored_at: Time().nullable(),
    })
    .meta({ id: 'Trashed' }),
)
const Restored = lazy(() => z.object({ ok: z.literal(true), path: z.string() }))
const Id = lazy(() => z.object({ id: z.string() }))
const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000006',
  path: '/srv/documents/a.txt',
  own_path: null,
  kind: 'file' as const,
  size: 5,
  cause: 'overwritten' as const,
  run_id: null,
  created_at: '2026-11-22T08:00:00.000Z',
  restored_at: null,
}

const ownPath = ({ myFiles }: Services, userId: string, path: string): string | null => {
  const home = `${myFiles.home(userId)}/`
  return path.startsWith(home) ? `/${path.slice(home.length)}` : null
}

const NEWEST_FIRST = {
  placeOf: ({ createdAt, id }: Trashed) => `${createdAt} ${id}`,
  order: 'descending' as const,
  cursors: cursorsOf('trash'),
}

const shown = (file: Trashed, services: Services, userId: string) => ({
  id: file.id,
  path: file.path,
  own_path: ownPath(services, userId, file.path),
  kind: file.kind,
  size: file.size,
  cause: file.cause,
  run_id: file.runId,
  created_at: file.createdAt,
  restored_at: file.restoredAt,
})

export const trashEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/trash',
    tag: 'Trash',
    role: 'user',
    scopes: ['read'],
    summary: 'What was overwritten or deleted, newest first',
    description: 'By tools, or by you among your own files. Kept for 30 days.',
    query: Cursor,
    output: list(Entry),
    example: whole([EXAMPLE]),
    handle: ({ query }, { services, who }) => {
      const page = pageOf(services.trash.list(who.user.id), query, NEWEST_FIRST)
      return { ...page, items: page.items.map((file) => shown(file, services, who.user.id)) }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/trash/{id}/restore',
    tag: 'Trash',
    role: 'user',
    scopes: ['run'],
    summary: 'Put something back where it was',
    description:
      'What is in the place of a file now goes to the trash first. A folder comes back beside what has its name by now; `path` says where.',
    params: Id,
    output: Restored,
    errors: ['not_found', 'forbidden', 'conflict', 'unavailable'],
    example: { ok: true, path: '/srv/documents/a.txt' },
    handle: async ({ params }, { services, who }) => {
      const path = await services.trash.restore(who.user.id, params.id)
      services.audit.record({ kind: 'trash', action: 'restored', subject: params.id, by: who.actor, outcome: path })
      return { ...OK, path: ownPath(services, who.user.id, path) ?? path }
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/trash/{id}',
    tag: 'Trash',
    role: 'user',
    scopes: ['run'],
    summary: 'Let go of something in the trash for good',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: async ({ params }, { services, who }) => {
      const { path } = await services.trash.remove(who.user.id, params.id)
      services.audit.record({ kind: 'trash', action: 'removed', subject: params.id, by: who.actor, outcome: path })
      return OK
    },
  }),
]
