import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { SHORTEST_PASSWORD } from '../services/passwords.ts'
import { list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { User } from '../services/users.ts'
import type { Who } from '../services/who.ts'
import { identify } from './auth.ts'
import { endpoint, type Context } from './endpoint.ts'
import { clientAddress, signIn } from './sign-in.ts'

export const Username = lazy(() =>
  z
    .string()
    .trim()
    .min(1)
    .max(64)
    .regex(/^[^\p{C}\s]+$/u, 'no spaces, please'),
)
export const Password = lazy(() =>
  z.string().min(SHORTEST_PASSWORD, `at least ${SHORTEST_PASSWORD} characters`).max(1000),
)
const GivenPassword = lazy(() => z.string().min(1).max(1000))

const Me = lazy(() =>
  z.object({ id: z.string(), username: z.string(), role: z.enum(['admin', 'user']), mfa_enabled: z.boolean() }),
)
const Credentials = lazy(() =>
  z.strictObject({
    username: z.string().min(1).max(200),
    password: GivenPassword(),
    code: z.string().max(50).optional(),
  }),
)
const SignedIn = lazy(() => z.object({ ok: z.literal(true), user: Me() }))
const PasswordOnly = lazy(() => z.strictObject({ password: GivenPassword() }))
const PasswordChange = lazy(() => z.strictObject({ current_password: GivenPassword(), new_password: Password() }))
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

const EXAMPLE_ME = {
  id: '019a9d2e-7c1a-7000-8000-000000000001',
  username: 'anna',
  role: 'admin' as const,
  mfa_enabled: false,
}
const shown = (user: User) => ({ id: user.id, username: user.username, role: user.role, mfa_enabled: false })

async function logIn(body: { username: string; password: string }, { services, req }: Context) {
  const user = await services.signInLimits.attempt(clientAddress(req), body.username, () =>
    services.users.verify(body.username, body.password),
  )
  if (user) {
    await signIn(req, services, user)
    return { ok: true as const, user: shown(user) }
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
  throw new AppError('invalid_credentials', 'That user name or password is not right.')
}

/** The password of whoever asks, with the same brake as signing in. */
async function checkPassword(password: string, { services, req, who }: Context): Promise<void> {
  const fits = await services.signInLimits.attempt(clientAddress(req), who.user.username, async () =>
    (await services.users.passwordFits(who.user.id, password)) ? true : undefined,
  )
  const said = { kind: 'sign_in', subject: who.user.username, by: who.actor, outcome: clientAddress(req) }
  services.audit.record({ ...said, action: fits ? 'password given again' : 'password refused', success: fits === true })
  if (!fits) throw new AppError('invalid_credentials', 'That password is not right.')
}

/** The public name of the session that asks; empty where a key does. */
export const sessionOf = (who: Who): string => (who.via === 'session' ? who.sessionId : '')

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
    path: '/api/auth/me',
    tag: 'Account',
    role: 'user',
    scopes: ['read', 'approve'],
    summary: 'Who is asking',
    output: Me,
    example: EXAMPLE_ME,
    handle: (_input, { who }) => shown(who.user),
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/confirm',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'Give the password again',
    description: 'Opens five minutes in which secrets may be shown.',
    body: PasswordOnly,
    output: Ok,
    errors: ['invalid_credentials', 'rate_limited'],
    example: OK,
    exampleBody: { password: 'a long sentence is good' },
    handle: async ({ body }, context) => {
      await checkPassword(body.password, context)
      context.req.session.confirmedAt = context.services.now().getTime()
      return OK
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/change-password',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'Change the password',
    description: 'Ends all other sessions.',
    body: PasswordChange,
    output: Ok,
    errors: ['invalid_credentials', 'rate_limited'],
    example: OK,
    exampleBody: { current_password: 'a long sentence is good', new_password: 'an even longer sentence' },
    handle: async ({ body }, context) => {
      await checkPassword(body.current_password, context)
      await context.services.users.changePassword(context.who.user, body.new_password)
      context.services.sessions.endOthers(context.who.user.id, sessionOf(context.who))
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
    handle: (_input, { services, who }) =>
      whole(services.sessions.list(who.user.id).map((entry) => ({ ...entry, current: entry.id === sessionOf(who) }))),
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
  endpoint({
    method: 'get',
    path: '/api/account/recovery-key',
    tag: 'Account',
    role: 'admin',
    scopes: [],
    sessionOnly: true,
    showsSecret: true,
    summary: 'The master key of the vault',
    description:
      'What STEWARD_MASTER_KEY must be to open this database elsewhere. Needs the password of the last five minutes.',
    output: lazy(() => z.object({ recovery_key: z.string() })),
    errors: ['password_required'],
    example: { recovery_key: 'base64, 32 bytes' },
    handle: (_input, { services, who }) => {
      requirePassword(who)
      services.audit.record({ kind: 'credential', action: 'shown', subject: 'recovery key', by: who.actor })
      return { recovery_key: services.vault.recoveryKey() }
    },
  }),
]

/** Secrets are shown only after the password was given again; by API key the scope `admin` takes its place. */
export function requirePassword(who: Who): void {
  if (who.via === 'session' && !who.confirmed)
    throw new AppError('password_required', 'Give your password again to see this.')
}
