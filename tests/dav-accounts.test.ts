import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { anotherUser, withDatabase } from './peers/database.ts'
import { startInside } from './peers/inside.ts'
import { RADICALE_MISSING, startRadicale, type Radicale } from './peers/radicale.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

/** The routes of calendar and contact servers, with a real Radicale to be found. */

const ACCOUNTS = '/api/dav-accounts'

describe('accounts of calendars and contacts', { skip: RADICALE_MISSING }, () => {
  let radicale: Radicale
  let steward: Steward
  let owner: Client

  before(async () => {
    radicale = await startRadicale()
    await radicale.makeCalendar('work', 'Work')
    await radicale.makeCalendar('home', '2026')
    await radicale.makeAddressBook('people', 'People &amp; friends')
    steward = await startSteward()
    owner = steward.owner
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await radicale[Symbol.asyncDispose]()
  })

  const draft = (more: object = {}) => ({
    label: `A${Math.random()}`,
    url: radicale.url,
    username: radicale.username,
    password: radicale.password,
    ...more,
  })
  const added = async (more: object = {}): Promise<string> => {
    const { status, body } = await owner.post(ACCOUNTS, draft(more))
    assert.equal(status, 201, JSON.stringify(body))
    return body.id
  }
  const test = async (id: string) => (await owner.post(`${ACCOUNTS}/${id}/test`, {})).body

  it('finds calendars and address books from nothing but the host', async () => {
    const id = await added({ label: 'Found' })
    assert.deepEqual(await test(id), {
      calendars: { ok: true, names: ['2026', 'Work'] },
      address_books: { ok: true, names: ['People & friends'] },
    })
    const account = (await owner.get(`${ACCOUNTS}/${id}`)).body
    assert.deepEqual(
      account.collections.map(({ kind, name, used, shared, marked, there }: any) => ({ kind, name, used, shared, marked, there })), // prettier-ignore
      [
        { kind: 'calendar', name: '2026', used: true, shared: false, marked: null, there: true },
        { kind: 'calendar', name: 'Work', used: true, shared: false, marked: null, there: true },
        { kind: 'address_book', name: 'People & friends', used: true, shared: false, marked: null, there: true },
      ],
    )
    assert.equal(account.last_error, null)
    assert.ok(account.checked_at)
  })

  it('finds them from the address of the principal and of a single calendar too', async () => {
    const principal = await test(await added({ url: `${radicale.url}${radicale.username}/` }))
    assert.deepEqual(principal.calendars.names, ['2026', 'Work'])
    const single = await test(await added({ url: `${radicale.url}${radicale.username}/work/` }))
    assert.deepEqual(single.calendars.names, ['Work'])
  })

  it('says in words which step failed', async () => {
    const wrong = await test(await added({ password: 'not-the-password' }))
    assert.match(wrong.calendars.error, /refused the sign-in while looking for your account\. Check name and password; many services want an app password/) // prettier-ignore
    const nobody = await test(await added({ url: 'http://localhost:1/' }))
    assert.match(nobody.calendars.error, /localhost:1 refused the connection/)
    const name = await test(await added({ url: 'no-such-host.invalid' }))
    assert.match(name.calendars.error, /No server has the name no-such-host\.invalid|could not be looked up/)
    const account = (await owner.get(ACCOUNTS)).body.items.find(({ url }: any) => url === 'http://localhost:1/')
    assert.match(account.last_error, /refused the connection/)
  })

  it('says so where a web server is none of calendars, answers nonsense, or too much', async () => {
    const at = async (answer: (response: ServerResponse) => void) => {
      const server = createServer((_request, response) => answer(response)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const id = await added({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
      const found = await test(id).finally(() => closed(server))
      return [found.calendars.error, found.address_books.error]
    }
    const [none, noBooks] = await at((response) => response.writeHead(404).end('no'))
    assert.match(none, /no calendars were found.*\.well-known\/caldav.*Give the whole address/)
    assert.match(noBooks, /no address books were found.*CardDAV/)
    const [page] = await at((response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hi</html>'),
    )
    assert.match(page, /no calendars were found/)
    const [broken] = await at((response) =>
      response.writeHead(207, { 'content-type': 'text/xml' }).end('<multistatus><resp'),
    )
    assert.match(broken, /no calendars were found/)
    const [cut] = await at((response) => {
      response.writeHead(207, { 'content-type': 'text/xml', 'content-length': '5000' }).write('<multistatus>')
      setTimeout(() => response.destroy(), 50)
    })
    assert.match(cut, /connection to .* broke off/)
    const [huge] = await at((response) => {
      response.writeHead(207, { 'content-type': 'text/xml' })
      const more = () => void (response.destroyed || (response.write('x'.repeat(1 << 20)), setImmediate(more)))
      more()
    })
    assert.match(huge, /answered with more than 16 MiB/)
    const [elsewhere] = await at((response) => response.writeHead(301, { location: 'https://evil.example/dav' }).end())
    assert.match(elsewhere, /sends on to evil\.example, which is another site; the password is not told there/)
  })

  it('trusts a certificate of the owner alone, once it was given', async () => {
    await using secure = await startRadicale({ tls: true })
    await secure.makeCalendar('work', 'Safe')
    const id = await added({ url: secure.url })
    assert.match(
      (await test(id)).calendars.error,
      /no certificate that can be trusted.*paste the certificate of its authority into tls_ca/,
    )
    await owner.put(`${ACCOUNTS}/${id}`, { tls_ca: secure.ca })
    assert.deepEqual((await test(id)).calendars, { ok: true, names: ['Safe'] })
  })

  it('refuses addresses that would carry the password in the open, and other nonsense', async () => {
    for (const [field, value, words] of [
      ['url', 'http://dav.example.org/', /in the open/],
      ['url', 'ftp://dav.example.org/', /Give a host name/],
      ['url', 'https://me:secret@dav.example.org/', /holds no password/],
      ['url', 'https://dav.example.org/?a=1', /without what follows/],
      ['tls_ca', 'not a certificate', /BEGIN CERTIFICATE/],
      ['label', '', /./],
      ['password', '', /./],
      ['pasword', 'x', /./],
    ] as const) {
      const { status, body } = await owner.post(ACCOUNTS, draft({ [field]: value }))
      assert.deepEqual([status, body.code], [400, 'invalid'], field)
      assert.match(JSON.stringify(body.detail), words)
    }
    const label = `L${Math.random()}`
    await added({ label })
    assert.equal((await owner.post(ACCOUNTS, draft({ label: label.toUpperCase() }))).status, 409)
  })

  it('asks for the password again where it would go to another server or name', async () => {
    const id = await added()
    for (const change of [{ url: 'https://other.example/' }, { username: 'somebody' }]) {
      const { status, body } = await owner.put(`${ACCOUNTS}/${id}`, change)
      assert.deepEqual([status, body.detail[0].path], [400, 'password'])
    }
    assert.equal((await owner.put(`${ACCOUNTS}/${id}`, { url: `${radicale.url}${radicale.username}/` })).status, 200)
    assert.equal((await owner.put(`${ACCOUNTS}/${id}`, { url: 'https://other.example/', password: 'new' })).status, 200)
  })

  it('keeps what the owner says of a calendar, also when it is gone for a while', async () => {
    const id = await added()
    await radicale.makeCalendar('club', 'Club')
    await test(id)
    const club = async () =>
      (await owner.get(`${ACCOUNTS}/${id}`)).body.collections.find(({ name }: any) => name === 'Club')
    await owner.put(`${ACCOUNTS}/${id}`, { collections: [{ id: (await club()).id, shared: true, used: false }] })
    await radicale.ask('DELETE', `/${radicale.username}/club/`)
    await test(id)
    assert.equal((await club()).there, false)
    await radicale.makeCalendar('club', 'Club')
    await test(id)
    const { shared, marked, used, there } = await club()
    assert.deepEqual({ shared, marked, used, there }, { shared: true, marked: true, used: false, there: true })
    const strange = await owner.put(`${ACCOUNTS}/${id}`, { collections: [{ id: 'nonsense', used: false }] })
    assert.equal(strange.status, 400)
    await radicale.ask('DELETE', `/${radicale.username}/club/`)
  })

  it('never shows a password, and seals it', async () => {
    const password = 'planted-dav-password-4711'
    const id = await added({ password })
    await test(id)
    for (const path of [ACCOUNTS, `${ACCOUNTS}/${id}`, '/api/audit'])
      assert.ok(!(await owner.get(path)).text.includes(password), path)
    const row = withDatabase(steward.dataDir, (db) => db.prepare('SELECT sealed FROM dav_accounts WHERE id = ?').pluck().get(id)) // prettier-ignore
    assert.match(String(row), /^v1\./)
    assert.ok(!steward.output().includes(password))
  })

  it('are of their user alone, and others reach nothing inside the house', async () => {
    const id = await added()
    const other = await anotherUser(steward)
    for (const call of [
      other.get(`${ACCOUNTS}/${id}`),
      other.put(`${ACCOUNTS}/${id}`, { label: 'Mine' }),
      other.post(`${ACCOUNTS}/${id}/test`, {}),
      other.delete(`${ACCOUNTS}/${id}`),
    ])
      assert.equal((await call).status, 404)
    const own = await other.post(ACCOUNTS, draft())
    const { calendars } = (await other.post(`${ACCOUNTS}/${own.body.id}/test`, {})).body
    assert.match(calendars.error, /is a private address/)
    assert.equal((await owner.delete(`${ACCOUNTS}/${id}`)).status, 200)
    assert.equal((await owner.get(`${ACCOUNTS}/${id}`)).status, 404)
  })

  it('finds a server by what the name servers say of its domain, on the same site only', async () => {
    await using secure = await startRadicale({ tls: true })
    await secure.makeCalendar('work', 'By SRV')
    const asked: string[] = []
    const say = (name: string) => async (service: string) => {
      asked.push(service)
      return [{ name, port: secure.port, priority: 1, weight: 1 }]
    }
    const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
    await using near = await startInside({}, { edge: { lookup, lookupService: say('localhost') } })
    const account = (await near.owner.post(ACCOUNTS, draft({ url: 'localhost', tls_ca: secure.ca }))).body
    const found = (await near.owner.post(`${ACCOUNTS}/${account.id}/test`, {})).body
    assert.deepEqual(found.calendars, { ok: true, names: ['By SRV'] })
    assert.deepEqual(asked, ['_caldavs._tcp.localhost', '_carddavs._tcp.localhost'])
    await using far = await startInside({}, { edge: { lookup, lookupService: say('dav.elsewhere.example') } })
    const other = (await far.owner.post(ACCOUNTS, draft({ url: 'home.example', tls_ca: secure.ca }))).body
    const refused = (await far.owner.post(`${ACCOUNTS}/${other.id}/test`, {})).body
    assert.equal(refused.calendars.ok, false)
  })
})

async function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
