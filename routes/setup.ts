import { z } from 'zod'
import { lazy } from '../services/shapes/lazy.ts'
import type { Services } from '../services/index.ts'
import { Ok, OK } from '../services/shapes/common.ts'
import { endpoint } from './endpoint.ts'
import { clientAddress, signIn } from './sign-in.ts'
import { Password, Username } from './user-shapes.ts'

const SetupDraft = lazy(() =>
  z.strictObject({ token: z.string().min(1).max(200), username: Username(), password: Password() }),
)
const SetupState = lazy(() => z.strictObject({ needed: z.boolean() }))

function noteRefusal({ audit }: Services, subject: string, outcome: string): void {
  const by = { userId: null, name: 'web' }
  audit.record({ kind: 'sign_in', action: 'set-up refused', subject, by, success: false, outcome })
}

export const setupEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/setup',
    tag: 'Set-up',
    role: 'public',
    scopes: [],
    summary: 'Whether somebody still has to be set up as the owner',
    output: SetupState,
    example: { needed: false },
    handle: (_input, { services }) => ({ needed: services.setup.needed() }),
  }),
  endpoint({
    method: 'post',
    path: '/api/setup',
    tag: 'Set-up',
    role: 'public',
    scopes: [],
    status: 201,
    summary: 'Become the owner, with the token of the set-up link, and be signed in',
    body: SetupDraft,
    output: Ok,
    errors: ['forbidden', 'conflict', 'rate_limited'],
    example: OK,
    exampleBody: { token: 'from-the-link', username: 'anna', password: 'a long sentence is good' },
    handle: async ({ body }, { services, req }) => {
      const owner = await services.signInLimits.attempt(clientAddress(req), 'setup', async () =>
        services.setup.needed() && !services.setup.fits(body.token) ? undefined : services.setup.complete(body),
      )
      if (!owner) noteRefusal(services, body.username, clientAddress(req))
      await signIn(req, services, owner ?? (await services.setup.complete(body)))
      return OK
    },
  }),
]
