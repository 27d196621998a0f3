import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { anotherUser } from './peers/database.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

let steward: Steward
let other: Client

before(async () => {
  steward = await startSteward()
  other = await anotherUser(steward)
})
after(() => steward[Symbol.asyncDispose]())

const PATH = '/api/my/browser-trusted'
const domains = async (who: Client) => (await who.get(PATH)).body.map(({ domain }: { domain: string }) => domain)

describe('sites that the browser tool may act on', () => {
  it('are kept in lower case and ASCII, each once', async () => {
    assert.deepEqual((await steward.owner.get(PATH)).body, [])
    assert.deepEqual((await steward.owner.post(PATH, { domain: 'Example.COM', note: 'Our app' })).body, { ok: true })
    assert.equal((await steward.owner.post(PATH, { domain: 'example.com' })).status, 409)
    assert.equal((await steward.owner.post(PATH, { domain: 'bücher.example' })).status, 200)
    const { body } = await steward.owner.get(PATH)
    assert.deepEqual(
      body.map((entry: object) => ({ ...entry, created_at: '' })),
      [
        { domain: 'example.com', note: 'Our app', created_at: '', session_at: null },
        { domain: 'xn--bcher-kva.example', note: '', created_at: '', session_at: null },
      ],
    )
  })

  it('are each user’s own', async () => {
    assert.deepEqual(await domains(other), [])
    assert.equal((await other.post(PATH, { domain: 'example.com', note: 'Mine' })).status, 200)
    assert.equal((await other.delete(`${PATH}/${encodeURIComponent('bücher.example')}`)).status, 404)
    assert.equal((await other.delete(`${PATH}/example.com`)).status, 200)
    assert.deepEqual(await domains(other), [])
    assert.deepEqual(await domains(steward.owner), ['example.com', 'xn--bcher-kva.example'])
  })

  it('are removed however they are written', async () => {
    assert.deepEqual((await steward.owner.delete(`${PATH}/${encodeURIComponent('BÜCHER.example')}`)).body, { ok: true })
    assert.equal((await steward.owner.delete(`${PATH}/${encodeURIComponent('bücher.example')}`)).status, 404)
  })

  for (const domain of ['com', 'co.uk', 'github.io', 'https://example.org', 'a b', '', '*.*.example.org'])
    it(`do not include ${JSON.stringify(domain)}`, async () => {
      const { status, body } = await steward.owner.post(PATH, { domain })
      assert.deepEqual([status, body.code, body.detail[0].path], [400, 'invalid', 'domain'])
    })

  it('take no field that is not known', async () => {
    assert.equal((await steward.owner.post(PATH, { domain: 'example.net', user_id: 'x' })).status, 400)
  })
})
