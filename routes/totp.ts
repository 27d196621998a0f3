import { z } from 'zod'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { wrongCode } from '../services/totp.ts'
import { endpoint, type Context } from './endpoint.ts'
import { checkPassword, clientAddress, requirePassword } from './sign-in.ts'
import { Code, PasswordOnly } from './user-shapes.ts'

const State = lazy(() => z.object({ active: z.boolean(), pending: z.boolean(), recovery_codes_left: z.number().int() }))
const Secret = lazy(() => z.object({ secret: z.string(), provisioning_uri: z.string(), qr_code: z.string() }))
const FirstCode = lazy(() => z.strictObject({ code: Code() }))
const RecoveryCodes = lazy(() => z.object({ recovery_codes: z.array(z.string()) }))

const EXAMPLE_CODES = { recovery_codes: ['7k3m-q9xa-0vtd-5hjn', '…'] }

async function enable(code: string, { services, req, who }: Context) {
  const recovery_codes = await services.signInLimits.attempt(clientAddress(req), who.user.username, () =>
    services.totp.enable(who.user, code, who.actor),
  )
  if (!recovery_codes) throw wrongCode()
  return { recovery_codes }
}

export const totpEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/auth/totp',
    tag: 'Account',
    role: 'user',
    scopes: ['read'],
    summary: 'Whether a code is due at sign-in',
    description: '`pending`: there is a secret whose first code was not given yet.',
    output: State,
    example: { active: true, pending: false, recovery_codes_left: 9 },
    handle: (_input, { services, who }) => services.totp.state(who.user.id),
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/totp/setup',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    showsSecret: true,
    summary: 'Make a secret for an authenticator app',
    description:
      'Nothing is in force yet: that comes with the first correct code. The secret is shown this once, as text, as an address and as a picture (a data URL); asking again makes another. Needs the password of the last five minutes.',
    output: Secret,
    errors: ['password_required', 'conflict'],
    example: {
      secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
      provisioning_uri: 'otpauth://totp/Steward:anna?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Steward',
      qr_code: 'data:image/png;base64,…',
    },
    handle: (_input, { services, who }) => {
      requirePassword(who)
      return services.totp.begin(who.user, who.actor)
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/totp/enable',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    showsSecret: true,
    summary: 'Turn two-factor sign-in on with the first code',
    description:
      'Answers ten recovery codes, shown this once; each stands in for a code once. A code is taken once, here too: sign in with the next one.',
    body: FirstCode,
    output: RecoveryCodes,
    errors: ['conflict', 'rate_limited'],
    example: EXAMPLE_CODES,
    exampleBody: { code: '123456' },
    handle: ({ body }, context) => enable(body.code, context),
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/totp/recovery-codes',
    operationId: 'renewRecoveryCodes',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    showsSecret: true,
    summary: 'Make ten new recovery codes',
    description: 'Shown this once; those before are worth nothing from now on.',
    body: PasswordOnly,
    output: RecoveryCodes,
    errors: ['invalid_credentials', 'conflict', 'rate_limited'],
    example: EXAMPLE_CODES,
    exampleBody: { password: 'a long sentence is good' },
    handle: async ({ body }, context) => {
      await checkPassword(body.password, context)
      return { recovery_codes: context.services.totp.renewRecoveryCodes(context.who.user, context.who.actor) }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/totp/disable',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'Turn two-factor sign-in off',
    description: 'Forgets the secret and the recovery codes.',
    body: PasswordOnly,
    output: Ok,
    errors: ['invalid_credentials', 'rate_limited'],
    example: OK,
    exampleBody: { password: 'a long sentence is good' },
    handle: async ({ body }, context) => {
      await checkPassword(body.password, context)
      context.services.totp.disable(context.who.user, context.who.actor)
      return OK
    },
  }),
]
