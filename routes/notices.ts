import { z } from 'zod'
import { Ok, OK } from '../services/shapes/common.ts'
import { NOTIFICATION_KINDS } from '../services/shapes/frames.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Kinds = lazy(() => z.array(z.enum(NOTIFICATION_KINDS)).min(1))
const Notices = lazy(() =>
  z.object({
    address: z.string().nullable(),
    kinds: Kinds(),
    sent_from: z.string().nullable(),
    links: z.boolean(),
    problem: z.string().nullable(),
  }),
)
const Wish = lazy(() => z.strictObject({ address: z.string().min(1).max(320), kinds: Kinds().optional() }))

export const noticeEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/settings/notices',
    tag: 'Notifications',
    role: 'user',
    scopes: ['read'],
    summary: 'Which notifications go to you by mail',
    description:
      '`address` null: none do. `sent_from` is the account they are sent by; `problem` says in words why nothing is sent. `links`: whether a mail about a question holds a link to it, which needs PUBLIC_URL.',
    output: Notices,
    example: {
      address: 'anna@example.org',
      kinds: ['approval' as const, 'result' as const, 'trouble' as const],
      sent_from: 'steward@example.org',
      links: true,
      problem: null,
    },
    handle: (_input, { services, who }) => services.mail.notices.get(who.user.id),
  }),
  endpoint({
    method: 'put',
    path: '/api/settings/notices',
    tag: 'Notifications',
    role: 'user',
    scopes: ['admin'],
    summary: 'Have notifications sent to you by mail',
    description:
      'To an address that the email whitelist marks as your own (`owner`). Without `kinds`: questions, results and trouble. They are plain text, with the words of others in quotation marks, and leave by your own account that can send, else by that of the house.',
    body: Wish,
    output: Ok,
    errors: ['invalid'],
    example: OK,
    exampleBody: { address: 'anna@example.org', kinds: ['approval', 'result'] },
    handle: ({ body }, { services, who }) => (services.mail.notices.choose(who.user.id, body, who.actor), OK),
  }),
  endpoint({
    method: 'delete',
    path: '/api/settings/notices',
    tag: 'Notifications',
    role: 'user',
    scopes: ['admin'],
    summary: 'Have no notifications sent by mail any more',
    output: Ok,
    example: OK,
    handle: (_input, { services, who }) => (services.mail.notices.stop(who.user.id, who.actor), OK),
  }),
]
