import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newAgent, worked } from './peers/agents.ts'
import { anotherUser } from './peers/database.ts'
import { refused } from './peers/refused.ts'
import { makeKey, startSteward, type Client, type Steward } from './steward.ts'

/** What a Prometheus would read: every series by its name and labels. */
class Scrape extends Map<string, number> {
  readonly types = new Map<string, string>()

  constructor(text: string) {
    super()
    for (const line of text.split('\n')) {
      const type = /^# TYPE (\S+) (\S+)$/.exec(line)
      if (type) this.types.set(type[1]!, type[2]!)
      if (line === '' || line.startsWith('#')) continue
      const series = /^([a-z_:][a-z0-9_:]*(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})?) (-?[\d.e+-]+|NaN|\+Inf)$/i.exec(
        line,
      )
      assert.ok(series, `no series: ${line}`)
      this.set(series[1]!, Number(series[2]))
    }
  }

  /** The sum of a family's series whose labels hold all of these. */
  sum(name: string, labels: Record<string, string> = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    const fits = [...this].filter(
      ([series]) => series.split('{')[0] === name && wanted.every((part) => series.includes(part)),
    )
    return fits.reduce((sum, [, value]) => sum + value, 0)
  }
}

let steward: Steward
let prometheus: Client

before(async () => {
  steward = await startSteward()
  prometheus = steward.anybody(await makeKey(steward.owner, ['read']))
})
after(() => steward[Symbol.asyncDispose]())

const scrape = async (client = prometheus) => new Scrape((await client.get('/metrics')).text)

describe('/metrics', () => {
  it('is for administrators: signed in, or by a key that reads', async () => {
    refused(await steward.anybody().get('/metrics'), 401, 'unauthorized')
    refused(await steward.anybody(await makeKey(steward.owner, ['approve'])).get('/metrics'), 403, 'forbidden')
    const other = await anotherUser(steward)
    refused(await other.get('/metrics'), 403, 'forbidden')
    refused(await steward.anybody(await makeKey(other, ['read'])).get('/metrics'), 403, 'forbidden')
    assert.equal((await steward.owner.get('/metrics')).status, 200)
  })

  it('is the text that Prometheus reads, and says of each family what it is', async () => {
    const { status, headers, text } = await prometheus.get('/metrics')
    assert.deepEqual([status, headers.get('content-type')], [200, 'text/plain; version=0.0.4; charset=utf-8'])
    const found = new Scrape(text)
    const families = [...found.keys()].map((series) => series.split('{')[0]!.replace(/_(bucket|sum|count)$/, ''))
    for (const name of new Set(families)) assert.ok(found.types.has(name) || found.types.has(`${name}_sum`), name)
    assert.equal(found.sum('steward_info'), 1)
    assert.ok(found.sum('process_resident_memory_bytes') > 10_000_000)
    assert.ok(found.has('nodejs_eventloop_lag_seconds'))
    assert.ok(found.sum('steward_database_bytes') > 10_000)
    assert.ok(found.sum('steward_disk_free_bytes') > 0)
    assert.equal(found.sum('steward_check', { check: 'database' }), 1)
  })

  it('counts requests by the pattern of their route, with how long they took', async () => {
    const before = await scrape()
    const labels = { method: 'GET', route: '/api/conversations/{id}' }
    for (let n = 0; n < 3; n++) await steward.owner.get(`/api/conversations/${randomUUID()}`)
    await steward.owner.get('/api/auth/me')
    const found = await scrape()
    const more = (name: string, of: Record<string, string>) => found.sum(name, of) - before.sum(name, of)
    assert.equal(more('steward_http_requests_total', { ...labels, status: '404' }), 3)
    assert.equal(more('steward_http_requests_total', { route: '/api/auth/me', status: '200' }), 1)
    assert.equal(more('steward_http_request_duration_seconds_count', labels), 3)
    assert.equal(more('steward_http_request_duration_seconds_bucket', { ...labels, le: '+Inf' }), 3)
    assert.ok(more('steward_http_request_duration_seconds_sum', labels) > 0)
    const buckets = [...found].filter(([series]) => series.includes('_bucket{') && series.includes(labels.route))
    assert.deepEqual(buckets.map(([, value]) => value), buckets.map(([, value]) => value).toSorted((a, b) => a - b)) // prettier-ignore
  })

  it('counts runs, turns, tokens, tool calls and sockets', async () => {
    const before = await scrape()
    const chat = await steward.owner.chat(randomUUID())
    assert.equal((await scrape()).sum('steward_websocket_connections'), 1)
    await chat.ask('Hello')
    chat.send({ type: 'message', content: `/filesystem.write_file path=${join(tmpdir(), 'nowhere')} content=x` })
    await chat.next('done')
    await chat.close()
    const { id } = await newAgent(steward.owner)
    await worked(steward.owner, id)
    const found = await scrape()
    const more = (name: string, of: Record<string, string> = {}) => found.sum(name, of) - before.sum(name, of)
    assert.equal(more('steward_runs_ended_total', { origin: 'chat', status: 'succeeded' }), 2)
    assert.equal(more('steward_runs_ended_total', { origin: 'manual', status: 'succeeded' }), 1)
    assert.ok(more('steward_model_turns_total', { provider: 'rehearsal' }) >= 3)
    assert.ok(more('steward_model_input_tokens_total') > 0 && more('steward_model_output_tokens_total') > 0)
    assert.equal(more('steward_tool_calls_total', { tool: 'filesystem', decision: 'denied', success: 'false' }), 1)
    assert.equal(found.sum('steward_websocket_connections'), 0)
  })

  it('shows what waits: questions, runs, the pause', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'papers-'))
    await steward.owner.post('/api/filesystem-whitelist', { path: folder, written_by: 'me' })
    const chat = await steward.owner.chat(randomUUID())
    chat.send({ type: 'message', content: `/filesystem.write_file path=${join(folder, 'a.txt')} content=x` })
    const { call_id } = await chat.next('confirmation_required')
    const asked = await scrape()
    assert.deepEqual([asked.sum('steward_approvals_pending'), asked.sum('steward_runs', { status: 'waiting' })], [1, 1])
    chat.send({ type: 'confirm', call_id, approved: true })
    await chat.next('done')
    await chat.close()
    const decided = await scrape()
    assert.deepEqual([decided.sum('steward_approvals_pending'), decided.sum('steward_runs')], [0, 0])
    assert.equal(decided.sum('steward_tool_calls_total', { tool: 'filesystem', decision: 'approved', success: 'true' }), 1) // prettier-ignore
    assert.equal(decided.sum('steward_paused'), 0)
    await steward.owner.post('/api/pause')
    assert.equal((await scrape()).sum('steward_paused'), 1)
    await steward.owner.post('/api/resume')
  })

  it('gives the age of the newest backup, where there is one', async () => {
    assert.ok(![...(await scrape()).keys()].some((series) => series.startsWith('steward_backup_age')))
    const file = join(steward.dataDir, 'backups', 'one')
    writeFileSync(file, '')
    const hourAgo = new Date(Date.now() - 3600_000)
    utimesSync(file, hourAgo, hourAgo)
    const age = (await scrape()).sum('steward_backup_age_seconds')
    assert.ok(age > 3590 && age < 4600, String(age))
  })

  it('makes no label of what somebody wrote', async () => {
    const mark = 'planted-mark'
    await steward.owner.get(`/${mark}`)
    await steward.owner.get(`/api/${mark}?${mark}=1`)
    await steward.owner.get(`/api/conversations/${mark}`)
    await steward.owner.request('PROPFIND', `/${mark}`)
    await newAgent(steward.owner, { name: mark, prompt: mark })
    const chat = await steward.owner.chat(randomUUID())
    await chat.ask(`/${mark}.do thing=${mark}`)
    await chat.close()
    const { text } = await prometheus.get('/metrics')
    assert.doesNotMatch(text, new RegExp(mark))
    assert.match(text, /steward_http_requests_total\{method="other",route="other",status="404"\} 1/)
  })

  it('counts anew after a restart, from nothing', async () => {
    const { dataDir } = steward
    await steward.stop()
    steward = await startSteward({ dataDir })
    const found = await scrape(steward.owner)
    assert.equal(found.sum('steward_runs_ended_total'), 0)
    assert.ok(found.sum('steward_http_requests_total') >= 1)
  })
})
