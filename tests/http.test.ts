import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { makeKey, startSteward, type Answer, type Client, type Steward } from './steward.ts'

/** The house rules of HTTP: bodies, errors, headers, pages, and requests that come twice. */

let steward: Steward
let owner: Client

before(async () => {
  steward = await startSteward()
  owner = steward.owner
})
after(() => steward[Symbol.asyncDispose]())

function refused(answer: Answer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body.code], [status, code], answer.text.slice(0, 300))
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  assert.deepEqual(
    Object.keys(answer.body).filter((name) => !['error', 'code', 'detail'].includes(name)),
    [],
  )
  assert.match(answer.body.error, /^\S.*[.]$/, 'one sentence')
  assert.doesNotMatch(answer.text, /\bat .+:\d+:\d+|node_modules|\.ts\b|SQLITE/, 'no inner workings')
}

/** A request whose path goes out letter by letter. */
function raw(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  const { port } = new URL(steward.url)
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let text = ''
      response.on('data', (chunk) => (text += String(chunk)))
      response.on('end', () => {
        const known = new Headers(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
        resolve({ status: response.statusCode!, text, headers: known, body: json(text) })
      })
    })
    call.on('error', reject).end()
  })
}

function json(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

describe('a body', () => {
  const send = (content: string | Buffer, headers: Record<string, string> = {}) =>
    owner.post('/api/credentials', undefined, { raw: content, headers })

  for (const content of [
    '{',
    '{"key": "a", }',
    "{'key': 1}",
    'key=a',
    '{"key":"a"}{"key":"b"}',
    '\u0000',
    '[1,',
    'undefined',
  ]) {
    it(`that is not JSON is 400: ${JSON.stringify(content)}`, async () => {
      refused(await send(content), 400, 'invalid')
    })
  }

  for (const content of ['null', '[]', '"text"', '7', 'true', '{}', '']) {
    it(`that is JSON, but no such object, is 400: ${content || 'nothing'}`, async () => {
      refused(await send(content), 400, 'invalid')
    })
  }

  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonp',
  ]) {
    it(`of the type ${type} is 415`, async () => {
      refused(await send('{"key":"a","value":"b"}', { 'content-type': type }), 415, 'unsupported_media_type')
    })
  }

  it('with a character set or an encoding that nobody here reads is 415', async () => {
    refused(await send('{}', { 'content-type': 'application/json; charset=klingon' }), 415, 'unsupported_media_type')
    refused(await send('{}', { 'content-encoding': 'rot13' }), 415, 'unsupported_media_type')
  })

  it('that says it is compressed and is not is 400', async () => {
    refused(await send('{}', { 'content-encoding': 'gzip' }), 400, 'invalid')
  })

  it('of 30 MiB is 413, and the server goes on', async () => {
    const text = `{"key":"big","value":"${'x'.repeat(30 * 1024 * 1024)}"}`
    refused(await send(text), 413, 'too_large')
    refused(await owner.post('/api/auth/login', undefined, { raw: text }), 413, 'too_large')
    assert.equal((await owner.get('/health')).status, 200)
  })

  it('of a stranger is not read at all', async () => {
    refused(
      await steward.anybody().post('/api/credentials', undefined, { raw: 'x'.repeat(5_000_000) }),
      401,
      'unauthorized',
    )
  })

  it('with fields that are unknown is 400 with their names', async () => {
    const answer = await owner.post('/api/credentials', { key: 'a', value: 'b', sealed: 'c' })
    refused(answer, 400, 'invalid')
    assert.equal(answer.body.detail[0].path, 'sealed')
    const { body } = await owner.post('/api/api-keys', { name: 'x', scopes: ['read', 'all'], admin: true, root: true })
    assert.deepEqual(
      body.detail.map(({ path }: { path: string }) => path),
      ['scopes.1', 'admin, root'],
    )
    for (const { message } of body.detail) assert.ok(message.length > 3)
  })

  it('cannot reach the prototypes of things', async () => {
    for (const content of [
      '{"__proto__":{"role":"admin"},"key":"p","value":"v"}',
      '{"constructor":{},"key":"p","value":"v"}',
    ]) {
      assert.ok([200, 400].includes((await send(content)).status))
    }
    assert.equal((await steward.anybody().get('/api/auth/me')).status, 401)
  })
})

describe('a fault of our own', () => {
  it('is a 500 that says nothing, and a line in the log that says everything', async () => {
    await using broken = await startSteward()
    const db = new Database(join(broken.dataDir, 'steward.sqlite'))
    db.exec('ALTER TABLE web_whitelist RENAME TO gone')
    db.close()
    const answer = await broken.owner.get('/api/web-whitelist')
    refused(answer, 500, 'internal')
    assert.ok(!answer.text.includes('web_whitelist') && !('detail' in answer.body))
    assert.match(broken.output(), /"msg":"request failed"/)
    assert.match(broken.output(), /no such table: web_whitelist/)
    assert.equal((await broken.anybody().get('/health')).status, 200)
  })
})

describe('a query', () => {
  for (const query of [
    'page=0',
    'page=x',
    'per_page=201',
    'per_page=-1',
    'start=yesterday',
    'page=1&page=2',
    'confirmed_only=perhaps',
  ]) {
    it(`that is wrong is 400 with the field: ${query}`, async () => {
      const answer = await owner.get(`/api/audit?${query}`)
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, query.split('=')[0])
    })
  }
})

describe('a path', () => {
  for (const path of [
    '/api',
    '/api/',
    '/api/nothing',
    '/api/credentials/a/b',
    '/api/auth',
    '/API/nothing',
    '/api/../etc/passwd',
    '/api//auth/me',
  ]) {
    for (const method of ['GET', 'POST', 'DELETE']) {
      it(`under /api that is unknown is a 404 in JSON: ${method} ${path}`, async () => {
        const answer = await raw(path, method, { accept: 'text/html', cookie: owner.cookie })
        refused(answer, 404, 'not_found')
      })
    }
  }

  for (const path of ['/api/credentials/%', '/api/web-whitelist/%E0%A4%A', '/%', '/chat/%c0%af']) {
    it(`with a malformed escape is 400: ${path}`, async () => {
      refused(await raw(path, 'GET', { cookie: owner.cookie, accept: 'text/html' }), 400, 'invalid')
    })
  }

  it('leads to nothing outside of what is served', async () => {
    for (const path of [
      '/assets/../../package.json',
      '/assets/..%2f..%2fpackage.json',
      '/docs/..%2f..%2f..%2fpackage.json',
      '/%2e%2e/%2e%2e/package.json',
      '/docs/..%5c..%5cpackage.json',
    ]) {
      const { text, status } = await raw(path)
      assert.ok(!text.includes('better-sqlite3'), path)
      assert.ok([200, 400, 403, 404].includes(status), `${path} ${status}`)
    }
  })

  it('of a socket or hook is a 404 in JSON over plain HTTP', async () => {
    for (const path of ['/ws/x', '/hooks/x', '/ws', '/hooks']) {
      for (const method of ['GET', 'POST']) refused(await raw(path, method, { accept: 'text/html' }), 404, 'not_found')
    }
  })

  it('does not repeat its query in an error', async () => {
    assert.ok(!(await owner.get('/api/nothing?key=hidden')).text.includes('hidden'))
  })
})

describe('an Idempotency-Key', () => {
  let count = 0
  const key = () => ({ headers: { 'Idempotency-Key': `key-${++count}` } })
  const add = (domain: string, options: ReturnType<typeof key>, client = owner) =>
    client.post('/api/web-whitelist', { domain }, options)
  const listed = async () => (await owner.get('/api/web-whitelist')).body.length as number

  it('gets the stored answer again, and the thing is created once', async () => {
    const before = await listed()
    const options = key()
    const first = await add('once.example', options)
    const again = await add('once.example', options)
    assert.deepEqual([again.status, again.body], [first.status, first.body])
    assert.equal(await listed(), before + 1)
    refused(await add('once.example', key()), 409, 'conflict')
  })

  it('creates once also when both come together', async () => {
    const options = key()
    const answers = await Promise.all([1, 2, 3, 4].map(() => add('together.example', options)))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200],
    )
  })

  it('is refused for another body or another route', async () => {
    const options = key()
    await add('first.example', options)
    refused(await add('second.example', options), 409, 'conflict')
    refused(await owner.post('/api/credentials', { key: 'k', value: 'v' }, options), 409, 'conflict')
  })

  it('does not remember what failed', async () => {
    const options = key()
    await add('taken.example', key())
    refused(await add('taken.example', options), 409, 'conflict')
    await owner.delete('/api/web-whitelist/taken.example')
    assert.equal((await add('taken.example', options)).status, 200)
  })

  it('does not show a secret twice: the repeat says which one was made', async () => {
    const options = key()
    const body = { name: 'twice', scopes: ['read'] }
    const first = await owner.post('/api/api-keys', body, options)
    const again = await owner.post('/api/api-keys', body, options)
    refused(again, 409, 'conflict')
    assert.deepEqual(again.body.detail, { id: first.body.id })
    const { items } = (await owner.get('/api/api-keys')).body
    assert.equal(items.filter(({ name }: { name: string }) => name === 'twice').length, 1)
  })

  it('that is empty or endless is 400', async () => {
    for (const value of ['', 'x'.repeat(256)]) {
      refused(await add('any.example', { headers: { 'Idempotency-Key': value } }), 400, 'invalid')
    }
  })

  it('is nothing to who may not create', async () => {
    const options = key()
    await add('mine.example', options)
    refused(await add('mine.example', options, steward.anybody()), 401, 'unauthorized')
    refused(await add('mine.example', options, steward.anybody(await makeKey(owner, ['read']))), 403, 'forbidden')
  })
})

describe('every answer', () => {
  const CSP =
    "default-src 'self';img-src 'self' data: blob:;connect-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'"

  for (const path of [
    '/',
    '/health',
    '/docs',
    '/openapi.json',
    '/api/setup',
    '/api/nothing',
    '/assets/nothing.js',
    '/%',
  ]) {
    it(`carries the headers that keep a page to itself: ${path}`, async () => {
      const { headers } = await raw(path, 'GET', { accept: '*/*' })
      assert.equal(headers.get('content-security-policy'), CSP)
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('x-frame-options'), 'DENY')
      assert.equal(headers.get('referrer-policy'), 'no-referrer')
      assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin')
      for (const name of ['x-powered-by', 'server', 'access-control-allow-origin', 'strict-transport-security']) {
        assert.equal(headers.get(name), null, name)
      }
    })
  }

  it('of the API is kept by no cache', async () => {
    for (const path of ['/api/setup', '/api/auth/me', '/api/nothing']) {
      assert.equal((await owner.get(path)).headers.get('cache-control'), 'no-store')
    }
  })

  it('to a stranger says where to begin, and no more', async () => {
    const answer = await steward.anybody().get('/api/credentials')
    refused(answer, 401, 'unauthorized')
    assert.equal(answer.body.error, 'Sign in first.')
  })
})

describe('the page', () => {
  const PAGES =
    '/ /chat/019a9d2e-7c1a-7000-8000-000000000001 /chats /agents /agents/x /tasks /approvals /runs/x /files /models /usage ' +
    '/audit /settings /settings/credentials /help /login /setup /setup?token=x /admin/users /something.else'

  for (const path of PAGES.split(' ')) {
    it(`is served for ${path}`, async () => {
      const { status, headers, text } = await raw(path, 'GET', { accept: 'text/html,*/*' })
      assert.equal(status, 200)
      assert.match(headers.get('content-type')!, /^text\/html; charset=utf-8$/i)
      assert.match(text, /<script[^>]+src="\/assets\/main-[A-Z0-9]+\.js"/)
      assert.equal(headers.get('cache-control'), 'no-cache')
    })
  }

  it('names only files that are there, to be kept for ever', async () => {
    const { text } = await owner.get('/')
    const files = [...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]!)
    assert.ok(files.length > 3)
    for (const file of files) {
      const { status, headers } = await owner.get(file)
      assert.equal(status, 200, file)
      if (file.startsWith('/assets/')) assert.match(headers.get('cache-control')!, /max-age=31536000, immutable/)
    }
  })

  it('is not what a program gets that asks for something else', async () => {
    refused(await raw('/nothing', 'GET', { accept: 'application/json' }), 404, 'not_found')
    refused(await raw('/nothing', 'POST'), 404, 'not_found')
    refused(await raw('/assets/nothing.js'), 404, 'not_found')
    refused(await raw('/docs/nothing.js'), 404, 'not_found')
  })

  it('and the documentation hold nothing inline and nothing from elsewhere', async () => {
    for (const path of ['/', '/docs']) {
      const { text, status } = await raw(path, 'GET', { accept: 'text/html' })
      assert.equal(status, 200)
      assert.doesNotMatch(text, /(src|href|action)="(https?:)?\/\//i)
      assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=/i)
      const files = [...text.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map((match) => match[1]!)
      for (const file of files) assert.equal((await owner.get(file)).status, 200, file)
    }
  })
})

describe('health', () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'))

  it('is there for anybody, with the version', async () => {
    for (const path of ['/health', '/health/live']) {
      const { status, body } = await steward.anybody().get(path)
      assert.deepEqual([status, body], [200, { status: 'ok', version }])
    }
    assert.equal((await raw('/health', 'HEAD')).status, 200)
  })

  it('says on /ready what is in order, and what the owner should know', async () => {
    for (const path of ['/ready', '/health/ready']) {
      const { status, body } = await steward.anybody().get(path)
      assert.equal(status, 200)
      assert.deepEqual(Object.keys(body), ['status', 'checks', 'warnings', 'issues'])
      for (const name of ['database', 'vault', 'schema', 'disk']) assert.equal(body.checks[name], 'ok', name)
      assert.equal(body.status, 'ok')
      assert.match(body.warnings.join(), /No model provider is set up/)
      assert.deepEqual(body.issues, [])
    }
  })
})
