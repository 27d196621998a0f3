import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { buildApp, endpoints } from '../routes/index.ts'
import { openApiDocument } from '../routes/openapi.ts'
import { readConfig } from '../services/config.ts'
import { startSteward } from './steward.ts'

/** The document of the API: of every route, and of nothing else. */

type Schema = { $ref?: string; type?: string; properties?: Record<string, unknown> }
type Media = { schema?: Schema; example?: unknown }
type Operation = {
  operationId: string
  summary: string
  tags: string[]
  security: Record<string, string[]>[]
  parameters: { name: string; in: string; required: boolean; schema: Schema }[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { description: string; content?: Record<string, Media> }>
}
type Layer = {
  route?: { path: string | string[]; methods: Record<string, boolean> }
  handle: { stack?: Layer[] }
}
type Router = { stack: Layer[] }

const document = JSON.parse(JSON.stringify(openApiDocument(endpoints))) as {
  openapi: string
  info: Record<string, string>
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, unknown> }
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, method, path, ...operation })),
)

/** What is no part of the API: the document itself, its reader, and the page under every other path. */
const PAGES = ['get /openapi.json', 'get /docs', 'get /{*path}']

function mountedRoutes(): string[] {
  const pass = (_req: unknown, _res: unknown, next: () => void) => next()
  const app = buildApp({
    services: {} as never,
    config: readConfig({}),
    log: {} as never,
    session: pass,
    pageDir: '/nowhere',
    documentFile: '/nowhere',
  })
  return routesIn((app as unknown as { router: Router }).router)
}

/** Also those of routers within routers, so that none can hide. */
function routesIn({ stack }: Router): string[] {
  return stack.flatMap(({ route, handle }) => {
    const inside = Array.isArray(handle.stack) ? routesIn({ stack: handle.stack }) : []
    const own = route
      ? Object.keys(route.methods).map((method) => `${method} ${String(route.path).replace(/:(\w+)/g, '{$1}')}`)
      : []
    return route ? own : inside
  })
}

describe('the OpenAPI document', () => {
  it('has every route that is mounted, and none that is not', () => {
    const mounted = mountedRoutes()
    for (const page of PAGES) assert.ok(mounted.includes(page), page)
    assert.deepEqual(
      mounted.filter((route) => !PAGES.includes(route)).sort(),
      operations.map(({ name }) => name).sort(),
    )
  })

  it('is what the built program serves', async () => {
    await using steward = await startSteward({ setUp: false })
    const { status, headers, body } = await steward.anybody().get('/openapi.json')
    assert.equal(status, 200)
    assert.match(headers.get('content-type')!, /^application\/json/)
    assert.deepEqual(body, document)
  })

  it('is of version 3.1, and says which program it is of', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'))
    assert.match(document.openapi, /^3\.1\.\d+$/)
    assert.equal(document.info.version, version)
    assert.ok(document.info.title)
  })

  it('calls every operation by a name of its own', () => {
    const ids = operations.map(({ operationId }) => operationId)
    assert.deepEqual(
      ids.filter((id, at) => ids.indexOf(id) !== at),
      [],
    )
    assert.ok(ids.every((id) => /^[a-z][A-Za-z0-9]+$/.test(id)))
  })

  it('refers to nothing that is not there', () => {
    const text = JSON.stringify(document)
    for (const [, ref] of text.matchAll(/"\$ref":"([^"]+)"/g)) {
      const found = ref!
        .replace(/^#\//, '')
        .split('/')
        .reduce<any>((at, name) => at?.[name], document)
      assert.ok(found !== undefined, ref)
    }
    for (const scheme of operations.flatMap(({ security }) => security.flatMap((one) => Object.keys(one)))) {
      assert.ok(scheme in document.components.securitySchemes, scheme)
    }
    const tags = document.tags.map(({ name }) => name)
    for (const { name, tags: own } of operations) assert.ok(own.length === 1 && tags.includes(own[0]!), name)
  })
})

for (const operation of operations) {
  const { name, method, path, summary, parameters, requestBody, responses, security } = operation

  describe(name, () => {
    it('says what it does and declares what its path holds', () => {
      assert.ok(summary.length > 5)
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const declared = parameters.filter((one) => one.in === 'path')
      assert.deepEqual(
        declared.map((one) => one.name),
        inPath,
      )
      assert.ok(declared.every(({ required }) => required))
      const names = parameters.map((one) => `${one.in} ${one.name}`)
      assert.equal(new Set(names).size, names.length)
      for (const { schema } of parameters) assert.ok(schema && typeof schema === 'object')
    })

    it('shows an answer, with an example that fits', () => {
      const [success, ...more] = Object.entries(responses).filter(([status]) => /^2\d\d$/.test(status))
      assert.deepEqual(more, [])
      const content = Object.entries(success![1].content!)
      assert.equal(content.length, 1)
      const [type, { schema, example }] = content[0]!
      if (type !== 'application/json') return
      assert.ok(Object.keys(schema!).length > 0)
      assert.notEqual(example, undefined)
      const definition = endpoints.find((one) => one.method === method && one.path === path)!
      assert.deepEqual(definition.output!().safeParse(definition.example).error?.issues ?? [], [])
    })

    it('shows what to send, with an example that it would take', () => {
      const definition = endpoints.find((one) => one.method === method && one.path === path)!
      assert.equal(requestBody !== undefined, definition.body !== undefined)
      if (!definition.body) return
      const { schema, example } = requestBody!.content['application/json']!
      const forms = (schema as { anyOf?: { type?: string }[] } | undefined)?.anyOf ?? [schema]
      for (const form of forms) assert.equal(form?.type, 'object')
      assert.notEqual(example, undefined)
      assert.deepEqual(definition.body().safeParse(example).error?.issues ?? [], [])
    })

    it('says how it fails, in the one shape', () => {
      const failures = Object.entries(responses).filter(([status]) => !/^2/.test(status))
      for (const [status, { content }] of failures) {
        assert.match(status, /^[45]\d\d$/)
        const { schema } = content!['application/json']!
        if (status !== '503') assert.deepEqual(schema, { $ref: '#/components/schemas/Error' })
      }
      const statuses = failures.map(([status]) => status)
      assert.ok(statuses.includes('500'))
      if (security.length > 0) for (const status of ['401', '403']) assert.ok(statuses.includes(status), status)
      if (requestBody) for (const status of ['400', '413', '415']) assert.ok(statuses.includes(status), status)
    })
  })
}
