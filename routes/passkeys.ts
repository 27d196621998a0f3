import { z } from 'zod'
import { cursorsOf, pageOf } from '../services/cursors.ts'
import { AppError } from '../services/errors.ts'
import type { Asker, Authentication, Registration } from '../services/passkeys.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { Who } from '../services/who.ts'
import { identify } from './auth.ts'
import { endpoint, type Context } from './endpoint.ts'
import { relyingParty } from './relying-party.ts'
import { clientAddress, requirePassword, sessionOf, signIn } from './sign-in.ts'
import { EXAMPLE_ME, Me, shown } from './user-shapes.ts'

const Text = lazy(() => z.string().min(1).max(20_000))
const Name = lazy(() => z.string().trim().min(1).max(100))
/** What a browser answers, as PublicKeyCredential.toJSON() writes it. */
const credential = <T extends z.ZodRawShape>(response: T) =>
  z.looseObject({
    id: Text(),
    rawId: Text(),
    type: z.literal('public-key'),
    response: z.looseObject({ clientDataJSON: Text(), ...response }),
  })
const NewCredential = lazy(() => credential({ attestationObject: Text() }).extend({ name: Name().optional() }))
const Proof = lazy(() => credential({ authenticatorData: Text(), signature: Text(), userHandle: Text().nullish() }))
const Passkey = lazy(() =>
  z.object({
    id: z.string(),
    name: z.string(),
    backed_up: z.boolean(),
    created_at: Time(),
    last_used_at: Time().nullable(),
  }),
)
const Options = lazy(() => z.looseObject({ challenge: z.string() }))
const Purpose = lazy(() => z.strictObject({ purpose: z.enum(['sign_in', 'confirm']).default('sign_in') }))
const Proven = lazy(() => z.object({ ok: z.literal(true), user: Me() }))
const Id = lazy(() => z.object({ id: z.string() }))
const Renamed = lazy(() => z.strictObject({ name: Name() }))

const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000003',
  name: 'Chrome on Android',
  backed_up: true,
  created_at: '2026-11-22T08:00:00.000Z',
  last_used_at: '2026-11-24T07:12:00.000Z',
}
const EXAMPLE_ID = '5sVxAt3m0cTQkVfF6hZ1ag'
const EXAMPLE_CLIENT_DATA = 'eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiLi4uIn0'
const PLACE = 'Exists below PUBLIC_URL, and without it on localhost only.'

const askerOf = (who: Who): Asker => ({ user: who.user, sessionId: sessionOf(who) })

/** Whoever is signed in on this page, if anybody. */
function present({ req, services }: Context): Asker | undefined {
  const who = identify(req, services)
  return who?.via === 'session' ? askerOf(who) : undefined
}

function refuseProof({ req, services }: Context): never {
  const by = { userId: null, name: 'web' }
  const outcome = clientAddress(req)
  services.audit.record({ kind: 'sign_in', action: 'refused', subject: 'passkey', by, success: false, outcome })
  throw new AppError(
    'invalid_credentials',
    'That passkey does not open this. Try again, or sign in with your password.',
  )
}

async function prove(response: Authentication, context: Context) {
  const { services, req, config } = context
  const address = clientAddress(req)
  const rp = relyingParty(config, req)
  const proven = await services.signInLimits.attempt(address, 'passkey', () =>
    services.passkeys.authenticate(rp, response, present(context)),
  )
  if (!proven) return refuseProof(context)
  const { user, purpose } = proven
  if (purpose === 'sign_in') await signIn(req, services, user, 'by passkey')
  else {
    req.session.confirmedAt = services.now().getTime()
    const by = { userId: user.id, name: `web:${user.username}` }
    const said = { kind: 'sign_in', action: 'confirmed by passkey', subject: user.username }
    services.audit.record({ ...said, by, success: true, outcome: address })
  }
  return { ok: true as const, user: shown(user) }
}

const OLDEST_FIRST = {
  placeOf: ({ created_at, id }: { created_at: string; id: string }) => `${created_at} ${id}`,
  order: 'ascending' as const,
  cursors: cursorsOf('passkeys'),
}

export const passkeyEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/auth/passkeys',
    tag: 'Account',
    role: 'user',
    scopes: ['read'],
    summary: 'The passkeys of this user',
    query: Cursor,
    output: list(Passkey),
    example: whole([EXAMPLE]),
    handle: ({ query }, { services, who }) => pageOf(services.passkeys.list(who.user.id), query, OLDEST_FIRST),
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/passkeys/register/options',
    operationId: 'startPasskeyRegistration',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'What a browser needs to make a passkey',
    description: `For navigator.credentials.create(). ${PLACE} Needs the password of the last five minutes.`,
    output: Options,
    errors: ['password_required', 'conflict'],
    example: { challenge: 'bytes in base64url', rp: { id: 'steward.example.org', name: 'Steward' } },
    handle: async (_input, { services, who, config, req }) => {
      const rp = relyingParty(config, req)
      requirePassword(who)
      return { ...(await services.passkeys.registrationOptions(askerOf(who), rp)) }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/passkeys/register/verify',
    operationId: 'addPasskey',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    status: 201,
    creates: { showsSecret: false },
    bodyLimit: 64 * 1024,
    summary: 'Keep the passkey that the browser made',
    description:
      'The body is what navigator.credentials.create() answered, as its toJSON() writes it, and a name for it. A challenge is good once, for five minutes.',
    body: NewCredential,
    output: Passkey,
    errors: ['password_required', 'conflict', 'expired'],
    example: { ...EXAMPLE, last_used_at: null },
    exampleBody: {
      id: EXAMPLE_ID,
      rawId: EXAMPLE_ID,
      type: 'public-key' as const,
      response: { clientDataJSON: EXAMPLE_CLIENT_DATA, attestationObject: 'o2NmbXRkbm9uZQ' },
      name: 'Chrome on Android',
    },
    handle: ({ body: { name = 'Passkey', ...response } }, { services, who, config, req }) => {
      const rp = relyingParty(config, req)
      requirePassword(who)
      return services.passkeys.register(askerOf(who), rp, name, response as unknown as Registration)
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/passkeys/authenticate/options',
    operationId: 'startPasskeySignIn',
    tag: 'Account',
    role: 'public',
    scopes: [],
    summary: 'What a browser needs to prove who is there',
    description: `For navigator.credentials.get(). The purpose \`sign_in\` needs no user name; \`confirm\` is for who is signed in, in place of giving the password again. ${PLACE}`,
    body: Purpose,
    output: Options,
    errors: ['unauthorized', 'conflict', 'setup_required'],
    example: { challenge: 'bytes in base64url', rpId: 'steward.example.org', userVerification: 'required' },
    exampleBody: { purpose: 'sign_in' as const },
    handle: async ({ body }, context) => {
      const { services, config, req } = context
      const asker = body.purpose === 'confirm' ? present(context) : undefined
      if (body.purpose === 'confirm' && !asker) throw new AppError('unauthorized', 'Sign in first.')
      return { ...(await services.passkeys.authenticationOptions(relyingParty(config, req), asker)) }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/auth/passkeys/authenticate/verify',
    operationId: 'signInWithPasskey',
    tag: 'Account',
    role: 'public',
    scopes: [],
    summary: 'Sign in with a passkey, or confirm with one',
    description:
      'The body is what navigator.credentials.get() answered, as its toJSON() writes it. What it is for, the challenge knows: signing in starts a fresh session, like a password and its code; confirming opens five minutes in which secrets may be shown.',
    body: Proof,
    output: Proven,
    errors: ['invalid_credentials', 'conflict', 'rate_limited', 'setup_required'],
    example: { ok: true, user: EXAMPLE_ME },
    exampleBody: {
      id: EXAMPLE_ID,
      rawId: EXAMPLE_ID,
      type: 'public-key' as const,
      response: { clientDataJSON: EXAMPLE_CLIENT_DATA, authenticatorData: 'SZYN5YgOjGh0NBcP', signature: 'MEUCIQ' },
    },
    handle: ({ body }, context) => prove(body as unknown as Authentication, context),
  }),
  endpoint({
    method: 'patch',
    path: '/api/auth/passkeys/{id}',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'Rename a passkey',
    params: Id,
    body: Renamed,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    exampleBody: { name: 'The phone' },
    handle: ({ params, body }, { services, who }) => {
      services.passkeys.rename(who.user, params.id, body.name, who.actor)
      return OK
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/auth/passkeys/{id}',
    tag: 'Account',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'Remove a passkey',
    description: 'It opens nothing from now on. Needs the password of the last five minutes.',
    params: Id,
    output: Ok,
    errors: ['not_found', 'password_required'],
    example: OK,
    handle: ({ params }, { services, who }) => {
      services.passkeys.get(who.user.id, params.id)
      requirePassword(who)
      services.passkeys.remove(who.user, params.id, who.actor)
      return OK
    },
  }),
]
