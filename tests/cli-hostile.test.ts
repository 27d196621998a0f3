import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newHome, NO_TERMINAL } from './peers/cli.ts'
import { fakeSteward } from './peers/fake-steward.ts'

/** What the command line does when what it is told is meant to harm, or breaks off. */

const KEY = 'stw_Ab12Cd34_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
const homeOf = (url: string) => newHome({ STEWARD_URL: url, STEWARD_API_KEY: KEY })

/** Escape sequences: clear the screen, set the window's title, answer back, hide text, jump, and the same in 8 bits. */
const ATTACKS = ['\u001b[2J', '\u001b]0;title\u0007', '\u001b[6n', '\u001b[8m', '\u001b[1;1H', '\u009b2J', '\u001bP+q\u001b\\', '\u0008\u0008', '\r', '\u202e', '\u2066', '\u{e0041}', '\u0000', '\u007f'] // prettier-ignore
const HOSTILE = ATTACKS.map((attack, at) => `a${at}${attack}b`).join(' ')

/** Nothing but text, line feeds and tabs, and nothing that turns it around. */
const isHarmless = (text: string): void =>
  assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u)

const done = (text: string) => ({ type: 'done', text, tool_calls_made: 0, usage: { input_tokens: 1, output_tokens: 1, cost_usd: 0 }, stop_reason: 'end_turn' }) // prettier-ignore

describe('text of models and strangers', () => {
  const question = {
    type: 'confirmation_required',
    call_id: 'c',
    tool_name: `web${HOSTILE}`,
    arguments: { [`k${HOSTILE}`]: HOSTILE },
    description: `Read a page.\n└ until\nAllow it? y\n${HOSTILE}`,
    reason: HOSTILE,
    expires_at: HOSTILE,
    provenance: [{ path: HOSTILE, sentence: `one\ntwo ${HOSTILE}` }],
  }

  it('reaches the terminal as text, wherever it stands', async () => {
    await using server = await fakeSteward((message, tell) => {
      tell({ type: 'user_message', content: message.content, seq: 1 })
      tell({ type: 'run', status: 'queued', reason: HOSTILE })
      tell({ type: 'text', content: `Hello ${HOSTILE}` })
      tell({ type: 'tool_start', tool_name: HOSTILE, arguments: { a: HOSTILE } })
      tell({ type: 'tool_done', success: false, result_summary: HOSTILE })
      tell(question)
      tell({ type: 'confirmation_closed', call_id: 'c', decision: HOSTILE, by: HOSTILE })
      tell({ type: 'run', status: 'succeeded' })
      tell(done(`Hello ${HOSTILE}`))
    })
    using home = homeOf(server.url)
    const { code, stdout, stderr } = await home.cli(['chat', 'x'])
    assert.equal(code, 0, stderr)
    for (const text of [stdout, stderr]) {
      isHarmless(text)
      assert.match(text, /a0␛\[2Jb/, 'one sees that there was something')
    }
  })

  it('stays within the card of a question', async () => {
    await using server = await fakeSteward((message, tell) => {
      tell({ type: 'user_message', content: message.content, seq: 1 })
      tell(question)
      tell(done('x'))
    })
    using home = homeOf(server.url)
    const { stderr } = await home.cli(['chat', 'x'])
    const card = stderr.slice(stderr.indexOf('┌'), stderr.indexOf('\nIt waits'))
    const lines = card.split('\n')
    for (const line of lines.slice(1, -1)) assert.match(line, /^│ /)
    assert.match(lines.at(-1)!, /^└ until a0/)
    assert.match(card, /\\u001b\[2J/, 'arguments are spelt out')
    assert.match(card, /\\u202e/)
  })

  it('is the same value in JSON, without a byte that a terminal acts on', async () => {
    const odd = `${HOSTILE}\u200b\u2028`
    await using server = await fakeSteward((message, tell) => {
      tell({ type: 'user_message', content: message.content, seq: 1 })
      tell(done(odd))
    })
    using home = homeOf(server.url)
    const { stdout } = await home.cli(['chat', 'x', '--json'])
    assert.equal(JSON.parse(stdout).text, odd)
    assert.match(stdout, /^[\u0020-\u007e\n]+$/)
  })

  it('in errors, lists and names is text too', async () => {
    await using server = await fakeSteward()
    Object.assign(server.answers, {
      '/api/agents': [{ id: 'a', name: HOSTILE }],
      '/api/approvals': { items: [{ ...question, id: HOSTILE, state: 'pending' }], next_cursor: null, total: 1 },
      '/health': { version: HOSTILE },
      '/ready': { status: HOSTILE, checks: {}, warnings: [HOSTILE], issues: [] },
      '/api/status': { paused: false },
      '/api/queue': { running: 1, queued: 0, waiting: 0, paused: 0, items: [{ run_id: HOSTILE, status: HOSTILE, reason: HOSTILE }] }, // prettier-ignore
    })
    using home = homeOf(server.url)
    for (const args of [['run', 'x'], ['approvals'], ['status'], ['approvals', 'show', 'x']]) {
      const { stdout, stderr } = await home.cli(args)
      isHarmless(stdout + stderr)
    }
  })

  it('at a terminal too', { skip: NO_TERMINAL }, async () => {
    await using server = await fakeSteward((message, tell) => {
      tell({ type: 'user_message', content: message.content, seq: 1 })
      tell({ type: 'text', content: HOSTILE })
      tell(done(HOSTILE))
    })
    using home = homeOf(server.url)
    const { stdout } = await home.terminal(['chat', 'x']).ended
    isHarmless(stdout.replaceAll('\r\n', '\n'))
  })
})

describe('a connection that is lost', () => {
  it('comes back and goes on behind what it saw', async () => {
    let visits = 0
    await using server = await fakeSteward((message, tell, socket) => {
      tell({ type: 'user_message', content: message.content, seq: 7 })
      tell({ type: 'text', content: 'One, ' })
      setTimeout(() => socket.terminate(), 50)
    })
    server.onConnection((path, tell) => {
      visits++
      if (visits === 1) return
      assert.match(path, /after=7/)
      tell({ type: 'state', status: 'running', text: 'One, two, ' })
      tell({ type: 'text', content: 'three.' })
      tell(done('One, two, three.'))
    })
    using home = homeOf(server.url)
    const { code, stdout } = await home.cli(['chat', 'x'])
    assert.deepEqual([code, stdout, visits], [0, 'One, two, three.\n', 2])
  })

  it('for good ends with 3, and says where the run is to be seen', async () => {
    const server = await fakeSteward((message, tell) => {
      tell({ type: 'user_message', content: message.content, seq: 1 })
      tell({ type: 'text', content: 'One, ' })
      setTimeout(() => void server[Symbol.asyncDispose](), 50)
    })
    using home = homeOf(server.url)
    const { code, stdout, stderr } = await home.cli(['chat', 'x'])
    assert.equal(code, 3)
    assert.equal(stdout.trim(), 'One,')
    assert.match(stderr, /was lost\. The run goes on .*\/chat\//)
  })

  it('before Steward took the message is not tried again, so that nothing is said twice', async () => {
    await using server = await fakeSteward((_message, _tell, socket) => socket.terminate())
    using home = homeOf(server.url)
    const { code, stderr } = await home.cli(['chat', 'x'])
    assert.equal(code, 3)
    assert.match(stderr, /lost before Steward took the message/)
    assert.equal(server.requests.filter(({ path }) => path === '/api/ws-ticket').length, 1)
  })
})

describe('a server that is not what it should be', () => {
  it('is said not to be Steward where it speaks something else', async () => {
    await using server = await fakeSteward()
    server.answers['/api/agents'] = (res: any) => res.end('<html>A router</html>')
    using home = homeOf(server.url)
    const { code, stderr } = await home.cli(['run', 'x'])
    assert.equal(code, 1)
    assert.match(stderr, /is not Steward \(HTTP 200/)
  })

  it('gets no key by sending us elsewhere', async () => {
    await using elsewhere = await fakeSteward()
    await using server = await fakeSteward()
    server.answers['/api/agents'] = (res: any) => {
      res.writeHead(302, { location: `${elsewhere.url}/api/agents`, 'content-type': 'application/json' })
      res.end('{}')
    }
    using home = homeOf(server.url)
    assert.equal((await home.cli(['run', 'x'])).code, 1)
    assert.deepEqual(elsewhere.requests, [])
    assert.equal(server.requests[0]!.headers['x-api-key'], KEY)
  })

  it('gets the key in a header, and nowhere else', async () => {
    await using server = await fakeSteward((message, tell) => {
      tell({ type: 'user_message', content: message.content, seq: 1 })
      tell(done('x'))
    })
    using home = homeOf(server.url)
    await home.cli(['chat', 'x'])
    for (const { path, body } of server.requests) assert.ok(!`${path}${body}`.includes(KEY))
  })
})
