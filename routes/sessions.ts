import { z } from 'zod'
import { cursorsOf, pageOf } from '../services/cursors.ts'
import { AppError } from '../services/errors.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { User } from '../services/users.ts'
import { identify } from './auth.ts'
import { endpoint, type Context } from './endpoint.ts'
import { clientAddress, sessionOf, signIn } from './sign-in.ts'
import { Code, EXAMPLE_ME, GivenPassword, Me, shown } from './user-shapes.ts'

const Credentials = lazy(() =>
  z.strictObject({ username: z.string().min(1).max(200), password: GivenPassword(), code: Code().optional() }),
)
const SignedIn = lazy(() => z.object({ ok: z.literal(true), user: Me() }))
const SessionEntry = lazy(() =>
  z.object({
    id: z.string(),
    current: z.boolean(),
    user_agent: z.string(),
    address: z.string(),
    created_at: Time(),
    last_seen_at: Time(),
    expires_at: Time(),
  }),
)
const Id = lazy(() => z.object({ id: z.string() }))

type Given = { username: string; password: string; code?: string | undefined }

const refusedWords = (code: string): string =>
  code ? 'That user name, password or code is not right.' : 'That user name or password is not right.'

/** Whom these let in; `code_due` where the password is right and the code is still to be given. */
async function admitted({ username, password, code = '' }: Given, { services }: Context) {
  const user = await services.users.verify(username, password)
  if (!user) return undefined
  if (code.trim() === '') return services.totp.isActive(user.id) ? ('code_due' as const) : user
  const by = { userId: user.id, name: `web:${user.username}` }
  return (await services.totp.admits(user, code, by)) ? services.users.find(user.id) : undefined
}

async function logIn(body: Given, context: Context) {
  const { services, req } = context
  const result: User | 'code_due' | undefined = await services.signInLimits.attempt(
    clientAddress(req),
    body.username,
    () => admitted(body, context),
  )
  if (result === 'code_due')
    throw new AppError('totp_required', 'Give a code of your authenticator app, or a recovery code, as well.')
  if (result) {
    await signIn(req, services, result)
    return { ok: true as const, user: shown(result) }
  }
  const by = { userId: null, name: 'web' }
  services.audit.record({
    kind: 'sign_in',
    action: 'refused',
    subject: body.username,
    by,
    success: false,
    outcome: clientAddress(req),
  })
  throw new AppError('invalid_credentials', refusedWords(body.code?.trim() ?? ''))
}

const NEWEST_FIRST = {
  placeOf: ({ last_seen_at, id }: { last_seen_at: string; id: string }) => `${last_seen_at} ${id}`,
  order: 'descending' as const,
  cursors: cursorsOf('sessions'),
}

export const sessionEndpoints = [
  endpoint({
    method: 'post',
    path: '/api/auth/login',
    tag: 'Account',
    role: 'public',
    scopes: [],
    summary: 'Sign in',
    description: 'Starts a fresh session and sets its cookie.',
    body: Credentials,
    output: SignedIn,
    errors: ['invalid_credentials', 'rate_limited', 'setup_required'],
    example: { ok: true, user: EXAMPLE_ME },
    exampleBody: { username: 'anna', password: 'a long sentence is good' },
    handle: ({ body }, context) => logIn(body, context),
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/logout',
    tag: 'Account',
    role: 'public',
    scopes: [],
    summary: 'Sign out',
    output: Ok,
    errors: ['setup_required'],
    example: OK,
    handle: async (_input, { services, req }) => {
      const who = identify(req, services)
      if (who)
        services.audit.record({ kind: 'sign_out', action: 'signed out', subject: who.user.username, by: who.actor })
      await new Promise<void>((resolve, reject) =>
        req.session.destroy((error: unknown) => (error ? reject(error as Error) : resolve())),
      )
      return OK
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/auth/sessions',
    tag: 'Account',
    role: 'user',
    scopes: ['read'],
    summary: 'Where this user is signed in',
    query: Cursor,
    output: list(SessionEntry),
    example: whole([
      {
        id: EXAMPLE_ME.id,
        current: true,
        user_agent: 'Firefox',
        address: '127.0.0.1',
        created_at: '2026-11-22T08:00:00.000Z',
        last_seen_at: '2026-11-22T09:00:00.000Z',
        expires_at: '2026-12-22T09:00:00.000Z',
      },
    ]),
    handle: ({ query }, { services, who }) => {
      const all = services.sessions.list(who.user.id)
      const page = pageOf(all, query, NEWEST_FIRST)
      return { ...page, items: page.items.map((entry) => ({ ...entry, current: entry.id === sessionOf(who) })) }
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/auth/sessions/{id}',
    tag: 'Account',
    role: 'user',
    scopes: ['admin'],
    summary: 'End one session',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) =>
      services.db.transact(() => {
        services.sessions.end(who.user.id, params.id)
        services.audit.record({ kind: 'sign_out', action: 'session ended', subject: params.id, by: who.actor })
        return OK
      }),
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/sessions/end-others',
    operationId: 'endOtherSessions',
    tag: 'Account',
    role: 'user',
    scopes: ['admin'],
    summary: 'End all sessions but this one',
    output: Ok,
    example: OK,
    handle: (_input, { services, who }) =>
      services.db.transact(() => {
        services.sessions.endOthers(who.user.id, sessionOf(who))
        const { username } = who.user
        services.audit.record({ kind: 'sign_out', action: 'other sessions ended', subject: username, by: who.actor })
        return OK
      }),
  }),
]
