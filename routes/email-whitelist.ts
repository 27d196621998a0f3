import { z } from 'zod'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const MOST_A_DAY = 100_000

const DailyLimit = lazy(() => z.number().int().min(0).max(MOST_A_DAY))
const Entry = lazy(() =>
  z.object({
    email: z.string(),
    daily_limit: z.number().int(),
    sent_today: z.number().int().describe('Mails that went there today, or are on their way.'),
    owner: z.boolean(),
    created_at: Time(),
  }),
)
const Change = lazy(() => z.strictObject({ daily_limit: DailyLimit().optional(), owner: z.boolean().optional() }))
const Draft = lazy(() => Change().extend({ email: z.string().min(1).max(320) }))
const Email = lazy(() => z.object({ email: z.string() }))

export const emailWhitelistEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/email-whitelist',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['read'],
    summary: 'Addresses that mail may be sent to',
    description:
      'Mail to any other address is refused, whoever asks. `daily_limit` 0 is no limit; days begin at midnight of the time zone that Steward runs in.',
    output: lazy(() => z.array(Entry())),
    example: [
      {
        email: 'alice@example.com',
        daily_limit: 10,
        sent_today: 3,
        owner: false,
        created_at: '2026-11-22T08:00:00.000Z',
      },
    ],
    handle: (_input, { services }) => services.mail.allowance(),
  }),
  endpoint({
    method: 'post',
    path: '/api/email-whitelist',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    creates: { showsSecret: false },
    summary: 'Add an address',
    description:
      '`daily_limit`: how many mails a day may go there; 0, the default, is no limit. `owner`: one of your own addresses, to which Steward may write without asking.',
    body: Draft,
    output: Ok,
    errors: ['conflict'],
    example: OK,
    exampleBody: { email: 'alice@example.com', daily_limit: 10 },
    handle: ({ body }, { services, who }) => (services.whitelists.addAddress(body, who.actor), OK),
  }),
  endpoint({
    method: 'put',
    path: '/api/email-whitelist/{email}',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change an entry',
    description: 'What is left out stays as it is. The address is found in any case of letters.',
    params: Email,
    body: Change,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    exampleBody: { daily_limit: 0 },
    handle: ({ params, body }, { services, who }) => (
      services.whitelists.changeAddress(params.email, body, who.actor),
      OK
    ),
  }),
  endpoint({
    method: 'delete',
    path: '/api/email-whitelist/{email}',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Remove an address',
    params: Email,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (services.whitelists.removeAddress(params.email, who.actor), OK),
  }),
]
