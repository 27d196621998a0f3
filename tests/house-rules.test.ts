import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { endpoints } from '../routes/index.ts'
import { operationName } from '../routes/operation-names.ts'
import { giveBelongings, QUERIES } from './peers/belongings.ts'
import { schemaErrors } from './peers/json-schema.ts'
import { filled, placesIn, readOperations, type Operation } from './peers/operations.ts'
import { hangUp, send, type RawRequest } from './peers/raw-http.ts'
import { refused } from './peers/refused.ts'
import { startSteward, type Answer } from './steward.ts'

/**
 * What holds for every operation alike. The operations come from the running server's document, so whatever is added is
 * walked too; what the walk cannot call by its example needs a body in BODIES.
 */

const steward = await startSteward()
const owner = steward.owner
const document: any = (await owner.get('/openapi.json')).body
const operations = await readOperations(steward)
let things: Record<string, string>

before(async () => {
  things = await giveBelongings(steward)
})
after(async () => {
  hangUp()
  await steward[Symbol.asyncDispose]()
})

/** Stands for a part of a path until what is no part of one takes its place. */
const PART = 'part-of-a-path'
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
const JSON_TYPE = { 'content-type': 'application/json' }

/** Bodies that are true of this house, where the example of the document is not; a new one at each call. */
const BODIES: Record<string, () => object> = {
  'post /api/filesystem-whitelist': () => ({ path: mkdtempSync(join(tmpdir(), 'opened-')) }),
  'post /api/grants': () => ({
    agent_id: things['/api/agents/{id}'],
    operation: 'webhook.send_to_target',
    destinations: ['webhook:plumtree'],
  }),
  'post /api/tools/{name}/execute': () => ({
    arguments: { operation: 'list_directory', path: things['/api/filesystem-whitelist/{path}'] },
  }),
  'put /api/my/browser-trusted/{domain}/session': () => ({
    cookies: 'plumtree.example\tTRUE\t/\tTRUE\t0\tsid\tof-this-site-alone',
  }),
  'post /api/telegram/triggers': () => ({ trigger_word: 'lights', agent_id: things['/api/agents/{id}'] }),
  'post /api/email-accounts/{id}/triggers': () => ({ phrase: 'invoice', agent_id: things['/api/agents/{id}'] }),
}

/** What needs a device that only a browser has; tests/passkeys.test.ts makes some. */
const BY_BROWSER = ['post /api/auth/passkeys/register/verify']

/** Lists that are one and the same for everybody and short: they come whole. */
const WHOLE = ['get /api/tools', 'get /api/mcp-servers/{id}/tools']

const told = ({ path, method }: Operation) => document.paths[path][method.toLowerCase()]
const usual = (operation: Operation): [string, any] =>
  Object.entries<any>(told(operation).responses).find(([status]) => /^2/.test(status))!
const schemaOf = (operation: Operation) => usual(operation)[1].content?.['application/json']?.schema
const propertiesOf = (operation: Operation): Record<string, unknown> => {
  const schema = schemaOf(operation) ?? {}
  const named = /^#\/components\/schemas\/(.+)$/.exec(schema.$ref ?? '')?.[1]
  return (named === undefined ? schema : document.components.schemas[named]).properties ?? {}
}
const takes = ({ parameters }: Operation, place: string, name: string) =>
  parameters.some((one) => one.in === place && one.name === name)

const FORM_TYPE = { 'content-type': 'multipart/form-data; boundary=edge' }
const FORM = '--edge\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nA letter\r\n--edge--\r\n'
const takesFiles = (operation: Operation) => told(operation).requestBody?.content['multipart/form-data'] !== undefined

/** The operation as its document shows it, by the owner, with one of their things in its path. */
function call(operation: Operation, more: Partial<RawRequest> = {}): Promise<Answer> {
  const { method, path, changes, exampleBody, name } = operation
  const upload = takesFiles(operation)
  const body = changes ? { body: upload ? FORM : JSON.stringify(BODIES[name]?.() ?? exampleBody ?? {}) } : {}
  const headers = { ...(changes ? (upload ? FORM_TYPE : JSON_TYPE) : {}), cookie: owner.cookie, ...more.headers }
  return send(steward.url, { method, path: filled(path, things) + (QUERIES[name] ?? ''), ...body, ...more, headers })
}

describe('what creates', () => {
  it('takes an Idempotency-Key, whatever it creates', () => {
    const creating = operations.filter((one) => one.role !== 'public' && ['201', '202'].includes(usual(one)[0]))
    assert.ok(creating.length > 8)
    const without = creating.filter((one) => !takes(one, 'header', 'Idempotency-Key'))
    assert.deepEqual(without.map(({ name }) => name), [], 'say `creates` in the endpoint') // prettier-ignore
  })

  const keyed = operations.filter((one) => takes(one, 'header', 'Idempotency-Key'))
  for (const operation of keyed.filter(({ name }) => !BY_BROWSER.includes(name))) {
    const { name, path, bodyFields, exampleBody } = operation
    const { creates } = endpoints.find((one) => `${one.method} ${one.path}` === name)!

    it(`does it once for each key: ${name}`, async () => {
      const upload = takesFiles(operation)
      const headers = { 'idempotency-key': randomUUID() }
      if (bodyFields.length > 0 && !upload)
        refused(await call(operation, { headers, body: '{"nobody":1}' }), 400, 'invalid')
      const body = upload ? FORM : JSON.stringify(BODIES[name]?.() ?? exampleBody ?? {})
      const twins = await Promise.all([1, 2, 3].map(() => call(operation, { headers, body })))
      const made = twins.filter(({ status }) => status < 300)
      for (const twin of twins.filter((one) => !made.includes(one))) refused(twin, 409, 'conflict')
      assert.ok(made.length > 0, twins[0]!.text)
      assert.equal(new Set(made.map(({ text }) => text)).size, 1)

      const again = await call(operation, { headers, body })
      if (creates!.showsSecret) {
        assert.equal(made.length, 1)
        refused(again, 409, 'conflict')
        assert.deepEqual(again.body.detail, made[0]!.body.id && { id: made[0]!.body.id })
      } else assert.deepEqual([again.status, again.text], [made[0]!.status, made[0]!.text])

      const elsewhere = path === '/api/ws-ticket' ? '/api/agents' : '/api/ws-ticket'
      const other = JSON.stringify(path === '/api/ws-ticket' ? { name: 'x', prompt: 'y' } : {})
      refused(
        await call(operation, { headers: { ...headers, ...JSON_TYPE }, method: 'POST', path: elsewhere, body: other }),
        409,
        'conflict',
      )
      refused(await call(operation, { headers, body, path: `${filled(path, things)}?other=1` }), 409, 'conflict')
    })
  }

  it('answers a repeat also after a restart', async () => {
    const first = await startSteward()
    const options = { headers: { 'idempotency-key': 'before and after' } }
    const agent = { name: 'Once', prompt: 'Be there once.' }
    const { text } = await first.owner.post('/api/agents', agent, options)
    await first.kill()
    await using second = await startSteward({ dataDir: first.dataDir })
    assert.equal((await second.owner.post('/api/agents', agent, options)).text, text)
    assert.equal((await second.owner.get('/api/agents')).body.length, 1)
  })

  it('keeps no words of the request', async () => {
    const { readFileSync } = await import('node:fs')
    const value = `not to be found ${randomUUID()}`
    await owner.post('/api/credentials', { key: 'house:kept', value }, { headers: { 'idempotency-key': randomUUID() } })
    for (const file of ['steward.sqlite', 'steward.sqlite-wal'])
      assert.ok(!readFileSync(join(steward.dataDir, file)).includes(value))
  })
})

describe('a list', () => {
  const paged = operations.filter(
    (one) => 'next_cursor' in propertiesOf(one) && 'items' in propertiesOf(one) && !WHOLE.includes(one.name),
  )
  const numbered = operations.filter((one) => takes(one, 'query', 'per_page'))
  const at = (operation: Operation, query: string) =>
    call(operation, { path: `${filled(operation.path, things)}?${query}` })

  for (const operation of paged) {
    it(`comes page by page, each item once: ${operation.name}`, async () => {
      assert.ok(takes(operation, 'query', 'limit') && takes(operation, 'query', 'cursor'))
      const all = (await at(operation, 'limit=200')).body
      const seen: string[] = []
      for (let cursor: string | null = '', pages = 0; cursor !== null && pages <= 200; pages++) {
        const query: string = cursor === '' ? 'limit=1' : `limit=1&cursor=${encodeURIComponent(cursor)}`
        const { status, body, text } = await at(operation, query)
        assert.equal(status, 200, text)
        assert.equal(body.total, all.total)
        seen.push(...body.items.map((item: unknown) => JSON.stringify(item)))
        cursor = body.next_cursor
      }
      assert.deepEqual(seen, all.items.map((item: unknown) => JSON.stringify(item))) // prettier-ignore
      assert.ok(all.total_is_min || all.total === seen.length)
    })

    it(`refuses limits out of bounds, and cursors that it did not give: ${operation.name}`, async () => {
      for (const limit of ['0', '201', '-1', '1.5', 'many', '']) {
        const answer = await at(operation, `limit=${limit}`)
        refused(answer, 400, 'invalid')
        assert.equal(answer.body.detail[0].path, 'limit')
      }
      const others = await Promise.all(paged.map(async (one) => (await at(one, 'limit=1')).body.next_cursor))
      const own = (await at(operation, 'limit=1')).body.next_cursor
      const foreign = others.find((one) => one !== null && one !== own)
      assert.ok(foreign, 'some list has two pages')
      for (const cursor of ['x', '0', randomUUID(), '../..', `${own ?? 'YQ'}=`, foreign])
        refused(await at(operation, `cursor=${encodeURIComponent(cursor)}`), 400, 'invalid')
    })
  }

  for (const operation of numbered) {
    it(`refuses pages out of bounds, and is empty beyond its end: ${operation.name}`, async () => {
      for (const query of ['page=0', 'page=x', 'per_page=0', 'per_page=201', 'page=1.5'])
        refused(await at(operation, query), 400, 'invalid')
      const { status, body } = await at(operation, 'page=1000000')
      assert.equal(status, 200)
      assert.deepEqual(Object.values(body).find(Array.isArray), [])
      assert.ok(body.total > 0)
    })
  }

  it('is met in the walk', () => assert.ok(paged.length > 8 && numbered.length === 2))
})

describe('a path', () => {
  for (const [path, own] of Map.groupBy(operations, (one) => one.path)) {
    const methods = own.map(({ method }) => method)

    it(`says which methods it has: ${path}`, async () => {
      const options = await call(own[0]!, { method: 'OPTIONS' })
      assert.equal(options.status, 204)
      assert.equal(options.text, '')
      const allowed = options.headers.get('allow')!.split(', ')
      for (const method of [...methods, 'OPTIONS']) assert.ok(allowed.includes(method), method)
      assert.equal(allowed.includes('HEAD'), allowed.includes('GET'))
      assert.ok(allowed.length < METHODS.length + 2)
      for (const method of METHODS.filter((one) => !allowed.includes(one))) {
        const answer = await call(own[0]!, { method, headers: { accept: 'text/html' } })
        refused(answer, 405, 'method_not_allowed')
        assert.equal(answer.headers.get('allow'), options.headers.get('allow'))
      }
    })

    for (const { name, upTo } of placesIn(path)) {
      it(`with nonsense for {${name}} is a refusal, and no fault: ${path}`, async () => {
        for (const operation of own) {
          const at = (part: string) =>
            call(operation, { path: filled(path, { ...things, [upTo]: PART }).replace(PART, part) })
          refused(await at('%E0%A4%A'), 400, 'invalid')
          for (const part of ['%00', 'x%00y', '..%2f..', '__proto__', '%F0%9F%8C%B3', 'x'.repeat(5000)]) {
            const { status, body, text } = await at(part)
            assert.ok(status >= 400 && status < 500 && body.error, `${operation.name} ${part}: ${status} ${text}`)
          }
        }
      })
    }
  }

  for (const operation of operations.filter(({ method }) => method === 'GET')) {
    it(`has the head of what it answers: ${operation.path}`, async () => {
      const head = await call(operation, { method: 'HEAD' })
      assert.equal(head.text, '')
      assert.equal(head.status, (await call(operation)).status)
    })
  }
})

describe('a query', () => {
  for (const operation of operations.filter(({ parameters }) => parameters.some((one) => one.in === 'query'))) {
    it(`with a field twice, or with nonsense in it, is no fault: ${operation.name}`, async () => {
      for (const { name } of operation.parameters.filter((one) => one.in === 'query')) {
        const at = (query: string) => call(operation, { path: `${filled(operation.path, things)}?${query}` })
        refused(await at(`${name}=1&${name}=2`), 400, 'invalid')
        for (const value of ['%00', '%E0%A4%A', '__proto__', '%', "'%22%60", 'x'.repeat(4000)]) {
          const { status, text } = await at(`${name}=${value}`)
          assert.ok(status < 500, `${name}=${value}: ${status} ${text}`)
        }
      }
    })
  }
})

describe('a body', () => {
  for (const operation of operations.filter(({ bodyFields }) => bodyFields.length > 0)) {
    it(`with nonsense in it is no fault, and pollutes nothing: ${operation.name}`, async () => {
      const example = BODIES[operation.name]?.() ?? operation.exampleBody!
      const polluting = `{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},${JSON.stringify(example).slice(1)}`
      const answer = await call(operation, { body: polluting })
      refused(answer, /passkeys/.test(operation.path) ? answer.status : 400, answer.body.code)
      assert.ok(answer.status >= 400 && answer.status < 500)
      for (const body of ['null', '[]', '"text"', '1', 'true', '[{}]'])
        refused(await call(operation, { body }), 400, 'invalid')
      for (const field of operation.bodyFields) {
        for (const value of ['\u0000', '\ud800', '\u202e', 1e308, -1, [], {}, [null], null]) {
          const body = JSON.stringify({ ...example, [field]: value })
          const { status, text } = await call(operation, { body })
          assert.ok(status < 500, `${field} ${JSON.stringify(value)}: ${status} ${text}`)
        }
      }
      assert.equal((await owner.get('/health')).status, 200)
    })
  }
})

describe('an answer', () => {
  const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
  const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([1-8])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  /** Ids that clients choose. */
  const CHOSEN = ['/api/conversations', 'conversation_id', 'session_id']

  for (const operation of operations.filter(({ method }) => method === 'GET')) {
    it(`is what the document says, with times and ids as they should be: ${operation.path}`, async () => {
      const answer = await call(operation)
      const content = told(operation).responses[answer.status]?.content
      assert.ok(content, `${answer.status} is not in the document: ${answer.text.slice(0, 200)}`)
      const type = answer.headers.get('content-type')!.split(';')[0]!
      assert.ok(type in content || 'application/octet-stream' in content, type)
      if (operation.path.startsWith('/api/') && type === 'application/json')
        assert.equal(answer.headers.get('cache-control'), 'no-store')
      if (type !== 'application/json') return
      assert.deepEqual(schemaErrors(document, content[type].schema, answer.body), [], answer.text.slice(0, 1000))
      for (const [path, value] of leaves(answer.body, operation.path)) {
        const name = path.split('.').at(-1)!
        if (/_at$|^timestamp$/.test(name) && value !== null) assert.match(String(value), MOMENT, path)
        if (
          !/^id$|_id$/.test(name) ||
          typeof value !== 'string' ||
          /\/(models|doctor|backups\.items)|\.data\.|(authserv|chat)_id$/.test(path)
        )
          continue
        const version = UUID.exec(value.replace(/:answer$/, ''))?.[1]
        assert.ok(version, `${path} is ${value}`)
        if (!CHOSEN.some((chosen) => path.includes(chosen))) assert.equal(version, '7', `${path} is ${value}`)
      }
    })
  }
})

function leaves(value: unknown, path: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path, value]]
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}.${name}`))
}

describe('the names of operations', () => {
  it('are those of the endpoints', () => {
    for (const definition of endpoints) {
      const { operationId } = document.paths[definition.path][definition.method]
      assert.ok([true, false].some((isList) => operationName(definition, isList) === operationId))
    }
  })
})
