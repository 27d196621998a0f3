import { z } from 'zod'
import { asKept } from '../services/domains.ts'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Sandbox = lazy(() => z.enum(['on', 'off', 'unknown']))
const State = lazy(() =>
  z.object({
    enabled: z.boolean(),
    path: z.string().nullable(),
    found: z.string().nullable(),
    reason: z.string().nullable(),
    sandbox: Sandbox(),
    running: z.boolean(),
  }),
)
const Change = lazy(() =>
  z.strictObject({ enabled: z.boolean().optional(), path: z.string().min(1).max(4096).nullable().optional() }),
)
const Tested = lazy(() =>
  z.object({ ok: z.boolean(), version: z.string().optional(), sandbox: Sandbox(), error: z.string().optional() }),
)
const Domain = lazy(() => z.object({ domain: z.string() }))
const Cookies = lazy(() => z.strictObject({ cookies: z.string().min(1).max(1_000_000) }))

export const browserEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/settings/browser',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'The Chromium of the browser tool',
    description:
      '`path` is what was set; null looks in the usual places. `found` is what would be started; `reason` says what to do where there is none. `sandbox` is that of Chromium itself; it is unknown before the first start.',
    output: State,
    example: {
      enabled: true,
      path: null,
      found: '/usr/bin/chromium',
      reason: null,
      sandbox: 'on' as const,
      running: false,
    },
    handle: (_input, { services }) => services.browser.state(),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/browser',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Turn the browser tool on or off, or say where Chromium is',
    description: 'What is left out stays as it is. A Chromium that runs is ended, with the pages that runs have open.',
    body: Change,
    output: Ok,
    example: OK,
    exampleBody: { enabled: true, path: null },
    handle: ({ body }, { services, who }) => (services.browser.change(body, who.actor), OK),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/browser/test',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Start Chromium and look whether it works',
    description: 'Nothing is opened on the web.',
    output: Tested,
    example: { ok: true, version: '142.0.7444.59', sandbox: 'on' as const },
    handle: (_input, { services, who }) => services.browser.test(who.actor),
  }),
  endpoint({
    method: 'put',
    path: '/api/my/browser-trusted/{domain}/session',
    tag: 'Whitelists',
    role: 'user',
    scopes: ['admin'],
    summary: 'Bring your session at a trusted site',
    description:
      '`cookies` is what a browser exports: a cookies.txt (Netscape’s form) or a JSON list. Only those of this site are kept, sealed; they are used by your own runs, on that site alone, and never shown.',
    params: Domain,
    body: Cookies,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    exampleBody: { cookies: 'example.com\tTRUE\t/\tTRUE\t0\tsid\t0123456789' },
    handle: ({ params, body }, { services, who }) => (
      services.browser.signedIn.bring(who.user.id, asKept(params.domain), body.cookies, who.actor),
      OK
    ),
  }),
  endpoint({
    method: 'delete',
    path: '/api/my/browser-trusted/{domain}/session',
    tag: 'Whitelists',
    role: 'user',
    scopes: ['admin'],
    summary: 'Forget your session at a trusted site',
    params: Domain,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (
      services.browser.signedIn.end(who.user.id, asKept(params.domain), who.actor),
      OK
    ),
  }),
]
