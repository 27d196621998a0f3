import { z } from 'zod'
import { CREDENTIAL_KINDS } from '../services/credentials.ts'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'
import { requirePassword, sessionOf } from './sign-in.ts'

const Key = lazy(() =>
  z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\p{C}\s"\\]+$/u, 'a key has no spaces, quotes or backslashes'),
)
const Entry = lazy(() => z.object({ key: z.string(), description: z.string(), updated_at: Time() }))
const Draft = lazy(() =>
  z.strictObject({ key: Key(), value: z.string().min(1).max(20_000), description: z.string().max(500).optional() }),
)
const Shown = lazy(() => z.object({ key: z.string(), value: z.string(), description: z.string() }))
const Kind = lazy(() => z.object({ key: z.string(), label: z.string(), description: z.string() }))
const KeyParam = lazy(() => z.object({ key: z.string() }))

const Rotated = lazy(() =>
  z.object({ recovery_key: z.string(), resealed: z.int(), unreadable: z.int(), note: z.string() }),
)

const ROTATED =
  'Write the new recovery key down; it is shown this once. Backups made before now need the old one. Every other browser was signed out.'

export const credentialEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/credentials',
    tag: 'Credentials',
    role: 'admin',
    scopes: ['admin'],
    summary: 'All credentials, without their values',
    output: lazy(() => z.array(Entry())),
    example: [
      { key: 'system:anthropic_api_key', description: 'Anthropic key', updated_at: '2026-11-22T08:00:00.000Z' },
    ],
    handle: (_input, { services }) => services.credentials.list(),
  }),
  endpoint({
    method: 'get',
    path: '/api/credential-kinds',
    tag: 'Credentials',
    role: 'admin',
    scopes: ['read'],
    summary: 'The keys that Steward itself looks for',
    output: lazy(() => z.array(Kind())),
    example: [CREDENTIAL_KINDS[0]],
    handle: () => [...CREDENTIAL_KINDS],
  }),
  endpoint({
    method: 'get',
    path: '/api/credentials/{key}',
    tag: 'Credentials',
    role: 'admin',
    scopes: ['admin'],
    summary: 'One credential with its value',
    description: 'In a browser only within five minutes after POST /api/auth/confirm. Written into the audit log.',
    params: KeyParam,
    output: Shown,
    errors: ['not_found', 'password_required'],
    showsSecret: true,
    example: { key: 'system:anthropic_api_key', value: 'sk-ant-…', description: 'Anthropic key' },
    handle: ({ params }, { services, who }) => {
      requirePassword(who)
      return services.credentials.read(params.key, who.actor)
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/credentials',
    operationId: 'setCredential',
    tag: 'Credentials',
    role: 'admin',
    scopes: ['admin'],
    creates: { showsSecret: false },
    summary: 'Set or replace a credential',
    body: Draft,
    output: Ok,
    example: OK,
    exampleBody: { key: 'system:anthropic_api_key', value: 'sk-ant-…', description: 'Anthropic key' },
    handle: ({ body }, { services, who }) => (services.credentials.set(body, who.actor), OK),
  }),
  endpoint({
    method: 'post',
    path: '/api/credentials/rotate-master-key',
    operationId: 'rotateMasterKey',
    tag: 'Credentials',
    role: 'admin',
    scopes: [],
    sessionOnly: true,
    showsSecret: true,
    summary: 'Change the master key',
    description:
      'Everything sealed is sealed anew in one transaction, and every other browser is signed out. Needs the password of the last five minutes. 409 where the master key comes from STEWARD_MASTER_KEY.',
    output: Rotated,
    errors: ['password_required', 'conflict'],
    example: { recovery_key: 'base64, 32 bytes', resealed: 4, unreadable: 0, note: ROTATED },
    handle: (_input, { services, who }) => {
      requirePassword(who)
      const { recoveryKey, ...counts } = services.rotation.rotate(who.actor, sessionOf(who))
      return { recovery_key: recoveryKey, ...counts, note: ROTATED }
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/credentials/{key}',
    tag: 'Credentials',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Remove a credential',
    params: KeyParam,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (services.credentials.remove(params.key, who.actor), OK),
  }),
]
