import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { hashPassword } from '../services/passwords.ts'
import type { UserEntry } from '../services/people/administration.ts'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { Who } from '../services/who.ts'
import { endpoint, type Context } from './endpoint.ts'
import { requirePassword, sessionOf } from './sign-in.ts'
import { Password, Username } from './user-shapes.ts'

const Role = lazy(() => z.enum(['admin', 'user']))
const Entry = lazy(() =>
  z.object({
    id: z.string(),
    username: z.string(),
    role: Role(),
    is_active: z.boolean(),
    mfa_enabled: z.boolean(),
    created_at: Time(),
    last_seen_at: Time().nullable(),
  }),
)
const Count = lazy(() => z.number().int())
const Detail = lazy(() =>
  Entry().extend({
    belongings: z.object({
      conversations: Count(),
      agents: Count(),
      tasks: Count(),
      api_keys: Count(),
      files: Count(),
    }),
  }),
)
const Draft = lazy(() => z.strictObject({ username: Username(), password: Password(), role: Role().default('user') }))
const Change = lazy(() => z.strictObject({ role: Role(), is_active: z.boolean(), password: Password() }).partial())
const Secret = lazy(() => z.object({ provisioning_uri: z.string(), qr_code: z.string() }))
const Id = lazy(() => z.object({ id: z.string() }))

const EXAMPLE: UserEntry = {
  id: '019a9d2e-7c1a-7000-8000-000000000009',
  username: 'alice',
  role: 'user',
  is_active: true,
  mfa_enabled: false,
  created_at: '2026-11-22T08:00:00.000Z',
  last_seen_at: null,
}

/**
 * Whoever makes an administrator or gives somebody a password could come in as them: that is done by somebody who is here
 * and gave the password again, never by a key, which would reach beyond itself.
 */
function requireOwnHand(who: Who): void {
  if (who.via === 'key')
    throw new AppError(
      'forbidden',
      'Administrators and passwords are made on the page, signed in; an API key may add users and turn them on and off.',
    )
  requirePassword(who)
}

async function changeUser(
  id: string,
  {
    role,
    is_active: isActive,
    password,
  }: { role?: UserEntry['role'] | undefined; is_active?: boolean | undefined; password?: string | undefined },
  { services, who }: Context,
) {
  const before = services.people.get(id)
  if (password !== undefined || (role === 'admin' && before.role !== 'admin')) requireOwnHand(who)
  const passwordHash = password === undefined ? undefined : await hashPassword(password)
  services.people.change(id, { role, isActive, passwordHash }, who.actor, id === who.user.id ? sessionOf(who) : '')
  return OK
}

function userOf(id: string, { services }: Context) {
  const user = services.users.find(id)
  if (!user) throw new AppError('not_found', 'There is no such user.')
  return user
}

async function setUpMfa(id: string, context: Context) {
  const user = userOf(id, context)
  requirePassword(context.who)
  const { provisioning_uri, qr_code } = await context.services.totp.begin(user, context.who.actor)
  return { provisioning_uri, qr_code }
}

function disableMfa(id: string, context: Context) {
  const user = userOf(id, context)
  requirePassword(context.who)
  context.services.totp.disable(user, context.who.actor)
  return OK
}

async function removeUser(id: string, { services, who }: Context) {
  services.people.get(id)
  requirePassword(who)
  if (id === who.user.id) throw new AppError('conflict', 'You cannot remove yourself; another administrator can.')
  await services.people.remove(id, who.actor)
  return OK
}

export const userEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/admin/users',
    tag: 'Users',
    role: 'admin',
    scopes: ['read'],
    summary: 'The people of the house',
    output: lazy(() => z.array(Entry())),
    example: [EXAMPLE],
    handle: (_input, { services }) => services.people.list(),
  }),
  endpoint({
    method: 'post',
    path: '/api/admin/users',
    tag: 'Users',
    role: 'admin',
    scopes: ['admin'],
    creates: { showsSecret: false },
    summary: 'Add somebody',
    description:
      'They sign in with this password and change it then. Without a `role` they are a user: they have their own conversations, agents, files, keys and lists, and see nothing of anybody else’s. An administrator is made only in a browser, within five minutes after POST /api/auth/confirm.',
    body: Draft,
    output: Entry,
    status: 201,
    errors: ['conflict', 'password_required'],
    example: EXAMPLE,
    exampleBody: { username: 'alice', password: 'a long sentence is good', role: 'user' as const },
    prepare: async (input, { who }) => {
      if (input.body.role === 'admin') requireOwnHand(who)
      return { ...input, body: { ...input.body, password: await hashPassword(input.body.password) } }
    },
    handle: ({ body: { username, password: passwordHash, role } }, { services, who }) =>
      services.people.create({ username, passwordHash, role }, who.actor),
  }),
  endpoint({
    method: 'get',
    path: '/api/admin/users/{id}',
    tag: 'Users',
    role: 'admin',
    scopes: ['read'],
    summary: 'One of them, and how much is theirs',
    description: '`belongings` would go with them. What is in them is nobody else’s to see.',
    params: Id,
    output: Detail,
    errors: ['not_found'],
    example: { ...EXAMPLE, belongings: { conversations: 12, agents: 2, tasks: 1, api_keys: 0, files: 30 } },
    handle: async ({ params: { id } }, { services: { people } }) => ({
      ...people.get(id),
      belongings: { ...people.belongings(id), files: await people.files(id) },
    }),
  }),
  endpoint({
    method: 'put',
    path: '/api/admin/users/{id}',
    tag: 'Users',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change role, password, or whether they may come in',
    description:
      'What is left out stays as it is. `is_active` false ends their sessions, keys and sockets at once and stops what they have going. A new password ends their sessions. To make an administrator or give a password takes a browser, within five minutes after POST /api/auth/confirm. 409 where nobody would be left to administer the house.',
    params: Id,
    body: Change,
    output: Ok,
    errors: ['not_found', 'conflict', 'password_required'],
    example: OK,
    exampleBody: { role: 'user' as const, is_active: true },
    handle: ({ params, body }, context) => changeUser(params.id, body, context),
  }),
  endpoint({
    method: 'delete',
    path: '/api/admin/users/{id}',
    tag: 'Users',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Remove somebody with all that is theirs',
    description:
      'Ends what they have going, then takes their conversations, agents, tasks, keys, lists, files and what the trash kept of these. It cannot be taken back. What they did stays in the audit log, what it cost in the usage of whoever removes them. In a browser only within five minutes after POST /api/auth/confirm.',
    params: Id,
    output: Ok,
    errors: ['not_found', 'conflict', 'password_required'],
    example: OK,
    handle: ({ params }, context) => removeUser(params.id, context),
  }),
  endpoint({
    method: 'post',
    path: '/api/admin/users/{id}/mfa-setup',
    tag: 'Users',
    role: 'admin',
    scopes: [],
    sessionOnly: true,
    showsSecret: true,
    summary: 'Make a secret for somebody’s authenticator app',
    description:
      'Shown this once, for them to scan; asking again makes another. In force with the first correct code at their sign-in. Needs the password of the last five minutes. 409 where two-factor sign-in is on already.',
    params: Id,
    output: Secret,
    errors: ['not_found', 'conflict', 'password_required'],
    example: {
      provisioning_uri: 'otpauth://totp/Steward:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Steward',
      qr_code: 'data:image/png;base64,…',
    },
    handle: ({ params }, context) => setUpMfa(params.id, context),
  }),
  endpoint({
    method: 'post',
    path: '/api/admin/users/{id}/mfa-disable',
    tag: 'Users',
    role: 'admin',
    scopes: [],
    sessionOnly: true,
    summary: 'Turn two-factor sign-in off for somebody who lost their device',
    description: 'Forgets their secret and their recovery codes. Needs the password of the last five minutes.',
    params: Id,
    output: Ok,
    errors: ['not_found', 'password_required'],
    example: OK,
    handle: ({ params }, context) => disableMfa(params.id, context),
  }),
]
