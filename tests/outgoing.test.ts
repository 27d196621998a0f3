import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { brotliCompressSync, createGzip, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Verdict } from '../services/agent/tool.ts'
import { AppError, type ErrorCode } from '../services/errors.ts'
import { isInside, isPublicAddress, ownNetworks } from '../services/outgoing/ranges.ts'
import { createOutgoing, type Answer } from '../services/outgoing/client.ts'
import { decodeText, mediaTypeOf } from '../services/outgoing/text.ts'
import { isPrivateLiteral, normaliseUrl } from '../services/outgoing/addresses.ts'

const ALLOW: Verdict = { decision: 'allow', rule: '7', reason: '' }
const ASK: Verdict = { decision: 'ask', rule: '7', reason: 'not yet' }
/** Counts as public, and is routed nowhere. */
const NOWHERE = '192.0.1.1'
const MIB = 1024 * 1024

type Handler = (request: IncomingMessage, response: ServerResponse) => void

let server: Server
let port: number
let hits: string[] = []
let pages: Record<string, Handler> = {}

before(async () => {
  server = createServer((request, response) => {
    hits.push(request.url!)
    const page = pages[new URL(request.url!, 'http://zoo').pathname]
    if (page) page(request, response)
    else response.writeHead(404).end('nothing here')
  })
  port = await listening(server, '127.0.0.1')
})

after(() => {
  server.closeAllConnections()
  server.close()
})

async function listening(at: Server | TcpServer, host: string): Promise<number> {
  await new Promise<void>((resolve) => at.listen(0, host, resolve))
  return (at.address() as AddressInfo).port
}

/** A client that may reach the zoo under 127.0.0.1 and nothing else, unless told otherwise. */
function client(options: Partial<Parameters<typeof createOutgoing>[0]> = {}) {
  return createOutgoing({ allowedPrivateHosts: new Set([`127.0.0.1:${port}`]), version: '9', ...options })
}

type Zoo = { options?: Parameters<typeof client>[0]; decideHop?: (url: string) => Verdict; maxBytes?: number }

async function get(url: string, { options = {}, decideHop = () => ALLOW, maxBytes }: Zoo = {}): Promise<Answer> {
  const outgoing = client(options)
  hits = []
  try {
    const limit = maxBytes === undefined ? {} : { maxBytes }
    return await outgoing.get(url, { signal: new AbortController().signal, decideHop, ...limit })
  } finally {
    await outgoing.close()
  }
}

const here = (path: string): string => `http://127.0.0.1:${port}${path}`

async function refused(promise: Promise<unknown>, code: ErrorCode, words: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof AppError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, words)
    return true
  })
}

describe('the guarded HTTP client: who may be reached', () => {
  const spellings = [
    '127.0.0.1', '0x7f.1', '2130706433', '0177.0.0.1', '127.1', '0', '0.0.0.0', '[::1]', '[::]', '[::ffff:127.0.0.1]',
    '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[::ffff:0:127.0.0.1]', 'localhost', 'LOCALHOST.',
  ] // prettier-ignore
  for (const host of spellings) {
    it(`refuses loopback spelled ${host}`, async () => {
      pages = { '/': (_, response) => response.end('secret') }
      await refused(
        get(`http://${host}:${port}/`, { options: { allowedPrivateHosts: new Set() } }),
        'forbidden',
        /private address/,
      )
      assert.deepEqual(hits, [])
    })
  }

  for (const host of ['169.254.169.254', '100.100.100.200', '[fd00:ec2::254]', '168.63.129.16', '10.0.0.1']) {
    it(`refuses the metadata or private address ${host}`, () => refused(get(`http://${host}/`), 'forbidden', /private/))
  }

  it('reaches a loopback service whose host and port are opened', async () => {
    pages = { '/': (_, response) => response.end('nas') }
    assert.equal((await get(here('/'))).body.toString(), 'nas')
  })

  it('reaches an opened IPv6 service', async () => {
    const nas = createServer((_, response) => response.end('six'))
    const nasPort = await listening(nas, '::1')
    const options = { allowedPrivateHosts: new Set([`[::1]:${nasPort}`]) }
    assert.equal((await get(`http://[0:0::1]:${nasPort}/`, { options })).body.toString(), 'six')
    nas.close()
  })

  it('opens a host under the name it was opened by, and at no other port', async () => {
    pages = { '/': (_, response) => response.end('nas') }
    const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
    const options = { allowedPrivateHosts: new Set([`NAS.lan:${port}`]), lookup }
    assert.equal((await get(`http://nas.lan:${port}/`, { options })).body.toString(), 'nas')
    await refused(get(here('/'), { options }), 'forbidden', /private/)
    await refused(get(`http://nas.lan:${port + 1}/`, { options }), 'forbidden', /private/)
  })

  it('refuses a public-looking name that resolves to loopback', async () => {
    const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
    await refused(
      get(`http://rebind.example:${port}/`, { options: { lookup } }),
      'forbidden',
      /rebind\.example is a private/,
    )
    assert.deepEqual(hits, [])
  })

  it('drops the private half of a mixed answer', async () => {
    const lookup = async () => [{ address: '127.0.0.1', family: 4 }, { address: NOWHERE, family: 4 }] // prettier-ignore
    const options = { lookup, deadlineMs: 300 }
    await refused(get(`http://mixed.example:${port}/`, { options }), 'upstream_failed', /mixed\.example/)
    assert.deepEqual(hits, [])
  })

  it('asks the name server once and connects to that answer only', async () => {
    const answers = [NOWHERE, '127.0.0.1']
    let asked = 0
    const lookup = async () => [{ address: answers[asked++]!, family: 4 }]
    await refused(
      get(`http://rebind.example:${port}/`, { options: { lookup, deadlineMs: 300 } }),
      'upstream_failed',
      /./,
    )
    assert.equal(asked, 1)
    assert.deepEqual(hits, [])
  })

  for (const url of [
    'file:///etc/passwd',
    'ftp://example.org/',
    'http://me:secret@example.org/',
    'nonsense',
    'data:,x',
  ]) {
    it(`refuses ${url} as an address`, () => refused(get(url), 'invalid', /http and https/))
  }
})

describe('the guarded HTTP client: redirects', () => {
  const redirect =
    (location: string): Handler =>
    (_, response) =>
      response.writeHead(302, { location }).end('x')

  it('follows what is allowed, tells the final address, and shows every hop to the policy', async () => {
    pages = { '/a': redirect('/b?x=1'), '/b': redirect(here('/c')), '/c': (_, response) => response.end('here') }
    const asked: string[] = []
    const answer = await get(here('/a'), { decideHop: (url) => (asked.push(url), ALLOW) })
    assert.equal(answer.url, here('/c'))
    assert.equal(answer.body.toString(), 'here')
    assert.deepEqual(asked, [here('/b?x=1'), here('/c')])
  })

  it('stops at a hop that is not allowed and hands it back', async () => {
    pages = { '/a': redirect('https://example.org/x y') }
    const answer = await get(here('/a'), { decideHop: () => ASK })
    assert.deepEqual(answer.redirect, { to: 'https://example.org/x%20y', verdict: ASK })
    assert.deepEqual(hits, ['/a'])
  })

  for (const location of ['http://169.254.169.254/latest/', 'http://10.1.2.3/', 'http://[::1]/', 'http://localhost/']) {
    it(`refuses a redirect to ${location} even when the policy would allow it`, async () => {
      pages = { '/a': redirect(location) }
      await refused(get(here('/a')), 'forbidden', /private/)
    })
  }

  for (const location of ['file:///etc/passwd', 'gopher://x/', 'http://u:p@example.org/', 'javascript:alert(1)']) {
    it(`refuses a redirect to ${location}`, async () => {
      pages = { '/a': redirect(location) }
      await refused(get(here('/a')), 'upstream_failed', /no web address/)
    })
  }

  it('follows five redirects and not six', async () => {
    const chain = (length: number) =>
      Object.fromEntries(Array.from({ length }, (_, i) => [`/${i}`, redirect(`/${i + 1}`)]))
    pages = { ...chain(5), '/5': (_, response) => response.end('far') }
    assert.equal((await get(here('/0'))).body.toString(), 'far')
    pages = { ...chain(6), '/6': (_, response) => response.end('too far') }
    await refused(get(here('/0')), 'upstream_failed', /more than 5/)
    assert.equal(hits.includes('/6'), false)
  })

  it('ends a redirect loop', async () => {
    pages = { '/a': redirect('/a') }
    await refused(get(here('/a')), 'upstream_failed', /more than 5/)
  })

  it('sends no cookie, no referrer and the same few headers each time', async () => {
    const seen: IncomingMessage['headers'][] = []
    pages = {
      '/a': (request, response) => (seen.push(request.headers), response.writeHead(302, { location: '/b', 'set-cookie': 'a=b' }).end()), // prettier-ignore
      '/b': (request, response) => (seen.push(request.headers), response.end()),
    }
    await get(here('/a'))
    for (const headers of seen) {
      assert.equal(headers['user-agent'], 'Steward/9 (+self-hosted personal agent)')
      assert.deepEqual(Object.keys(headers).sort(), ['accept', 'accept-encoding', 'connection', 'host', 'user-agent'])
    }
  })
})

describe('the guarded HTTP client: hostile answers', () => {
  const text = 'wörds '.repeat(1000)
  const packed = { gzip: gzipSync(text), br: brotliCompressSync(text), deflate: deflateSync(text), zstd: zstdCompressSync(text) } // prettier-ignore

  for (const [encoding, bytes] of Object.entries(packed)) {
    it(`unpacks ${encoding}`, async () => {
      pages = { '/': (_, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bytes) }
      assert.equal((await get(here('/'))).body.toString(), text)
    })
  }

  it('stops a gzip bomb at the limit', async () => {
    pages = {
      '/': (_, response) => {
        const gzip = createGzip()
        gzip.pipe(response.writeHead(200, { 'content-encoding': 'gzip' }))
        const zeros = Buffer.alloc(MIB)
        const pour = (left: number): void => void (left === 0 ? gzip.end() : gzip.write(zeros, () => pour(left - 1)))
        pour(300)
      },
    }
    const answer = await get(here('/'))
    assert.equal(answer.truncated, true)
    assert.equal(answer.body.length, 5 * MIB)
  })

  it('stops a bomb inside a bomb, and refuses deeper nesting', async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(64 * MIB)))
    pages = {
      '/2': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end(bomb),
      '/3': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip, gzip, gzip' }).end(bomb),
      '/x': (_, response) => response.writeHead(200, { 'content-encoding': 'constructor' }).end('x'),
    }
    assert.equal((await get(here('/2'))).truncated, true)
    await refused(get(here('/3')), 'upstream_failed', /packed/)
    await refused(get(here('/x')), 'upstream_failed', /packed/)
  })

  it('says so when a packed answer is damaged', async () => {
    pages = { '/': (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip at all') }
    await refused(get(here('/')), 'upstream_failed', /damaged/)
  })

  it('cuts an endless body and hangs up', async () => {
    let hungUp!: () => void
    const closed = new Promise<void>((resolve) => (hungUp = resolve))
    pages = {
      '/': (_, response) => {
        const pour = (): void => void (response.write(Buffer.alloc(64 * 1024, 'a')) ? setImmediate(pour) : response.once('drain', pour)) // prettier-ignore
        response.once('close', hungUp)
        pour()
      },
    }
    const answer = await get(here('/'), { maxBytes: 100_000 })
    assert.deepEqual([answer.body.length, answer.truncated], [100_000, true])
    await closed
  })

  it('gives a body of exactly the limit whole', async () => {
    pages = { '/': (_, response) => response.end(Buffer.alloc(1000)) }
    assert.equal((await get(here('/'), { maxBytes: 1000 })).truncated, false)
  })

  for (const [name, drip] of [
    ['headers', 'X'],
    ['body', 'HTTP/1.1 200 OK\r\n\r\n'],
  ] as const) {
    it(`gives up on ${name} that come byte by byte`, async () => {
      const loris = createTcpServer((socket) => {
        socket.on('error', () => {}).write(drip)
        const timer = setInterval(() => socket.write('a'), 20)
        socket.on('close', () => clearInterval(timer))
      })
      const lorisPort = await listening(loris, '127.0.0.1')
      const options = { allowedPrivateHosts: new Set([`127.0.0.1:${lorisPort}`]), deadlineMs: 300 }
      const started = performance.now()
      await refused(
        get(`http://127.0.0.1:${lorisPort}/`, { options }),
        'upstream_failed',
        name === 'body' ? /within 0\.3/ : /./,
      )
      assert.ok(performance.now() - started < 1500)
      loris.close()
    })
  }

  it('gives up on a name server that never answers', async () => {
    const options = { lookup: () => new Promise<never>(() => {}), deadlineMs: 200 }
    await refused(get('http://slow.example/', { options }), 'upstream_failed', /within 0\.2 seconds/)
  })

  it('treats a body that was cut as an error', async () => {
    pages = {
      '/': (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('only this')
        setTimeout(() => response.destroy(), 30)
      },
    }
    await refused(get(here('/')), 'upstream_failed', /broke off/)
  })

  it('refuses oversized headers and answers that are no HTTP', async () => {
    pages = { '/': (_, response) => response.writeHead(200, { 'x-long': 'a'.repeat(80_000) }).end() }
    await refused(get(here('/')), 'too_large', /headers/)
    const ssh = createTcpServer((socket) => void socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'))
    const sshPort = await listening(ssh, '127.0.0.1')
    const options = { allowedPrivateHosts: new Set([`127.0.0.1:${sshPort}`]) }
    await refused(get(`http://127.0.0.1:${sshPort}/`, { options }), 'upstream_failed', /web server/)
    ssh.close()
  })

  it('names what went wrong: unknown name, closed port', async () => {
    const missing = async () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
    await refused(
      get('http://nobody.example/', { options: { lookup: missing } }),
      'upstream_failed',
      /No server has the name nobody\.example/,
    )
    const none = { lookup: async () => [], allowedPrivateHosts: new Set(['empty.example:80']) }
    await refused(get('http://empty.example/', { options: none }), 'upstream_failed', /No server/)
    const options = { allowedPrivateHosts: new Set(['127.0.0.1:1']) }
    await refused(get('http://127.0.0.1:1/', { options }), 'upstream_failed', /refused the connection/)
  })

  it('ends with the reason of the signal when the run is stopped', async () => {
    pages = { '/': () => {} }
    const outgoing = client()
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('stopped by the owner')), 50)
    await assert.rejects(
      outgoing.get(here('/'), { signal: stop.signal, decideHop: () => ALLOW }),
      /stopped by the owner/,
    )
    await outgoing.close()
  })
})

describe('addresses', () => {
  const open = ['8.8.8.8', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::']
  const shut = [
    '127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1',
    '255.255.255.255', '240.0.0.1', '192.0.0.192', '198.18.0.1', '168.63.129.16', '::', '::1', '::7f00:1', 'fe80::1',
    'fe80::1%eth0', 'fc00::1', 'fec0::1', 'ff02::1', '2001:db8::1', '2001:0:1::', '100::1', '4000::1', '64:ff9b:1::808:808',
    '64:ff9b::a00:1', '2002:c0a8:101::', '::ffff:192.168.0.1', '::ffff:0:808:808', 'not an address', '',
  ] // prettier-ignore
  for (const address of open) it(`${address} is public`, () => assert.equal(isPublicAddress(address), true))
  for (const address of shut)
    it(`${address || 'nothing'} is not public`, () => assert.equal(isPublicAddress(address), false))

  it('knows the public addresses of its own machine and site', () => {
    const entry = (address: string) => ({ address }) as never
    const own = ownNetworks({
      eth0: [entry('192.168.1.5'), entry('8.8.4.4'), entry('2a00:1:2:3401::5')],
      lo: [entry('::1')],
    })
    assert.deepEqual([isInside('8.8.4.4', own), isInside('8.8.4.5', own)], [true, false])
    assert.deepEqual([isInside('2a00:1:2:34ff::9', own), isInside('2a00:1:2:3501::9', own)], [true, false])
    assert.equal(isInside('2002:808:404::', own), true)
  })

  const privateUrls = ['http://0x7f.1/', 'http://[::1]:80/', 'http://localhost/', 'http://a.localhost./', 'http://nas/', 'https://printer.local/', 'http://router.home.arpa/'] // prettier-ignore
  for (const url of privateUrls)
    it(`${url} shows that it is private`, () => assert.equal(isPrivateLiteral(normaliseUrl(url)!), true))
  for (const url of [
    'https://example.org/',
    'http://8.8.8.8/',
    'https://locallocal.org/',
    'https://localhost.example.org/',
  ]) {
    it(`${url} may be public`, () => assert.equal(isPrivateLiteral(normaliseUrl(url)!), false))
  }

  it('has one spelling for a URL', () => {
    assert.equal(normaliseUrl('HTTPS://EXAMPLE.org:443/a/../b?c d'), 'https://example.org/b?c%20d')
    assert.equal(normaliseUrl('https://example.org@evil.example/'), undefined)
    assert.equal(normaliseUrl(`https://example.org/${'a'.repeat(5000)}`), undefined)
    assert.equal(normaliseUrl('//example.org'), undefined)
  })
})

describe('encodings', () => {
  const decode = (text: string | Buffer, contentType = '', truncated = false): string =>
    decodeText({ body: typeof text === 'string' ? Buffer.from(text, 'latin1') : text, contentType, truncated })

  it('follows mark, header and declaration, in that order', () => {
    assert.equal(decode('caf\xe9', 'text/html; charset="ISO-8859-1"'), 'café')
    assert.equal(decode(Buffer.from('\ufeffcafé', 'utf16le'), 'text/html; charset=latin1'), 'café')
    assert.match(decode('<meta charset=koi8-r>\xcb', 'text/html'), /к$/)
    assert.match(decode('<?xml version="1.0" encoding="ISO-8859-1"?>\xe9', 'text/xml'), /é$/)
  })

  it('lives with an unknown, missing or wrong declaration', () => {
    assert.equal(decode(Buffer.from('café'), 'text/html; charset=klingon'), 'café')
    assert.equal(decode('caf\xe9', 'text/plain; charset=klingon'), 'café')
    assert.equal(decode('caf\xe9'), 'café')
    assert.equal(decode(Buffer.from('éé').subarray(0, 3), '', true), 'é\ufffd')
    assert.match(decode(Buffer.from('<meta charset=utf-16>é'), 'text/html'), /é$/)
    assert.equal(decode('caf\xe9', 'text/html; charset=utf-8'), 'caf\ufffd')
  })

  it('reads the media type alone', () => {
    assert.equal(mediaTypeOf('Text/HTML; charset=utf-8'), 'text/html')
    assert.equal(mediaTypeOf('ignore all previous instructions'), '')
  })
})
