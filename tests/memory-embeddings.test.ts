import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startInside, type InsideSteward } from './peers/inside.ts'

/** Memory searched by meaning too: an embeddings server on loopback, whose model knows three subjects. */

const SUBJECTS = [
  ['dog', 'puppy', 'vet', 'bark'],
  ['car', 'garage', 'tyre', 'brakes'],
  ['bread', 'oven', 'flour', 'loaf'],
]
const vectorOf = (text: string): number[] => [
  0.01,
  ...SUBJECTS.map((words) => words.filter((word) => text.toLowerCase().includes(word)).length),
]

type Asked = { model: string; input: string[] }

let asked: Asked[] = []
let behave: 'well' | 'refuse' | 'nonsense' | 'cut' = 'well'
const server = createServer((req, res) => {
  let body = ''
  req.on('data', (chunk) => (body += String(chunk)))
  req.on('end', () => {
    if (!req.url?.endsWith('/embeddings')) return void res.writeHead(404).end()
    if (behave === 'refuse') return void res.writeHead(503).end()
    if (behave === 'nonsense') return void res.end('{"data": [{"embedding": ["a"]}]}')
    if (behave === 'cut') return void res.destroy()
    const request = JSON.parse(body) as Asked
    asked.push(request)
    const data = request.input.map((text, index) => ({ index, embedding: vectorOf(text) }))
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ data: data.toReversed() }))
  })
})

let steward: InsideSteward

before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  steward = await startInside({ OLLAMA_BASE_URL: url })
  await steward.owner.post('/api/memory', { text: 'Rex is afraid of the vet.' })
  await steward.owner.post('/api/memory', { text: 'New brakes were fitted in May.' })
  await steward.owner.post('/api/memory', { text: 'The loaf needs forty minutes.' })
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  server.closeAllConnections()
  server.close()
})

const choose = (model: string | null) => steward.owner.post('/api/settings/embeddings', { embedding_model: model })
const state = async () => (await steward.owner.get('/api/settings/embeddings')).body
const search = async (q: string) => (await steward.owner.get(`/api/memory?q=${encodeURIComponent(q)}`)).body
async function until(is: (now: any) => boolean): Promise<void> {
  for (let now = await state(); !is(now); now = await state()) await sleep(20)
}

describe('memory with an embeddings model', () => {
  it('is made in the background, and found by meaning where no word is the same', async () => {
    assert.equal((await search('puppy')).total, 0)
    assert.equal((await choose('ollama:three-subjects')).status, 200)
    await until(({ done }) => done === 3)
    assert.equal((await search('my puppy')).items[0].text, 'Rex is afraid of the vet.')
    assert.equal((await search('in the garage')).items[0].text, 'New brakes were fitted in May.')
  })

  it('is made again of what was corrected, and of everything for another model', async () => {
    const { id } = (await search('my puppy')).items[0]
    asked = []
    await steward.owner.patch(`/api/memory/${id}`, { text: 'Rex needs a new tyre to play with.' })
    await until(({ done }) => done === 3)
    assert.deepEqual(asked.map(({ input }) => input), [['Rex needs a new tyre to play with.']]) // prettier-ignore
    asked = []
    await choose('ollama:another')
    await until(({ done }) => done === 3)
    assert.deepEqual(asked.map(({ model, input }) => [model, input.length]), [['another', 3]]) // prettier-ignore
  })

  it('is searched by words alone while the server does not answer as it should, which is said', async () => {
    for (const [how, sentence] of [
      ['refuse', /answered 503/],
      ['nonsense', /no embeddings/],
      ['cut', /Ollama could not be reached|broke off/],
    ] as const) {
      behave = how
      const { items, note } = await search('brakes')
      assert.equal(items[0].text, 'New brakes were fitted in May.')
      assert.match(note, sentence)
    }
    behave = 'well'
  })

  it('is told to nobody who may hear only what is public, nor while everything is paused', async () => {
    await steward.owner.post('/api/pause')
    asked = []
    await steward.owner.post('/api/memory', { text: 'Flour is in the cellar.' })
    await search('bread')
    assert.deepEqual(asked, [])
    await steward.owner.post('/api/settings/security', { public_only_providers: ['ollama'] })
    await steward.owner.post('/api/resume')
    await until(({ problem }) => problem !== null)
    assert.match((await state()).problem, /may be told only what is public/)
    assert.deepEqual(asked, [])
    const refused = await choose('ollama:three-subjects')
    assert.deepEqual([refused.status, refused.body.detail[0].path], [400, 'embedding_model'])
    await steward.owner.post('/api/settings/security', { public_only_providers: [] })
    await until(({ done }) => done === 4)
  })

  it('is forgotten by the index of a model that is no longer wanted', async () => {
    assert.equal((await choose('anthropic:x')).status, 400)
    assert.equal((await choose(null)).status, 200)
    assert.deepEqual(await state(), { embedding_model: null, total: 0, done: 0, problem: null })
    const [entry] = (await steward.owner.get('/api/audit?kind=setting')).body.entries
    assert.deepEqual([entry.action, entry.subject], ['embedding model changed', 'ollama:another → none'])
  })
})
