import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { makeKey, startSteward, type Steward } from './steward.ts'

let steward: Steward

before(async () => void (steward = await startSteward()))
after(() => steward[Symbol.asyncDispose]())

const web = (body: unknown) => steward.owner.post('/api/web-whitelist', body)
const folders = (body: unknown) => steward.owner.post('/api/filesystem-whitelist', body)

describe('the web whitelist', () => {
  it('begins with a few sites that the owner can remove', async () => {
    const { body } = await steward.owner.get('/api/web-whitelist')
    const domains = body.map(({ domain }: { domain: string }) => domain)
    assert.ok(domains.includes('wikipedia.org') && domains.includes('duckduckgo.com'))
    assert.ok(body.every((entry: { private_ok: boolean }) => !entry.private_ok))
    assert.deepEqual((await steward.owner.delete('/api/web-whitelist/yr.no')).body, { ok: true })
    assert.equal((await steward.owner.delete('/api/web-whitelist/yr.no')).status, 404)
  })

  it('takes a site once, changes it, and keeps it in lower case and ASCII', async () => {
    assert.deepEqual((await web({ domain: 'Example.COM', note: 'Ours' })).body, { ok: true })
    assert.equal((await web({ domain: 'example.com' })).status, 409)
    assert.equal((await web({ domain: 'münchen.example.org' })).status, 200)
    assert.equal((await steward.owner.put('/api/web-whitelist/example.com', { private_ok: true })).status, 200)
    const { body } = await steward.owner.get('/api/web-whitelist')
    const [entry] = body.filter(({ domain }: { domain: string }) => domain === 'example.com')
    assert.deepEqual(
      { ...entry, created_at: '' },
      { domain: 'example.com', note: 'Ours', private_ok: true, created_at: '' },
    )
    assert.ok(body.some(({ domain }: { domain: string }) => domain === 'xn--mnchen-3ya.example.org'))
    assert.equal((await steward.owner.put('/api/web-whitelist/nowhere.example', {})).status, 404)
  })

  for (const domain of [
    'co.uk',
    'github.io',
    'blogspot.com',
    'com',
    'https://example.org/',
    'example.org/path',
    'a b',
    '',
    'user@example.org',
    '*.*.example.org',
    'example..org',
    '-example.org',
  ]) {
    it(`refuses ${JSON.stringify(domain)} and names the field`, async () => {
      const { status, body } = await web({ domain })
      assert.equal(status, 400)
      assert.equal(body.code, 'invalid')
      assert.equal(body.detail[0].path, 'domain')
    })
  }

  it('finds a site however its name is written', async () => {
    await web({ domain: 'bücher.example' })
    for (const domain of ['BÜCHER.example', 'xn--bcher-kva.example']) {
      assert.equal(
        (await steward.owner.put(`/api/web-whitelist/${encodeURIComponent(domain)}`, { note: 'x' })).status,
        200,
      )
    }
    assert.equal((await steward.owner.delete(`/api/web-whitelist/${encodeURIComponent('bücher.example')}`)).status, 200)
  })

  for (const domain of ['127.0.0.1', '::1', '[2001:db8::1]', 'nas', '_dmarc.example.org', '*.sub.example.org']) {
    it(`takes ${domain}`, async () => {
      const { status } = await web({ domain })
      assert.equal(status, domain === '::1' ? 400 : 200)
    })
  }

  it('refuses fields it does not know', async () => {
    assert.equal((await web({ domain: 'example.net', tier: 2 })).status, 400)
    assert.equal((await steward.owner.put('/api/web-whitelist/example.com', { domain: 'x' })).status, 400)
  })
})

describe('the filesystem whitelist', () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'folders-')))
  const docs = join(base, 'my docs')
  mkdirSync(docs)
  symlinkSync(docs, join(base, 'link'))
  writeFileSync(join(base, 'file.txt'), '')

  it('keeps a folder with its links followed, as written by others unless said otherwise', async () => {
    assert.deepEqual((await folders({ path: join(base, 'link'), note: 'Docs' })).body, { ok: true })
    const { body } = await steward.owner.get('/api/filesystem-whitelist')
    assert.deepEqual(
      body.map((entry: object) => ({ ...entry, created_at: '' })),
      [{ path: docs, note: 'Docs', written_by: 'others', created_at: '' }],
    )
    assert.equal((await folders({ path: docs })).status, 409)
    const path = encodeURIComponent(docs)
    assert.equal((await steward.owner.put(`/api/filesystem-whitelist/${path}`, { written_by: 'me' })).status, 200)
    assert.equal((await steward.owner.get('/api/filesystem-whitelist')).body[0].written_by, 'me')
    assert.equal((await steward.owner.delete(`/api/filesystem-whitelist/${path}`)).status, 200)
    assert.equal((await steward.owner.delete(`/api/filesystem-whitelist/${path}`)).status, 404)
  })

  it('refuses what is no folder, and what may never be opened', async () => {
    const inside = join(steward.dataDir, 'trash')
    const refused = [
      join(base, 'none'),
      join(base, 'file.txt'),
      'docs',
      '/',
      homedir(),
      '/home',
      steward.dataDir,
      dirname(steward.dataDir),
      inside,
      '/etc',
      '/proc',
      '/dev',
    ]
    for (const path of refused) {
      const { status, body } = await folders({ path })
      assert.equal(status, 400, path)
      assert.equal(body.detail[0].path, 'path', path)
    }
    assert.deepEqual((await steward.owner.get('/api/filesystem-whitelist')).body, [])
  })

  it('is picked from a listing that leaves out closed and hidden places', async () => {
    mkdirSync(join(base, '.hidden'))
    const { body } = await steward.owner.get(`/api/filesystem-browser?path=${encodeURIComponent(base)}`)
    assert.deepEqual(body, {
      path: base,
      entries: [
        { name: 'my docs', type: 'dir' },
        { name: 'file.txt', type: 'file' },
      ],
    })
    const status = async (path: string) =>
      (await steward.owner.get(`/api/filesystem-browser?path=${encodeURIComponent(path)}`)).status
    assert.equal(await status(steward.dataDir), 403)
    assert.equal(await status('/etc'), 403)
    assert.equal(await status(join(base, '.hidden')), 403)
    assert.equal(await status(join(base, 'none')), 404)
    assert.equal(await status('relative'), 400)
    assert.equal(await status(join(base, 'file.txt')), 400)
    const top = await steward.owner.get('/api/filesystem-browser')
    assert.ok(!top.body.entries.some(({ name }: { name: string }) => ['etc', 'proc', 'sys', 'dev'].includes(name)))
  })
})

describe('the listing of folders', () => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'browsed-')))
  const asked = (path: string) => steward.owner.get(`/api/filesystem-browser?path=${encodeURIComponent(path)}`)
  mkdirSync(join(base, 'in'))
  mkdirSync(join(base, '.ssh'))
  mkdirSync(join(base, 'in', 'deep'))
  symlinkSync('/etc', join(base, 'to-etc'))
  symlinkSync(join(base, '.ssh'), join(base, 'to-hidden'))
  symlinkSync(join(base, 'loop'), join(base, 'loop'))

  it('shows no link, and follows none into a closed or hidden place', async () => {
    symlinkSync(steward.dataDir, join(base, 'to-data'))
    assert.deepEqual((await asked(base)).body.entries, [{ name: 'in', type: 'dir' }])
    for (const name of ['to-etc', 'to-hidden', 'to-data', 'to-data/files', 'to-etc/ssh'])
      assert.equal((await asked(join(base, name))).status, 403, name)
    assert.equal((await asked(join(base, 'loop'))).status, 404)
  })

  it('cannot be led out of open places by dots, doubled slashes, encodings or lengths', async () => {
    const out = `${base}/in/../..`.split('/').length
    const ways = [
      `${base}/in/${'../'.repeat(out)}etc`,
      `${base}/in/deep/../../.ssh`,
      `//etc`,
      `/etc/`,
      `/./etc/.`,
      `/proc/self/root/etc`,
      `/proc/self/cwd`,
      `/dev/fd`,
    ]
    for (const path of ways) assert.equal((await asked(path)).status, 403, path)
    for (const path of ['%2fetc', 'file:///etc', '\\\\host\\share', '~', 'C:\\'])
      assert.equal((await asked(path)).status, 400, path)
    assert.equal((await asked(`${base}\0/in`)).status, 400)
    assert.equal((await asked(`/${'x'.repeat(4_000)}`)).status, 404)
    assert.equal((await asked(`/${'x'.repeat(5_000)}`)).status, 400)
    assert.equal((await steward.owner.get('/api/filesystem-browser?path=/etc&path=/tmp')).status, 400)
  })

  it('says the same of what is in a closed place and of what is not', async () => {
    const [there, nowhere] = await Promise.all([asked('/etc/passwd'), asked('/etc/no-such-thing')])
    assert.deepEqual([there.status, there.body], [nowhere.status, nowhere.body])
    const hidden = await Promise.all([asked(join(base, '.ssh')), asked(join(base, '.nothing'))])
    assert.deepEqual(hidden[0].body, hidden[1].body)
  })

  it('is the whole way back up for dots that stay inside', async () => {
    assert.equal((await asked(`${base}/in/deep/..`)).body.path, join(base, 'in'))
  })
})

describe('both lists', () => {
  it('are read with the scope read and changed with the scope admin', async () => {
    const reader = steward.anybody(await makeKey(steward.owner, ['read']))
    assert.equal((await reader.get('/api/web-whitelist')).status, 200)
    assert.equal((await reader.post('/api/web-whitelist', { domain: 'example.edu' })).status, 403)
    assert.equal((await reader.get('/api/filesystem-browser')).status, 403)
    const admin = steward.anybody(await makeKey(steward.owner, ['admin']))
    assert.equal((await admin.post('/api/web-whitelist', { domain: 'example.edu' })).status, 200)
  })
})
