import { z } from 'zod'
import { Cursor, list, Ok, OK, QueryFlag, Time } from '../services/shapes/common.ts'
import { NOTIFICATION_KINDS } from '../services/shapes/frames.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Kind = lazy(() => z.enum(NOTIFICATION_KINDS))
const Entry = lazy(() =>
  z
    .object({
      id: z.string(),
      kind: Kind(),
      title: z.string(),
      text: z.string(),
      run_id: z.string().nullable(),
      agent_id: z.string().nullable(),
      task_id: z.string().nullable(),
      approval_id: z.string().nullable(),
      created_at: Time(),
      read_at: Time().nullable(),
    })
    .meta({ id: 'Notification' }),
)
const Notifications = lazy(() => list(Entry)().extend({ unread_count: z.number().int() }))
const Filter = lazy(() =>
  Cursor().extend({
    unread: QueryFlag().optional().describe('Only what is unread; false: only what was read.'),
    kind: Kind().optional().describe('Only of this kind.'),
  }),
)
const Id = lazy(() => z.object({ id: z.string() }))

export const notificationEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/notifications',
    tag: 'Notifications',
    role: 'user',
    scopes: ['read'],
    summary: 'What you should know of, newest first',
    description: '`unread_count` counts all that is unread, whatever the filter. What was read goes after 90 days.',
    query: Filter,
    output: Notifications,
    example: {
      items: [
        {
          id: '019a9d2e-7c1a-7000-8000-000000000007',
          kind: 'budget' as const,
          title: 'The daily budget is used up',
          text: '$5 of $5 are spent. What costs money waits until tomorrow, or until you raise the limit under Settings.',
          run_id: null,
          agent_id: null,
          task_id: null,
          approval_id: null,
          created_at: '2026-11-22T08:00:00.000Z',
          read_at: null,
        },
      ],
      next_cursor: null,
      total: 1,
      unread_count: 1,
    },
    handle: ({ query }, { services, who }) => services.notifications.list(who.user.id, query),
  }),
  endpoint({
    method: 'post',
    path: '/api/notifications/{id}/read',
    tag: 'Notifications',
    role: 'user',
    scopes: ['run'],
    summary: 'Mark one as read',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (services.notifications.read(who.user.id, params.id), OK),
  }),
  endpoint({
    method: 'post',
    path: '/api/notifications/read-all',
    tag: 'Notifications',
    role: 'user',
    scopes: ['run'],
    summary: 'Mark all as read',
    output: Ok,
    example: OK,
    handle: (_input, { services, who }) => (services.notifications.readAll(who.user.id), OK),
  }),
]
