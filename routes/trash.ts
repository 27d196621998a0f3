import { z } from 'zod'
import { list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Entry = lazy(() =>
  z
    .object({
      id: z.string(),
      path: z.string(),
      size: z.number(),
      cause: z.enum(['overwritten', 'deleted']),
      run_id: z.string().nullable(),
      created_at: Time(),
      restored_at: Time().nullable(),
    })
    .meta({ id: 'TrashedFile' }),
)
const Id = lazy(() => z.object({ id: z.string() }))
const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000006',
  path: '/srv/documents/a.txt',
  size: 5,
  cause: 'overwritten' as const,
  run_id: null,
  created_at: '2026-11-22T08:00:00.000Z',
  restored_at: null,
}

export const trashEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/trash',
    tag: 'Trash',
    role: 'user',
    scopes: ['read'],
    summary: 'Old versions of files that tools overwrote or deleted, newest first',
    description: 'Kept for 30 days.',
    output: list(Entry),
    example: whole([EXAMPLE]),
    handle: (_input, { services, who }) =>
      whole(
        services.trash.list(who.user.id).map(({ id, path, size, cause, runId, createdAt, restoredAt }) => ({
          id,
          path,
          size,
          cause,
          run_id: runId,
          created_at: createdAt,
          restored_at: restoredAt,
        })),
      ),
  }),
  endpoint({
    method: 'post',
    path: '/api/trash/{id}/restore',
    tag: 'Trash',
    role: 'user',
    scopes: ['run'],
    summary: 'Put a file back where it was',
    description: 'What is there now goes to the trash first.',
    params: Id,
    output: Ok,
    errors: ['not_found', 'conflict'],
    example: OK,
    handle: async ({ params }, { services, who }) => {
      await services.trash.restore(who.user.id, params.id)
      services.audit.record({ kind: 'trash', action: 'restored', subject: params.id, by: who.actor })
      return OK
    },
  }),
]
