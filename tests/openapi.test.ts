import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { buildApp, endpoints } from '../routes/index.ts'
import { openApiDocument } from '../routes/openapi.ts'
import { STATUS } from '../routes/errors.ts'
import type { ErrorCode } from '../services/errors.ts'
import { readConfig } from '../services/config.ts'
import { schemaErrors } from './peers/json-schema.ts'
import { startSteward } from './steward.ts'

/** The document of the API: of every route, and of nothing else. */

type Schema = { $ref?: string; type?: string; properties?: Record<string, unknown> }
type Media = { schema?: Schema; example?: unknown; examples?: Record<string, { $ref: string }> }
type Operation = {
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: Record<string, string[]>[]
  parameters: { name: string; in: string; required: boolean; schema: Schema; description?: string }[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { description: string; headers?: Record<string, unknown>; content?: Record<string, Media> }>
}
type Layer = {
  route?: { path: string | string[]; methods: Record<string, boolean> }
  handle: { stack?: Layer[] }
}
type Router = { stack: Layer[] }

const document = JSON.parse(JSON.stringify(openApiDocument(endpoints))) as {
  openapi: string
  info: Record<string, string>
  tags: { name: string; description?: string }[]
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, Schema>
    examples: Record<string, { value: unknown }>
    securitySchemes: Record<string, { description?: string }>
  }
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

  it('is valid by the schema of OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone(document))
    assert.deepEqual([valid, errors], [true, undefined])
  })

  it('calls every operation by a name of its own, beginning with what it does', () => {
    const ids = operations.map(({ operationId }) => operationId)
    assert.deepEqual(
      ids.filter((id, at) => ids.indexOf(id) !== at),
      [],
      'say operationId in the endpoint',
    )
    assert.ok(ids.every((id) => /^[a-z][A-Za-z0-9]+$/.test(id)))
    const named = Object.fromEntries(operations.map(({ name, operationId }) => [name, operationId]))
    assert.equal(named['get /api/agents'], 'listAgents')
    assert.equal(named['post /api/agents'], 'createAgent')
    assert.equal(named['delete /api/agents/{id}'], 'deleteAgent')
    assert.equal(named['post /api/agents/{id}/run'], 'runAgent')
  })

  it('says how to come in, and shows an error of every code', () => {
    const { securitySchemes, examples, schemas } = document.components
    assert.deepEqual(Object.keys(securitySchemes), ['cookie', 'apiKey', 'bearer'])
    for (const { description } of Object.values(securitySchemes)) assert.ok(description)
    assert.deepEqual(Object.keys(examples).sort(), Object.keys(STATUS).sort())
    for (const { value } of Object.values(examples)) assert.deepEqual(schemaErrors(document, schemas.Error!, value), [])
  })

  it('holds the frames of the chat socket, as they are really told', async () => {
    const { ClientFrame, ServerFrame } = document.components.schemas
    await using steward = await startSteward()
    const folder = mkdtempSync(join(tmpdir(), 'frames-'))
    await steward.owner.post('/api/filesystem-whitelist', { path: folder, written_by: 'me' })
    const chat = await steward.owner.chat(randomUUID())
    const said = [
      { type: 'subscribe', channels: ['agent.*', 'approvals'] },
      { type: 'message', content: `/filesystem.list_directory path="${folder}"` },
      { type: 'message', content: 'Hello' },
      { type: 'confirm', call_id: randomUUID(), approved: true },
      { type: 'ping' },
    ]
    for (const frame of said) {
      assert.deepEqual(schemaErrors(document, ClientFrame!, frame), [])
      chat.send(frame)
    }
    chat.send({ type: 'nonsense' })
    for (let done = 0; done < 2; done++) await chat.next('done')
    await chat.close()
    const kinds = new Set(chat.frames.map(({ type }) => type))
    for (const kind of ['models', 'user_message', 'run', 'text', 'tool_start', 'tool_done', 'done', 'event', 'error'])
      assert.ok(kinds.has(kind), `${kind} was not told`)
    for (const frame of chat.frames)
      assert.deepEqual(schemaErrors(document, ServerFrame!, frame), [], JSON.stringify(frame))
    assert.notDeepEqual(schemaErrors(document, ServerFrame!, { type: 'nonsense' }), [])
    assert.ok(document.info.description!.includes('GET /ws/{session_id}'))
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
  const { name, method, path, summary, description, parameters, requestBody, responses, security } = operation

  describe(name, () => {
    it('says what it does and declares what its path holds', () => {
      assert.ok(summary.length > 5)
      assert.ok(description.length > 20, 'a description')
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
      assert.deepEqual(parameters.filter((one) => !one.description).map((one) => one.name), [], 'describe() it') // prettier-ignore
    })

    it('shows an answer, with an example that fits', () => {
      const content = Object.entries(responses).flatMap(([status, answer]) =>
        status < '300' || (status === '503' && path.endsWith('ready')) ? Object.entries(answer.content ?? {}) : [],
      )
      assert.ok(content.length > 0)
      for (const [type, { schema, example }] of content) {
        assert.ok(schema, type)
        if (schema?.$ref === '#/components/schemas/Error') continue
        if (/^text|json/.test(type)) assert.notEqual(example, undefined, `an example of ${type}`)
        if (example !== undefined) assert.deepEqual(schemaErrors(document, schema, example), [])
        if (type === 'application/json') assert.ok(Object.keys(schema).length > 0)
      }
      const definition = endpoints.find((one) => one.method === method && one.path === path)!
      assert.deepEqual(definition.output?.().safeParse(definition.example).error?.issues ?? [], [])
    })

    it('shows what to send, with an example that it would take', () => {
      const definition = endpoints.find((one) => one.method === method && one.path === path)!
      assert.equal(requestBody !== undefined, (definition.body ?? definition.upload) !== undefined)
      if (!definition.body) return
      const { schema, example } = requestBody!.content['application/json']!
      const forms = (schema as { anyOf?: { type?: string }[] } | undefined)?.anyOf ?? [schema]
      for (const form of forms) assert.equal(form?.type, 'object')
      assert.notEqual(example, undefined)
      assert.deepEqual(definition.body().safeParse(example).error?.issues ?? [], [])
      assert.deepEqual(schemaErrors(document, schema!, example), [])
    })

    it('says how it fails, in the one shape', () => {
      const failures = Object.entries(responses).filter(([status]) => !/^2/.test(status))
      for (const [status, { content, headers, description: words }] of failures) {
        assert.match(status, /^[45]\d\d$/)
        const { schema, examples } = content!['application/json']!
        if (status === '429') assert.ok(headers?.['Retry-After'])
        if (status === '503' && !examples) continue
        assert.deepEqual(schema, { $ref: '#/components/schemas/Error' })
        assert.ok(Object.keys(examples!).every((code) => words.includes(code) && STATUS[code as ErrorCode] === Number(status))) // prettier-ignore
      }
      const statuses = failures.map(([status]) => status)
      assert.ok(statuses.includes('500'))
      if (security.length > 0) for (const status of ['401', '403']) assert.ok(statuses.includes(status), status)
      if (requestBody) for (const status of ['400', '413', '415']) assert.ok(statuses.includes(status), status)
    })
  })
}
