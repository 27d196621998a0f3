import assert from 'node:assert/strict'
import { request, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended, newAgent, reached, worked } from './peers/agents.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { say, startModelApi, use, type ModelApi } from './peers/model-api.ts'
import { Client, makeKey } from './steward.ts'

const DAY_MS = 24 * 3600_000

let api: ModelApi
let steward: InsideSteward
let owner: Client

before(async () => {
  api = await startModelApi()
  steward = await startInside(api.env)
  owner = steward.owner
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})
beforeEach(() => api.answer(say('Done.')))

type Entry = { seq: number; type: string; run_id: string; data: any; timestamp: string }

const page = async (path: string, query = ''): Promise<any> => (await owner.get(`${path}/events${query}`)).body
const seqs = (events: Entry[]): number[] => events.map(({ seq }) => seq)

/** Everything there is, in pages of so many. */
async function all(path: string, limit: number): Promise<Entry[]> {
  const events: Entry[] = []
  for (let after = 0; ;) {
    const part = await page(path, `?after=${after}&limit=${limit}`)
    if (part.events.length === 0) return events
    assert.ok(part.events.length <= limit)
    events.push(...part.events)
    after = part.next
  }
}

type Told = { id: string | undefined; event: string | undefined; data: any }
type Stream = {
  status: number
  headers: IncomingMessage['headers']
  told: Told[]
  /** How it began, as it came. */
  raw: () => string
  /** Resolves with the first event, told already or later, for which this holds. */
  until: (wanted: (told: Told) => boolean) => Promise<Told>
  /** Resolves when the server ended it; rejects where it was cut. */
  over: Promise<void>
  response: IncomingMessage
  close: () => void
}

/** An EventSource that shows what it gets. */
function listen(path: string, options: { client?: Client; headers?: Record<string, string> } = {}): Promise<Stream> {
  const client = options.client ?? owner
  return new Promise((resolve, reject) => {
    const headers = { accept: 'text/event-stream', ...client.headers(), ...options.headers }
    const asked = request(`${client.url}${path}`, { headers }, (response) => {
      let raw = ''
      let begun = ''
      const told: Told[] = []
      const waiting = new Set<() => void>()
      response.setEncoding('utf8').on('data', (text: string) => {
        raw = (raw + text).slice(0, 1000)
        const blocks = (begun + text).split('\n\n')
        begun = blocks.pop()!
        told.push(...blocks.flatMap(parsed))
        for (const look of waiting) look()
      })
      const over = new Promise<void>((done, broken) => response.on('end', done).on('error', broken))
      over.catch(() => undefined)
      const until = (wanted: (one: Told) => boolean): Promise<Told> =>
        new Promise((found) => {
          const look = () => {
            const one = told.find(wanted)
            if (!one) return
            waiting.delete(look)
            found(one)
          }
          waiting.add(look)
          look()
        })
      const { statusCode: status = 0 } = response
      resolve({
        status,
        headers: response.headers,
        told,
        raw: () => raw,
        until,
        over,
        response,
        close: () => asked.destroy(),
      })
    })
    asked.on('error', reject).end()
  })
}

/** One block of a stream, if it is an event. */
function parsed(block: string): Told[] {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
  const data = field('data')
  return data === undefined ? [] : [{ id: field('id'), event: field('event'), data: JSON.parse(data) }]
}

/** Resolves when the other side has closed a connection that nobody reads; an empty line shows it, and is no request. */
async function cutOff(socket: Socket): Promise<void> {
  socket.on('error', () => undefined)
  while (!socket.destroyed) {
    socket.write('\r\n')
    await sleep(50)
  }
}

describe('the log of a run', () => {
  it('tells every frame once and in order, whatever the pages', async () => {
    const agent = await newAgent(owner)
    api.answer(use('filesystem', { operation: 'read_file', path: '/etc/passwd' }), say('I may not.'))
    const run = await worked(owner, agent.id)
    const path = `/api/runs/${run.id}`
    const whole = await page(path)
    const types = whole.events.map(({ type }: Entry) => type)
    for (const type of ['user_message', 'run', 'tool_start', 'tool_done', 'done']) assert.ok(types.includes(type), type)
    const [first] = whole.events
    assert.deepEqual([first.type, first.run_id, first.data.content], ['user_message', run.id, run.input])
    assert.ok(Date.parse(first.timestamp) && !('type' in first.data))
    assert.deepEqual([whole.next, whole.oldest, whole.gap], [whole.events.at(-1).seq, first.seq, false])
    for (const limit of [1, 2, 200]) assert.deepEqual(await all(path, limit), whole.events)
    const rest = await page(path, `?after=${whole.next}`)
    assert.deepEqual([rest.events, rest.next, rest.gap], [[], whole.next, false])
    assert.equal((await owner.get(`${path}/events?after=x`)).status, 400)
  })

  it('has no frames of other runs in its conversation', async () => {
    const agent = await newAgent(owner)
    const open = Promise.withResolvers<void>()
    api.answer(() => open.promise.then(() => say('Done.')))
    const tell = async (content: string) =>
      (await owner.post(`/api/agents/${agent.id}/message`, { content })).body.run_id
    const queued = [await tell('one'), await tell('two'), await tell('three')]
    open.resolve()
    await Promise.all(queued.map((id) => ended(owner, id)))
    const runs = [...queued, await tell('four')].map((id: string) => ({ id }))
    await ended(owner, runs[3]!.id)
    const logs = await Promise.all(runs.map(({ id }) => all(`/api/runs/${id}`, 50)))
    logs.forEach((events, at) => {
      assert.ok(events.length > 2)
      assert.ok(events.every(({ run_id }) => run_id === runs[at]!.id))
    })
    const together = logs.flat()
    assert.deepEqual(
      seqs(await all(`/api/agents/${agent.id}`, 3)),
      seqs(together).sort((a, b) => a - b),
    )
  })

  it('tells each frame once to somebody who asks on and on while they come', async () => {
    const agent = await newAgent(owner)
    let calls = 0
    api.answer(() =>
      calls++ < 15 ? use('filesystem', { operation: 'list_directory', path: `/nowhere/${calls}` }) : say('Enough.'),
    )
    const { body } = await owner.post(`/api/agents/${agent.id}/run`)
    const seen: Entry[] = []
    for (let after = 0; seen.at(-1)?.type !== 'done' && !seen.some(({ data }) => data.status === 'succeeded');) {
      const part = await page(`/api/agents/${agent.id}`, `?after=${after}&limit=3`)
      seen.push(...part.events)
      after = part.next
    }
    await ended(owner, body.run_id)
    const rest = await page(`/api/agents/${agent.id}`, `?after=${seen.at(-1)!.seq}`)
    assert.deepEqual(seqs([...seen, ...rest.events]), seqs(await all(`/api/runs/${body.run_id}`, 200)))
  })

  it('says where retention took frames that the asker has not seen', async () => {
    const agent = await newAgent(owner)
    const { body } = await owner.post(`/api/agents/${agent.id}/message`, { content: 'old' })
    const old = await ended(owner, body.run_id)
    const oldEvents = await all(`/api/runs/${old.id}`, 200)
    const [path, oldPath] = [`/api/agents/${agent.id}`, `/api/runs/${old.id}`]
    steward.later(31 * DAY_MS)
    await owner.post('/api/auth/login', { username: 'anna', password: 'correct horse battery' })
    const second = await owner.post(`/api/agents/${agent.id}/message`, { content: 'new' })
    const fresh = await ended(owner, second.body.run_id)
    assert.equal((await page(path)).gap, false)
    steward.services.events.trim(new Date(steward.services.now().getTime() - 30 * DAY_MS))

    const last = oldEvents.at(-1)!.seq
    const left = await all(`/api/runs/${fresh.id}`, 200)
    const fromStart = await page(path)
    assert.deepEqual([fromStart.gap, fromStart.oldest, seqs(fromStart.events)], [true, left[0]!.seq, seqs(left)])
    assert.equal((await page(path, `?after=${last - 1}`)).gap, true)
    assert.equal((await page(path, `?after=${last}`)).gap, false)
    assert.equal((await page(path, `?after=${left[0]!.seq}`)).gap, false)
    const gone = await page(oldPath)
    assert.deepEqual([gone.gap, gone.oldest, gone.events, gone.next], [true, null, [], 0])
    assert.equal((await page(oldPath, `?after=${last}`)).gap, false)
    assert.equal((await page(`/api/runs/${fresh.id}`)).gap, false)
    const another = await newAgent(owner)
    await worked(owner, another.id)
    assert.equal((await page(`/api/agents/${another.id}`)).gap, false)
    const stream = await listen(`${path}/events`)
    const { data } = await stream.until(({ event }) => event === 'gap')
    assert.deepEqual(data, { oldest: left[0]!.seq })
    stream.close()
  })
})

describe('the stream of a log', () => {
  it('tells what was and what comes, and ends with its run', async () => {
    const agent = await newAgent(owner)
    api.answer({ text: ['Working', '.'], hang: true })
    const { body } = await owner.post(`/api/agents/${agent.id}/run`)
    await reached(owner, body.run_id, ({ transcript }) => transcript.length > 0)
    const stream = await listen(`/api/runs/${body.run_id}/events`)
    assert.deepEqual([stream.status, stream.headers['content-type']], [200, 'text/event-stream; charset=utf-8'])
    await stream.until(({ event, data }) => event === 'run' && data.data.status === 'running')
    assert.match(stream.raw(), /^retry: \d+\n\n/)
    await owner.post(`/api/runs/${body.run_id}/stop`)
    await stream.over
    const events = await all(`/api/runs/${body.run_id}`, 200)
    assert.deepEqual(
      stream.told,
      events.map((entry) => ({ id: String(entry.seq), event: entry.type, data: entry })),
    )
  })

  it('goes on after Last-Event-ID, and says with 204 that nothing will follow', async () => {
    const agent = await newAgent(owner)
    const run = await worked(owner, agent.id)
    const path = `/api/runs/${run.id}/events`
    const events = await all(`/api/runs/${run.id}`, 200)
    const middle = events[1]!.seq
    const resumed = await listen(`${path}?after=0`, { headers: { 'Last-Event-ID': String(middle) } })
    await resumed.over
    assert.deepEqual(
      resumed.told.map(({ id }) => Number(id)),
      seqs(events).filter((seq) => seq > middle),
    )
    const done = await listen(path, { headers: { 'Last-Event-ID': String(events.at(-1)!.seq) } })
    assert.equal(done.status, 204)
    assert.equal((await listen(path, { headers: { 'Last-Event-ID': 'soon' } })).status, 400)
    assert.equal((await listen('/api/runs/nobody/events')).status, 404)
  })

  it('tells of all runs of an agent as they come, each frame once', async () => {
    const [agent, other] = [await newAgent(owner), await newAgent(owner)]
    await worked(owner, agent.id)
    const stream = await listen(`/api/agents/${agent.id}/events`)
    await worked(owner, other.id)
    const runs = await Promise.all([worked(owner, agent.id), worked(owner, agent.id)])
    for (const { id } of runs) await stream.until(({ event, data }) => event === 'done' && data.run_id === id)
    const events = await all(`/api/agents/${agent.id}`, 200)
    await stream.until(({ id }) => Number(id) === events.at(-1)!.seq)
    assert.deepEqual(
      stream.told.map(({ id }) => Number(id)),
      seqs(events),
    )
    stream.close()
  })

  it('ends when the key that opened it is removed or runs out, or the session signs out', async () => {
    const agent = await newAgent(owner)
    const path = `/api/agents/${agent.id}/events`
    const removed = new Client(owner.url, await makeKey(owner, ['read']))
    const expires_at = new Date(steward.services.now().getTime() + 60_000).toISOString()
    const expiring = new Client(owner.url, await makeKey(owner, ['read'], { name: 'short', expires_at }))
    const browser = new Client(owner.url)
    await browser.post('/api/auth/login', { username: 'anna', password: 'correct horse battery' })
    const [one, two, three, stays] = await Promise.all([
      listen(path, { client: removed }),
      listen(path, { client: expiring }),
      listen(path, { client: browser }),
      listen(path),
    ])
    const { items } = (await owner.get('/api/api-keys')).body
    const key = items.find(({ prefix }: { prefix: string }) => removed.key!.includes(prefix))
    await owner.delete(`/api/api-keys/${key.id}`)
    await one.over
    await browser.post('/api/auth/logout')
    await three.over
    steward.later(61_000)
    await two.over
    const run = await worked(owner, agent.id)
    await stays.until(({ data }) => data.run_id === run.id)
    stays.close()
  })

  it('cuts off who does not read, and they go on where they were', async () => {
    const agent = await newAgent(owner)
    const run = await worked(owner, agent.id)
    const { conversation_id: conversationId, id: runId } = run
    const userId = (await owner.get('/api/auth/me')).body.id
    const to = { userId, conversationId, runId, agentId: agent.id }
    for (let n = 0; n < 400; n++)
      steward.services.events.keep(to, { type: 'error', error: 'x'.repeat(100_000), code: String(n) })
    const path = `/api/agents/${agent.id}/events`
    const lazy = await listen(path)
    lazy.response.pause()
    await cutOff(lazy.response.socket)
    const last = lazy.told.at(-1)?.id ?? '0'
    const again = await listen(path, { headers: { 'Last-Event-ID': last } })
    await again.until(({ data }) => data.data.code === '399')
    const seen = [...lazy.told, ...again.told].map(({ id }) => Number(id))
    assert.deepEqual(seen, seqs(await all(`/api/agents/${agent.id}`, 100)))
    again.close()
  })
})
