import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { withDatabase } from './peers/database.ts'
import { fetchPage, resultsIn, say, startModelApi, textIn, write, type ModelApi } from './peers/model-api.ts'
import { startSite, type Site } from './peers/site.ts'
import { startSteward, type Chat, type Steward } from './steward.ts'

let api: ModelApi
let site: Site
let steward: Steward
let dataDir: string
let folder: string

before(async () => {
  api = await startModelApi()
  site = await startSite()
})

after(async () => {
  await site[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
  folder = mkdtempSync(join(tmpdir(), 'papers-'))
  await begin()
  await steward.owner.post('/api/filesystem-whitelist', { path: folder })
})

afterEach(async () => {
  await steward.kill()
  rmSync(dataDir, { recursive: true, force: true })
})

async function begin(): Promise<void> {
  steward = await startSteward({ dataDir, env: { ...api.env, ALLOWED_PRIVATE_HOSTS: site.host } })
}

async function open(id: string = randomUUID(), after?: number): Promise<Chat & { id: string }> {
  const chat = await steward.owner.chat(id, after === undefined ? {} : { after })
  await chat.next('models')
  return Object.assign(chat, { id })
}

/** Asks, lets the server die once `moment` came, does `meanwhile`, and comes back where the reader was. */
async function across(
  content: string,
  moment: (chat: Chat) => Promise<unknown>,
  meanwhile: () => void = () => {},
): Promise<Chat & { id: string }> {
  const chat = await open()
  chat.send({ type: 'message', content })
  await moment(chat)
  await steward.kill()
  meanwhile()
  await begin()
  return open(chat.id, chat.frames.findLast(({ seq }) => seq)!.seq!)
}

const sql = (text: string) => withDatabase(dataDir, (db) => void db.exec(text))
const attempts = () => withDatabase(dataDir, (db) => db.prepare('SELECT attempts FROM runs').pluck().all())
const HALF = { text: ['Half', ' of'], hang: true }

async function approve(chat: Chat): Promise<void> {
  const { call_id } = await chat.next('confirmation_required')
  chat.send({ type: 'confirm', call_id, approved: true })
}

describe('SIGTERM', () => {
  it('lets a short answer finish, tells the sockets, and exits 0', async () => {
    api.answer({ text: ['a', 'b', 'c', 'd'], pauseMs: 200 })
    const chat = await open()
    chat.send({ type: 'message', content: 'Talk' })
    await chat.next('text')
    assert.equal(await steward.stop(), 0)
    assert.equal((await chat.next('done')).text, 'abcd')
    assert.equal((await chat.closed).code, 1001)
  })

  it('breaks a long one off within ten seconds; it goes on after the start and ends', { timeout: 40_000 }, async () => {
    api.answer(HALF, say('The whole', ' of it.'))
    const chat = await open()
    chat.send({ type: 'message', content: 'Talk' })
    await chat.next(({ content }) => content === ' of')
    const began = performance.now()
    assert.equal(await steward.stop(), 0)
    assert(performance.now() - began < 10_000)
    await begin()
    const again = await open(chat.id, chat.frames.findLast(({ seq }) => seq)!.seq!)
    assert.equal((await again.next('done')).text, 'The whole of it.')
    assert.deepEqual(attempts(), [1])
  })
})

describe('SIGKILL', () => {
  it('in the middle of an answer: the model is asked again, and readers replace what they showed', async () => {
    api.answer(HALF, { text: ['The', ' whole.'], pauseMs: 300 })
    const again = await across('Talk', (chat) => chat.next(({ content }) => content === ' of'))
    const done = await again.next('done')
    assert.equal(done.text, 'The whole.')
    const at = again.frames.findIndex(({ type }) => type === 'state')
    const later = again.frames.slice(at).filter(({ type }) => type === 'text')
    assert.equal(again.frames[at]!.text + later.map(({ content }) => content).join(''), 'The whole.')
    assert.deepEqual(attempts(), [2])
    const { body } = await steward.owner.get(`/api/conversations/${again.id}`)
    assert.equal(body.messages[1].content, 'The whole.')
  })

  it('after a file was written: it is not written twice', async () => {
    const path = join(folder, 'a.txt')
    api.answer({ ...write(path, 'by Steward'), text: ['I write.'] }, HALF, say('Written.'))
    const moment = async (chat: Chat) => (await approve(chat), chat.next(({ content }) => content === ' of'))
    const again = await across('Write', moment, () => writeFileSync(path, 'by the owner'))
    const done = await again.next('done')
    assert.equal(done.text, 'I write.\n\nWritten.')
    assert.equal(done.tool_calls_made, 1)
    assert.equal(readFileSync(path, 'utf8'), 'by the owner')
    assert(!again.frames.some(({ type }) => type === 'tool_start' || type === 'tool_done'))
    assert.match(resultsIn(api.requests[2])[0]!.text, /Wrote 10 characters/)
  })

  /** As the journal is when the process ends between a call's beginning and its end. */
  const unfinish = () =>
    sql(`UPDATE steps SET status = 'started', content = '', summary = NULL, success = NULL, finished_at = NULL WHERE kind = 'tool';
         DELETE FROM events WHERE type = 'tool_done'`)

  async function diedWriting(path: string, meanwhile: () => void): Promise<Chat> {
    api.answer(write(path, 'by Steward'), HALF, say('Well.'))
    const moment = async (chat: Chat) => (await approve(chat), chat.next(({ content }) => content === ' of'))
    const again = await across('Write', moment, () => (unfinish(), meanwhile()))
    await again.next('done')
    return again
  }

  it('while a file was being written that was there in the end: it counts as done and stays as it is', async () => {
    const path = join(folder, 'a.txt')
    let before: number | undefined
    const again = await diedWriting(path, () => void (before = statSync(path).ino))
    assert.equal(statSync(path).ino, before)
    assert.match(resultsIn(api.requests[2])[0]!.text, /^Done/)
    assert.equal(again.frames.find(({ type }) => type === 'tool_done')!.success, true)
    assert.deepEqual((await steward.owner.get('/api/trash')).body.items, [])
  })

  it('while a file was being written that was not there in the end: it is written, without another question', async () => {
    const path = join(folder, 'a.txt')
    const again = await diedWriting(path, () => rmSync(path))
    assert.equal(readFileSync(path, 'utf8'), 'by Steward')
    assert(!again.frames.some(({ type }) => type === 'confirmation_required'))
    const { body } = await steward.owner.get('/api/audit?tool_name=filesystem')
    assert.equal(body.entries[0].success, true)
  })

  it('while a file was being written in a folder that is no longer open: it is not written', async () => {
    const path = join(folder, 'a.txt')
    const again = await diedWriting(path, () => (rmSync(path), sql('DELETE FROM filesystem_whitelist')))
    assert(!existsSync(path))
    assert.equal(again.frames.find(({ type }) => type === 'tool_done')!.success, false)
    assert.match(resultsIn(api.requests[2])[0]!.text, /in no folder that is open/)
  })

  it('while a page was being read: it is read again', async () => {
    site.hang('/page')
    api.answer(fetchPage(`${site.url}/page`), say('Read.'))
    const asked = async () => {
      while (site.seen.length === 0) await sleep(10)
    }
    const again = await across(`Read ${site.url}/page`, asked, () => site.page('/page', '<p>Now there.</p>'))
    assert.equal((await again.next('done')).text, 'Read.')
    assert.match(resultsIn(api.requests[1])[0]!.text, /Now there/)
    assert.deepEqual(site.seen, ['/page', '/page'])
  })

  it('after stop was wanted: the run is stopped, not taken up', async () => {
    api.answer(HALF, say('Never.'))
    const wanted = () => sql('UPDATE runs SET stop_wanted = 1')
    const again = await across('Talk', (chat) => chat.next('text'), wanted)
    assert.equal((await again.next('done')).stop_reason, 'stopped')
    assert.equal(api.requests.length, 1)
  })
})

describe('a run in which the process dies', () => {
  async function die(): Promise<void> {
    const before = api.requests.length
    await begin()
    while (api.requests.length === before) await sleep(10)
    await steward.kill()
  }

  it('three times is interrupted and never taken up again', { timeout: 30_000 }, async () => {
    api.answer({ text: ['Deadly.'], hang: true })
    const chat = await open()
    chat.send({ type: 'message', content: 'Kill' })
    await chat.next('text')
    await steward.kill()
    await die()
    await die()
    await begin()
    const again = await open(chat.id, 0)
    const done = await again.next('done')
    assert.equal(done.stop_reason, 'interrupted')
    assert.equal(api.requests.length, 3)
    api.answer(say('Alive.'))
    assert.equal((await again.ask('Still there?')).text, 'Alive.')
    assert.match(textIn(api.requests[0]), /Kill\nStill there\?/)
    const { body } = await steward.owner.get(`/api/conversations/${chat.id}`)
    assert.equal(body.messages[1].status, 'interrupted')
  })

  it('goes on however often it asked before', { timeout: 30_000 }, async () => {
    const paths = ['a', 'b', 'c'].map((name) => join(folder, name, `${name}.txt`))
    api.answer(...paths.map((path) => write(path, 'x')), HALF, say('Asked thrice.'))
    const moment = async (chat: Chat) => {
      for (const _ of paths) await approve(chat)
      await chat.next(({ content }) => content === ' of')
    }
    const again = await across('Write', moment)
    assert.equal((await again.next('done')).text, 'Asked thrice.')
  })
})
