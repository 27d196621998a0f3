import { z } from 'zod'
import { normaliseDomain } from '../services/domains.ts'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Note = lazy(() => z.string().max(500))
const WrittenBy = lazy(() => z.enum(['me', 'others']))
const PathText = lazy(() => z.string().min(1).max(4096))

const WebEntry = lazy(() =>
  z.object({ domain: z.string(), note: z.string(), private_ok: z.boolean(), created_at: Time() }),
)
const WebDraft = lazy(() =>
  z.strictObject({ domain: z.string().min(1).max(253), note: Note().optional(), private_ok: z.boolean().optional() }),
)
const WebChange = lazy(() => z.strictObject({ note: Note().optional(), private_ok: z.boolean().optional() }))
const Domain = lazy(() => z.object({ domain: z.string() }))

const FolderEntry = lazy(() =>
  z.object({ path: z.string(), note: z.string(), written_by: WrittenBy(), created_at: Time() }),
)
const FolderDraft = lazy(() =>
  z.strictObject({ path: PathText(), note: Note().optional(), written_by: WrittenBy().optional() }),
)
const FolderChange = lazy(() => z.strictObject({ note: Note().optional(), written_by: WrittenBy().optional() }))
const FolderPath = lazy(() => z.object({ path: z.string() }))

const Listing = lazy(() =>
  z.object({ path: z.string(), entries: z.array(z.object({ name: z.string(), type: z.enum(['dir', 'file']) })) }),
)

const BrowserQuery = lazy(() =>
  z.object({ path: PathText().default('/').describe('Which folder, from the root of the server.') }),
)

export const whitelistEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/web-whitelist',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['read'],
    summary: 'Sites that may be read without asking (Tier 1)',
    output: lazy(() => z.array(WebEntry())),
    example: [
      { domain: 'wikipedia.org', note: 'Encyclopedia', private_ok: false, created_at: '2026-11-22T08:00:00.000Z' },
    ],
    handle: (_input, { services }) => services.whitelists.web(),
  }),
  endpoint({
    method: 'post',
    path: '/api/web-whitelist',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    creates: { showsSecret: false },
    summary: 'Add a site with its subdomains',
    description: '`private_ok`: may be opened also after private or third-party reading.',
    body: WebDraft,
    output: Ok,
    errors: ['conflict'],
    example: OK,
    exampleBody: { domain: 'example.com', note: 'Our company site' },
    prepare: async (input) => ({ ...input, body: { ...input.body, domain: await normaliseDomain(input.body.domain) } }),
    handle: ({ body }, { services, who }) => (services.whitelists.addWeb(body, who.actor), OK),
  }),
  endpoint({
    method: 'put',
    path: '/api/web-whitelist/{domain}',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change an entry',
    params: Domain,
    body: WebChange,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    exampleBody: { private_ok: true },
    handle: ({ params, body }, { services, who }) => (
      services.whitelists.changeWeb(params.domain, body, who.actor),
      OK
    ),
  }),
  endpoint({
    method: 'delete',
    path: '/api/web-whitelist/{domain}',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Remove a site',
    params: Domain,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (services.whitelists.removeWeb(params.domain, who.actor), OK),
  }),
  endpoint({
    method: 'get',
    path: '/api/filesystem-whitelist',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['read'],
    summary: 'Folders that tools may work in',
    output: lazy(() => z.array(FolderEntry())),
    example: [
      {
        path: '/srv/documents',
        note: 'Documents',
        written_by: 'others' as const,
        created_at: '2026-11-22T08:00:00.000Z',
      },
    ],
    handle: (_input, { services }) => services.whitelists.folders(),
  }),
  endpoint({
    method: 'post',
    path: '/api/filesystem-whitelist',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    creates: { showsSecret: false },
    summary: 'Open a folder to tools',
    description: '`written_by: me` says that only you write there; what is read from it then counts as your own words.',
    body: FolderDraft,
    output: Ok,
    errors: ['conflict'],
    example: OK,
    exampleBody: { path: '/srv/documents', note: 'Documents' },
    handle: ({ body }, { services, who }) => (services.whitelists.addFolder(body, who.actor), OK),
  }),
  endpoint({
    method: 'put',
    path: '/api/filesystem-whitelist/{path}',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change an entry',
    params: FolderPath,
    body: FolderChange,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    exampleBody: { written_by: 'me' as const },
    handle: ({ params, body }, { services, who }) => (
      services.whitelists.changeFolder(params.path, body, who.actor),
      OK
    ),
  }),
  endpoint({
    method: 'delete',
    path: '/api/filesystem-whitelist/{path}',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Close a folder to tools',
    params: FolderPath,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => (services.whitelists.removeFolder(params.path, who.actor), OK),
  }),
  endpoint({
    method: 'get',
    path: '/api/filesystem-browser',
    operationId: 'browseFolders',
    tag: 'Whitelists',
    role: 'admin',
    scopes: ['admin'],
    summary: 'What is in a folder of the server, to pick one',
    description: 'Hidden entries and places that stay closed are left out.',
    query: BrowserQuery,
    output: Listing,
    errors: ['not_found', 'forbidden'],
    example: { path: '/srv', entries: [{ name: 'documents', type: 'dir' as const }] },
    handle: ({ query }, { services }) => services.folderBrowser.list(query.path),
  }),
]
