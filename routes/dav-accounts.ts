import { z } from 'zod'
import type { Collection, DavAccount } from '../services/dav/account-rows.ts'
import type { Services } from '../services/index.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { DavAccountChange, DavAccountDraft } from '../services/shapes/dav-account.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Part = lazy(() =>
  z
    .object({
      id: z.string(),
      kind: z.enum(['calendar', 'address_book']),
      name: z.string(),
      used: z.boolean(),
      shared: z.boolean(),
      marked: z.boolean().nullable(),
      read_only: z.boolean(),
      there: z.boolean(),
    })
    .meta({ id: 'DavCollection' }),
)
const Shown = lazy(() =>
  z
    .object({
      id: z.string(),
      label: z.string(),
      url: z.string(),
      username: z.string(),
      password_set: z.boolean(),
      tls_ca: z.string().nullable(),
      enabled: z.boolean(),
      collections: z.array(Part()),
      checked_at: Time().nullable(),
      last_error: z.string().nullable(),
      created_at: Time(),
      updated_at: Time(),
    })
    .meta({ id: 'DavAccount' }),
)
const Half = lazy(() => z.object({ ok: z.boolean(), error: z.string().optional(), names: z.array(z.string()) }))
const Checked = lazy(() => z.object({ calendars: Half(), address_books: Half() }))
const Id = lazy(() => z.object({ id: z.string() }))

const AT = '2026-11-22T08:00:00.000Z'
const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000021',
  label: 'Home',
  url: 'https://dav.example.com/',
  username: 'anna',
  password_set: true,
  tls_ca: null,
  enabled: true,
  collections: [
    {
      id: '019a9d2e-7c1a-7000-8000-000000000022',
      kind: 'calendar' as const,
      name: 'Family',
      used: true,
      shared: true,
      marked: null,
      read_only: false,
      there: true,
    },
  ],
  checked_at: AT,
  last_error: null,
  created_at: AT,
  updated_at: AT,
}
const EXAMPLE_DRAFT = { label: 'Home', url: 'dav.example.com', username: 'anna', password: 'an app password' }

const part = ({ id, kind, name, used, shared, marked, readOnly, there }: Collection) => ({
  id,
  kind,
  name,
  used,
  shared,
  marked,
  read_only: readOnly,
  there,
})

function shown(account: DavAccount, { dav: { accounts }, credentials }: Services): z.infer<ReturnType<typeof Shown>> {
  return {
    id: account.id,
    label: account.label,
    url: account.url,
    username: account.username,
    password_set: true,
    tls_ca: account.tlsCa,
    enabled: account.enabled,
    collections: accounts.collections(account.id).map(part),
    checked_at: account.checkedAt,
    last_error: account.lastError && credentials.mask(account.lastError),
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  }
}

const BASE = { tag: 'Calendars and contacts', role: 'user' } as const

export const davAccountEndpoints = [
  endpoint({
    ...BASE,
    method: 'get',
    path: '/api/dav-accounts',
    scopes: ['read'],
    summary: 'The servers of calendars and address books',
    description:
      'Passwords are never shown. `collections` is what was found when the server was last looked at (`checked_at`). `shared`: others see ' +
      'it, as you say (`marked`) or else as the server does; writing there leaves the house. `there` is false for what was missed last time.',
    query: Cursor,
    output: list(Shown),
    example: whole([EXAMPLE]),
    handle: ({ query }, { services, who }) => {
      const page = services.dav.accounts.page(who.user.id, query)
      return { ...page, items: page.items.map((account) => shown(account, services)) }
    },
  }),
  endpoint({
    ...BASE,
    method: 'post',
    path: '/api/dav-accounts',
    scopes: ['admin'],
    status: 201,
    creates: { showsSecret: false },
    summary: 'Add a server of calendars and address books',
    description:
      '`url` is a host name, by which calendars and address books are found (RFC 6764), or the whole address that the service names. ' +
      'Plain http is for this machine and the hosts of ALLOWED_PRIVATE_HOSTS; only an administrator reaches addresses inside the house.',
    body: DavAccountDraft,
    output: Shown,
    errors: ['invalid', 'conflict'],
    example: { ...EXAMPLE, collections: [], checked_at: null },
    exampleBody: EXAMPLE_DRAFT,
    handle: ({ body }, { services, who }) =>
      shown(services.dav.accounts.create(who.user.id, body, who.actor), services),
  }),
  endpoint({
    ...BASE,
    method: 'get',
    path: '/api/dav-accounts/{id}',
    scopes: ['read'],
    summary: 'One server of calendars and address books',
    params: Id,
    output: Shown,
    errors: ['not_found'],
    example: EXAMPLE,
    handle: ({ params }, { services, who }) => shown(services.dav.accounts.get(who.user.id, params.id), services),
  }),
  endpoint({
    ...BASE,
    method: 'put',
    path: '/api/dav-accounts/{id}',
    scopes: ['admin'],
    summary: 'Change a server of calendars and address books',
    description:
      'What is left out stays. `collections` says of single calendars and address books whether tools use them, and whether others see ' +
      'them (null: as the server says). Where the password would go elsewhere, it must be given again.',
    params: Id,
    body: DavAccountChange,
    output: Ok,
    errors: ['invalid', 'not_found', 'conflict'],
    example: OK,
    exampleBody: { label: 'Home, new server', url: 'https://cloud.example.com/dav/', password: 'an app password' },
    handle: ({ params, body }, { services, who }) => {
      services.dav.accounts.change(who.user.id, params.id, body, who.actor)
      return OK
    },
  }),
  endpoint({
    ...BASE,
    method: 'delete',
    path: '/api/dav-accounts/{id}',
    scopes: ['admin'],
    summary: 'Forget a server of calendars and address books',
    description: 'What is on the server stays as it is.',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => {
      services.dav.accounts.remove(who.user.id, params.id, who.actor)
      return OK
    },
  }),
  endpoint({
    ...BASE,
    method: 'post',
    path: '/api/dav-accounts/{id}/test',
    scopes: ['admin'],
    summary: 'Look what is on a server of calendars and address books',
    description: 'Signs in and looks for calendars and address books; `error` says which step failed, and what to do.',
    params: Id,
    output: Checked,
    errors: ['not_found'],
    example: { calendars: { ok: true, names: ['Family'] }, address_books: { ok: true, names: ['Contacts'] } },
    handle: ({ params }, { services, who }) => services.dav.check(who.user.id, params.id, who.actor),
  }),
]
