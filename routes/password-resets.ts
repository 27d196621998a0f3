import { z } from 'zod'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'
import { clientAddress } from './sign-in.ts'
import { Password } from './user-shapes.ts'

const Name = lazy(() => z.string().trim().min(1).max(254))
const Forgetful = lazy(() =>
  z.union([z.strictObject({ email: Name() }), z.strictObject({ username: Name() })], {
    error: 'either email or username',
  }),
)
const Asked = lazy(() => z.object({ ok: z.literal(true), configured: z.boolean() }))
const Reset = lazy(() => z.strictObject({ token: z.string().min(1).max(200), password: Password() }))

export const passwordResetEndpoints = [
  endpoint({
    method: 'post',
    path: '/api/auth/forgot-password',
    tag: 'Account',
    role: 'public',
    scopes: [],
    summary: 'Have a link for a new password sent by mail',
    description:
      'The answer is always the same, whether there is such a user or not. `configured` says whether this Steward can send mail at all; where it cannot, `npm run reset-password` on its machine helps. The link is good once, for 30 minutes, and goes to the address of the account.',
    body: Forgetful,
    output: Asked,
    errors: ['rate_limited', 'setup_required'],
    example: { ok: true, configured: true },
    exampleBody: { email: 'anna@example.org' },
    handle: async ({ body }, { services, req }) => {
      await services.askLimits.note(clientAddress(req))
      services.passwordResets.ask(body)
      return { ok: true as const, configured: services.passwordResets.configured() }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/reset-password',
    tag: 'Account',
    role: 'public',
    scopes: [],
    summary: 'Choose a new password, with the token of a link',
    description: 'Ends all sessions of the user. Two-factor sign-in stays as it is.',
    body: Reset,
    output: Ok,
    errors: ['not_found', 'conflict', 'expired', 'rate_limited', 'setup_required'],
    example: OK,
    exampleBody: { token: 'from-the-link', password: 'a long sentence is good' },
    handle: async ({ body }, { services, req }) => {
      const address = clientAddress(req)
      await services.signInLimits.attempt(address, 'reset', async () => {
        await services.passwordResets.redeem(body.token, body.password, address)
        return true
      })
      return OK
    },
  }),
]
