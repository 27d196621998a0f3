import { z } from 'zod'
import { normaliseDomain } from '../services/domains.ts'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Entry = lazy(() =>
  z.object({ domain: z.string(), note: z.string(), created_at: Time(), session_at: Time().nullable() }),
)
const Draft = lazy(() => z.strictObject({ domain: z.string().min(1).max(253), note: z.string().max(500).optional() }))
const Domain = lazy(() => z.object({ domain: z.string() }))

export const browserTrustedEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/my/browser-trusted',
    tag: 'Whitelists',
    role: 'user',
    scopes: ['read'],
    summary: 'Sites on which the browser tool may act as you',
    description: 'Each user has a list of their own.',
    output: lazy(() => z.array(Entry())),
    example: [{ domain: 'example.com', note: 'Our app', created_at: '2026-11-22T08:00:00.000Z', session_at: null }],
    handle: (_input, { services, who }) => services.browserTrusted.list(who.user.id),
  }),
  endpoint({
    method: 'post',
    path: '/api/my/browser-trusted',
    tag: 'Whitelists',
    role: 'user',
    scopes: ['admin'],
    creates: { showsSecret: false },
    summary: 'Trust a site with its subdomains',
    body: Draft,
    output: Ok,
    errors: ['conflict'],
    example: OK,
    exampleBody: { domain: 'example.com', note: 'Our app' },
    prepare: async (input) => ({ ...input, body: { ...input.body, domain: await normaliseDomain(input.body.domain) } }),
    handle: ({ body }, { services, who }) => (services.browserTrusted.add(who.user.id, body, who.actor), OK),
  }),
  endpoint({
    method: 'delete',
    path: '/api/my/browser-trusted/{domain}',
    tag: 'Whitelists',
    role: 'user',
    scopes: ['admin'],
    summary: 'Trust a site no longer',
    params: Domain,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (
      services.browserTrusted.remove(who.user.id, params.domain, who.actor),
      OK
    ),
  }),
]
