import { z } from 'zod'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'
import { checkPassword, requirePassword, sessionOf } from './sign-in.ts'
import { EXAMPLE_ME, GivenPassword, Me, Password, PasswordOnly, shown } from './user-shapes.ts'

const Change = lazy(() => z.strictObject({ email: z.string().max(254).nullable() }))
const PasswordChange = lazy(() => z.strictObject({ current_password: GivenPassword(), new_password: Password() }))

export const accountEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/auth/me',
    operationId: 'getMe',
    tag: 'Account',
    role: 'user',
    scopes: ['read', 'approve'],
    summary: 'Who is asking',
    output: Me,
    example: EXAMPLE_ME,
    handle: (_input, { who }) => shown(who.user),
  }),
  endpoint({
    method: 'put',
    path: '/api/account',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'Set where links for a forgotten password are sent',
    description: '`email` null: nowhere. Needs the password of the last five minutes.',
    body: Change,
    output: Ok,
    errors: ['password_required', 'conflict'],
    example: OK,
    exampleBody: { email: 'anna@example.org' },
    handle: ({ body }, { services, who }) => {
      requirePassword(who)
      services.users.setEmail(who.user, body.email, who.actor)
      return OK
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/confirm',
    operationId: 'confirmPassword',
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
      const { services, who } = context
      await services.passwordChanges.change(who.user, body.new_password, who.actor, sessionOf(who))
      return OK
    },
  }),
  endpoint({
    method: 'get',
    path: '/api/account/recovery-key',
    operationId: 'getRecoveryKey',
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
