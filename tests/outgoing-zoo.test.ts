import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Verdict } from '../services/agent/tool.ts'
import { AppError } from '../services/errors.ts'
import { createOutgoing, type Answer } from '../services/outgoing/client.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { fetchPage, resultsIn, say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { startNameServer, type Answer as Told, type NameServer } from './peers/name-server.ts'
import { BOMBS, HOLLOW, never, says, startZoo, writes, type Animal, type Zoo } from './peers/zoo.ts'

/** The guarded client between a name server that lies and servers that misbehave: whatever they do, it is bounded. */

const ALLOW: Verdict = { decision: 'allow', rule: '7', reason: '' }
/** Counts as public, and is routed nowhere. */
const NOWHERE = '192.0.1.1'
const MIB = 1024 * 1024
const DEADLINE_MS = 1_500

let names: NameServer
let zoo: Zoo

before(async () => {
  names = await startNameServer()
  zoo = await startZoo()
})
after(async () => {
  await names[Symbol.asyncDispose]()
  await zoo[Symbol.asyncDispose]()
})
beforeEach(() => void (zoo.seen.length = 0))

/** Gets an address; `zoo.example` may be reached although it is here, and nothing else that is. */
async function get(url: string, deadlineMs = DEADLINE_MS): Promise<Answer> {
  names.tell('zoo.example', ['127.0.0.1'])
  const allowedPrivateHosts = new Set([`zoo.example:${zoo.port}`])
  const outgoing = createOutgoing({ allowedPrivateHosts, version: '9', lookup: names.lookup, deadlineMs })
  try {
    return await outgoing.get(url, { signal: new AbortController().signal, decideHop: () => ALLOW })
  } finally {
    await outgoing.close()
  }
}

const at = (path: string): string => `http://zoo.example:${zoo.port}${path}`

async function fails(promise: Promise<unknown>, code: string, words: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof AppError, String(error))
    assert.match(error.code, new RegExp(`^${code}$`), error.message)
    assert.match(error.message, words)
    return true
  })
}

describe('the name server', () => {
  const PRIVATE = [
    '127.0.0.1', '10.0.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '100.100.100.200', '0.0.0.0',
    '224.0.0.1', '255.255.255.255', '::1', '::', '::ffff:127.0.0.1', '::ffff:a9fe:a9fe', '::127.0.0.1', '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe', '64:ff9b:1::1', '2002:7f00:1::', '2002:a9fe:a9fe::', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1',
    '2001:db8::1',
  ] // prettier-ignore
  for (const address of PRIVATE) {
    it(`that says ${address} is not followed there`, async () => {
      names.tell('animal.example', [address])
      await fails(get(`http://animal.example:${zoo.port}/`), 'forbidden', /animal\.example is a private address/)
      assert.deepEqual(zoo.seen, [])
    })
  }

  const mixed: [string, Told][] = [
    ['in the first place', ['127.0.0.1', NOWHERE]],
    ['in the last place', [NOWHERE, '127.0.0.1']],
    ['in the other family', [NOWHERE, '::1']],
    ['mapped, among many', [NOWHERE, ...Array.from({ length: 8 }, (_, n) => `192.0.1.${n + 2}`), '::ffff:127.0.0.1']],
    ['behind an alias', { alias: 'inside.example', addresses: ['127.0.0.1', NOWHERE] }],
  ]
  for (const [where, answer] of mixed) {
    it(`that names a private address ${where} does not get there by it`, async () => {
      names.tell('mixed.example', answer)
      await fails(get(`http://mixed.example:${zoo.port}/`, 400), 'upstream_failed', /mixed\.example/)
      assert.deepEqual(zoo.seen, [])
    })
  }

  it('that says something else the second time is asked once for each request, and its second answer checked too', async () => {
    names.tell('rebind.example', [NOWHERE], ['127.0.0.1'])
    const url = `http://rebind.example:${zoo.port}/`
    await fails(get(url, 400), 'upstream_failed', /rebind\.example/)
    assert.equal(names.asked('rebind.example'), 1)
    await fails(get(url), 'forbidden', /private/)
    assert.deepEqual(zoo.seen, [])
  })

  it('that says something else after a redirect is not followed either', async () => {
    names.tell('rebind.example', ['127.0.0.1'])
    for (const to of [`http://rebind.example:${zoo.port}/secret`, `//rebind.example:${zoo.port}/secret`]) {
      zoo.keep('/away', says('302 Found', { location: to }))
      await fails(get(at('/away')), 'forbidden', /rebind\.example is a private/)
    }
    assert.deepEqual(zoo.seen, ['/away', '/away'])
  })

  for (const [answer, words] of [
    ['no such name', /No server has the name gone\.example/],
    ['failed', /gone\.example/],
    ['silence', /gone\.example/],
    [[], /No server has the name gone\.example/],
  ] as [Told, RegExp][]) {
    it(`that answers with ${JSON.stringify(answer)} is a sentence`, async () => {
      names.tell('gone.example', answer)
      await fails(get('http://gone.example/'), 'upstream_failed', words)
    })
  }

  it('is never asked about what is an address in some spelling, or a local name', async () => {
    const spellings = [
      '127.0.0.1', '127.0.0.1.', '127.1', '0x7f.1', '0177.0.0.1', '0x7f000001', '017700000001', '2130706433', '１２７.０.０.１',
      '①②⑦.⓪.⓪.①', '127。0。0。1', '%31%32%37.0.0.1', '0', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]',
      '[0:0:0:0:0:ffff:127.0.0.1]', '[64:ff9b::127.0.0.1]', '[2002:7f00:0001::]', '169.254.169.254', '0xa9fea9fe', '2852039166',
      '[fd00:ec2::254]', '[fe80::1]', '100.64.0.1', 'localhost', 'localhost.', 'LOCALHOST', 'a.localhost', 'ｌｏｃａｌｈｏｓｔ',
      'metadata', 'metadata.google.internal', 'nas.local', 'nas.local.', 'router.home.arpa',
    ] // prettier-ignore
    for (const host of spellings) {
      await fails(get(`http://${host}:${zoo.port}/`), 'forbidden', /private address/)
      assert.equal(names.asked(host.toLowerCase()), 0, host)
    }
    assert.deepEqual(zoo.seen, [])
  })

  it('is not asked about what is no web address at all', async () => {
    const port = zoo.port
    for (const url of [
      `http://zoo.example@127.0.0.1:${port}/`,
      `http://zoo.example:${port}@127.0.0.1/`,
      `http://:@127.0.0.1:${port}/`,
      'file:///etc/passwd',
      'ftp://127.0.0.1/',
      'data:text/html,x',
      'javascript:alert(1)',
      'blob:http://127.0.0.1/x',
      'ws://127.0.0.1/',
      'gopher://127.0.0.1:70/',
      'http://',
      'http://[::1',
      'http://[fe80::1%25eth0]/',
      'http://127.0.0.1:99999/',
      '//127.0.0.1/',
      'unix:/var/run/docker.sock',
    ]) {
      // prettier-ignore
      if (url.startsWith('http://:@')) await fails(get(url), 'forbidden', /private/)
      else await fails(get(url), 'invalid', /Only http and https/)
    }
    for (const url of [
      `http:127.0.0.1:${port}/`,
      `http:\\\\127.0.0.1:${port}/`,
      `http://127.0.0.1:${port}\\@zoo.example/`,
      `http://127.0.0.1:${port}#@zoo.example/`,
      ` http://127.0.0.1:${port}/ `,
      `ht\ntp://127.0.\t0.1:${port}/`,
    ])
      // prettier-ignore
      await fails(get(url), 'forbidden', /127\.0\.0\.1 is a private address/)
    assert.deepEqual(zoo.seen, [])
  })
})

describe('a redirect', () => {
  for (const to of [
    'file:///etc/passwd',
    'ftp://zoo.example/',
    'data:text/html,<p>x',
    'javascript:alert(1)',
    'gopher://127.0.0.1/',
    'http://me:secret@zoo.example/',
    'http://',
    'http://[::1',
    'blob:http://127.0.0.1/x',
    `http://zoo.example/${'a'.repeat(5_000)}`,
  ]) {
    // prettier-ignore
    it(`to ${to.slice(0, 40)} is none`, async () => {
      zoo.keep('/away', says('302 Found', { location: to }))
      await fails(get(at('/away')), 'upstream_failed', /no web address/)
    })
  }

  for (const to of [
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/',
    'http://0xa9fea9fe/',
    '//127.0.0.1/',
    '\\\\127.0.0.1\\x',
    'http:/\\127.0.0.1/',
    'http://metadata.google.internal/',
    'http://localhost./',
    'http://[::ffff:169.254.169.254]/',
    'https://192.168.0.1/',
    'HTTP://127.0.0.1:80/',
  ]) {
    // prettier-ignore
    it(`to ${to} is refused though the policy would allow it`, async () => {
      for (const status of ['301 Moved', '302 Found', '303 See', '307 Temporary', '308 Permanent']) {
        zoo.keep('/away', says(status, { location: to }))
        await fails(get(at('/away')), 'forbidden', /private/)
      }
    })
  }

  it('from one to the other and back ends after five', async () => {
    zoo.keep('/ping', says('302 Found', { location: '/pong' }))
    zoo.keep('/pong', says('302 Found', { location: '/ping' }))
    await fails(get(at('/ping')), 'upstream_failed', /more than 5/)
    assert.equal(zoo.seen.length, 6)
  })

  it('with an endless body is left without reading it', async () => {
    zoo.keep('/away', never('HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n', Buffer.alloc(65_536, 'a')))
    zoo.keep('/there', says('200 OK', {}, 'here'))
    assert.equal((await get(at('/away'))).body.toString(), 'here')
  })

  it('with two places goes to the first', async () => {
    zoo.keep('/away', writes('HTTP/1.1 302 Found\r\nLocation: /there\r\nLocation: http://169.254.169.254/\r\n\r\n'))
    zoo.keep('/there', says('200 OK', {}, 'here'))
    assert.equal((await get(at('/away'))).url, at('/there'))
  })
})

describe('an answer', () => {
  for (const [encoding, bomb] of Object.entries(BOMBS)) {
    it(`that is a bomb (${encoding}) is cut at 5 MiB`, async () => {
      zoo.keep('/', says('200 OK', { 'content-encoding': encoding }, bomb))
      const { body, truncated } = await get(at('/'), 20_000)
      assert.deepEqual([body.length, truncated], [5 * MIB, true])
    })
  }

  for (const [encoding, { head, piece }] of Object.entries(HOLLOW)) {
    it(`that is packed without end and holds nothing (${encoding}) is cut at 5 MiB on the wire`, async () => {
      zoo.keep('/', never(`HTTP/1.1 200 OK\r\nContent-Encoding: ${encoding}\r\n\r\n${head}`, piece))
      const { body, truncated } = await get(at('/'), 20_000)
      assert.deepEqual([body.length, truncated], [0, true])
    })
  }

  it('in chunks without end is cut at 5 MiB', async () => {
    const chunk = Buffer.from(`10000\r\n${'a'.repeat(65_536)}\r\n`)
    zoo.keep('/', never('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', chunk))
    const { body, truncated } = await get(at('/'), 20_000)
    assert.deepEqual([body.length, truncated], [5 * MIB, true])
  })

  const slow: [string, Animal][] = [
    ['says nothing', () => {}],
    ['begins and says no more', (socket) => void socket.write('HTTP/1.1 200 OK\r\n')],
    ['brings its headers byte by byte', never('HTTP/1.1 200 OK\r\nX: ', 'a', 20)],
    ['brings its body byte by byte', never('HTTP/1.1 200 OK\r\n\r\n', 'a', 20)],
    [
      'brings its chunks byte by byte',
      never('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\na\r\n', 20),
    ],
    ['says 100 Continue without end', never('', 'HTTP/1.1 100 Continue\r\n\r\n', 5)],
    ['says 103 Early Hints without end, fast', never('', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(500))],
    [
      'has chunk extensions without end',
      never('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;', 'a=b;'.repeat(10_000)),
    ],
    ['redirects slowly', never('HTTP/1.1 302 Found\r\nLocation: /', 'a', 20)],
  ]
  for (const [what, animal] of slow) {
    it(`that ${what} ends at the deadline, if not before`, async () => {
      zoo.keep('/', animal)
      await fails(get(at('/'), 300), '(upstream_failed|too_large)', /zoo\.example/)
    })
  }

  const odd: [string, string, RegExp][] = [
    ['with headers without end', `HTTP/1.1 200 OK\r\n${'X-Many: of them\r\n'.repeat(20_000)}\r\n`, /oversized|broke off/],
    ['with one header without end', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(200_000)}\r\n\r\n`, /oversized|broke off/],
    ['that is shorter than it says', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort', /broke off/],
    ['that ends within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nshort', /broke off/],
    ['with two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde', /web server|broke off/],
    ['with a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', /web server|broke off/],
    ['with a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', /web server|broke off/],
    ['with a null byte in a header', 'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n', /web server|broke off/],
    ['that switches protocols', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', /zoo\.example/],
    ['of HTTP/0.9', '<p>Hello</p>', /web server/],
    ['of HTTP/2', 'HTTP/2 200 OK\r\n\r\n', /web server/],
    ['that is nothing', '', /broke off/],
    ['of another protocol', '220 mail.example ESMTP\r\n', /web server/],
  ] // prettier-ignore
  for (const [what, bytes, words] of odd) {
    it(`${what} is a sentence`, async () => {
      zoo.keep('/', writes(bytes))
      await fails(get(at('/')), '(upstream_failed|too_large)', words)
    })
  }

  const fine: [string, string, string][] = [
    ['of HTTP/1.0 without a length', 'HTTP/1.0 200 OK\r\n\r\nold', 'old'],
    ['longer than it says', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nold and more', 'old'],
    ['after some hints', 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold', 'old'],
    ['without a word for its status', 'HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nold', 'old'],
  ]
  for (const [what, bytes, text] of fine) {
    it(`${what} is read as browsers read it, and no further`, async () => {
      zoo.keep('/', writes(bytes))
      assert.equal((await get(at('/'))).body.toString(), text)
    })
  }
})

describe('the whole house, with a model that does as the attacker says', () => {
  let api: ModelApi
  let steward: InsideSteward
  before(async () => {
    api = await startModelApi()
    const env = { ...api.env, LOG_LEVEL: 'silent', ALLOWED_PRIVATE_HOSTS: `zoo.example:${zoo.port}` }
    steward = await startInside(env, { edge: { lookup: names.lookup, deadlineMs: 700 } })
    names.tell('zoo.example', ['127.0.0.1'])
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
  })

  /** The owner types the address, so that the policy allows it; what the model is told of it. */
  async function told(url: string): Promise<string> {
    api.answer(fetchPage(url), say('The end.'))
    const chat = await steward.owner.chat(randomUUID())
    const { type } = await chat.ask(`Please read ${url}`)
    await chat.close()
    assert.equal(type, 'done')
    return resultsIn(api.requests[1])[0]!.text
  }

  it('reads a page whose name is known to the name server', async () => {
    zoo.keep('/hello', says('200 OK', { 'content-type': 'text/plain' }, 'Hello from the zoo.'))
    assert.match(await told(at('/hello')), /Hello from the zoo\./)
  })

  it('does not reach inside, whatever the name server or a redirect says', async () => {
    names.tell('rebind.example', [NOWHERE], ['127.0.0.1'])
    assert.doesNotMatch(await told(`http://rebind.example:${zoo.port}/secret`), /Hello/)
    assert.match(await told(`http://rebind.example:${zoo.port}/secret`), /private address/)
    zoo.keep('/away', says('302 Found', { location: 'http://169.254.169.254/latest/' }))
    assert.match(await told(at('/away')), /169\.254\.169\.254/)
    assert.deepEqual(zoo.seen, ['/away'])
  })

  it('goes on after a bomb, an endless page and a server that never ends', async () => {
    zoo.keep('/bomb', says('200 OK', { 'content-type': 'text/plain', 'content-encoding': 'gzip' }, BOMBS.gzip))
    zoo.keep('/slow', never('HTTP/1.1 200 OK\r\n\r\n', 'a', 20))
    await told(at('/bomb'))
    assert.match(await told(at('/slow')), /did not finish its answer within 0\.7 seconds/)
    assert.match(await told(at('/hello')), /Hello from the zoo\./)
  })
})
