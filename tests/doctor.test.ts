import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readConfig } from '../services/config.ts'
import { examine } from '../services/doctor/doctor.ts'
import { diskFindings } from '../services/doctor/files.ts'
import type { Finding, House } from '../services/doctor/finding.ts'
import { newAgent } from './peers/agents.ts'
import { MISSING, startWalk } from './peers/browser.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { refused } from './peers/refused.ts'
import { makeKey, OWNER, startSteward, type Steward } from './steward.ts'

const ROOT = join(import.meta.dirname, '..')

let steward: Steward

before(async () => {
  steward = await startSteward()
})
after(() => steward[Symbol.asyncDispose]())

const report = async (house = steward) =>
  (await house.owner.get('/api/doctor')).body as { items: Finding[]; ok: boolean }

async function finding(id: string, house = steward): Promise<Finding | undefined> {
  const { items } = await report(house)
  const found = items.filter((one) => one.id === id)
  assert.ok(found.length <= 1, `${id} is there ${found.length} times`)
  return found[0]
}

/** The finding is there with this severity and these words while `mended` was not called, and gone after. */
async function findsUntil(id: string, severity: string, words: RegExp, mended: () => unknown): Promise<void> {
  const found = await finding(id)
  assert.equal(found?.severity, severity, `${id}: ${JSON.stringify(found)}`)
  assert.match(`${found.title} ${found.detail}`, words)
  await mended()
  assert.equal(await finding(id), undefined, `${id} is still there`)
}

const set = (name: string, value: unknown) =>
  withDatabase(steward.dataDir, (db) =>
    db
      .prepare(
        'INSERT INTO settings (name, value, updated_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      )
      .run(name, JSON.stringify(value), new Date().toISOString()),
  )
const unset = (...names: string[]) =>
  withDatabase(steward.dataDir, (db) =>
    names.forEach((name) => db.prepare('DELETE FROM settings WHERE name = ?').run(name)),
  )
const inDatabase = (sql: string, ...values: unknown[]) =>
  withDatabase(steward.dataDir, (db) => db.prepare(sql).run(...values))

describe('the doctor of a fresh house', () => {
  it('finds nothing wrong, and says what there is to know', async () => {
    const { items, ok } = await report()
    assert.equal(ok, true)
    assert.deepEqual(items.filter(({ severity, id }) => severity !== 'info' && id !== 'disk'), []) // prettier-ignore
    for (const id of ['key-beside-database', 'backup', 'budgets', 'domains-default'])
      assert.ok(items.some((one) => one.id === id), id) // prettier-ignore
    for (const { title, fix } of items) assert.ok(/[.]$/.test(title) && fix.length > 5)
  })

  it('is for administrators, by key with the scope admin', async () => {
    const other = await anotherUser(steward)
    refused(await other.get('/api/doctor'), 403, 'forbidden')
    refused(await steward.anybody(await makeKey(steward.owner, ['read'])).get('/api/doctor'), 403, 'forbidden')
  })
})

describe('the doctor looks at the data folder', () => {
  const path = (name: string) => join(steward.dataDir, name)

  it('and at the mode of the master key', async () => {
    chmodSync(path('master.key'), 0o640)
    await findsUntil('key-file-mode', 'warning', /0640/, () => chmodSync(path('master.key'), 0o600))
    chmodSync(steward.dataDir, 0o755)
    chmodSync(path('master.key'), 0o644)
    assert.equal((await report()).ok, false)
    await findsUntil('key-file-mode', 'critical', /0644/, () => chmodSync(path('master.key'), 0o600))
    chmodSync(steward.dataDir, 0o700)
  })

  it('and at what others can read or change in it, where they can get in', async () => {
    chmodSync(path('steward.sqlite'), 0o644)
    chmodSync(path('backups'), 0o755)
    assert.equal(await finding('data-folder-open'), undefined, 'nobody gets in')
    chmodSync(steward.dataDir, 0o711)
    assert.match((await finding('data-folder-open'))!.detail, /backups, steward\.sqlite/)
    chmodSync(path('backups'), 0o700)
    await findsUntil('data-folder-open', 'critical', /: steward\.sqlite\./, () =>
      chmodSync(path('steward.sqlite'), 0o600),
    )
    chmodSync(steward.dataDir, 0o777)
    await findsUntil('data-folder-writable', 'critical', /0777/, () => chmodSync(steward.dataDir, 0o700))
  })

  it('and at a set-up token that was left there', async () => {
    writeFileSync(path('setup-token'), 'left')
    await findsUntil('setup-token', 'warning', /still lies/, () => rmSync(path('setup-token')))
  })

  it('and at the age of the newest backup', async () => {
    const file = join(path('backups'), 'a.sqlite')
    writeFileSync(file, '')
    assert.equal(await finding('backup'), undefined)
    const then = new Date(Date.now() - 40 * 86_400_000)
    utimesSync(file, then, then)
    assert.match((await finding('backup'))!.title, /40 days old/)
    rmSync(file)
    assert.match((await finding('backup'))!.title, /no backup yet/)
  })

  it('and at the room that is left', () => {
    assert.deepEqual(diskFindings('/', 5_000), [])
    assert.equal(diskFindings('/', 500)[0]!.severity, 'warning')
    assert.equal(diskFindings('/', 50)[0]!.severity, 'critical')
  })
})

describe('the doctor looks at the settings', () => {
  it('flow guard off is critical', async () => {
    set('flow_guard', false)
    assert.equal((await report()).ok, false)
    await findsUntil('flow-guard', 'critical', /strangers/, () => unset('flow_guard'))
  })

  it('and at what checks for secrets, at long questions, large limits and no budget', async () => {
    set('output_validation', false)
    await findsUntil('output-validation', 'warning', /not checked/, () => unset('output_validation'))
    set('approval_timeout_unattended_s', 30 * 86_400)
    await findsUntil('approval-timeouts', 'warning', /720 hours/, () => unset('approval_timeout_unattended_s'))
    set('approval_timeout_chat_s', 2 * 86_400)
    await findsUntil('approval-timeouts', 'warning', /48 hours/, () => unset('approval_timeout_chat_s'))
    await steward.owner.post('/api/settings/limits', { max_autonomous_runs_per_hour: 5_000 })
    await findsUntil('limits', 'warning', /5000 runs an hour/, () =>
      steward.owner.post('/api/settings/limits', { max_autonomous_runs_per_hour: 10 }),
    )
    await findsUntil('budgets', 'info', /no limit/, () =>
      steward.owner.post('/api/settings/limits', { daily_budget_usd: 5 }),
    )
    await steward.owner.post('/api/settings/limits', { daily_budget_usd: null })
  })
})

describe('the doctor looks at who may do what', () => {
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
  const remove = async (name: string) => inDatabase('DELETE FROM api_keys WHERE name = ?', name)

  it('and at API keys without an end, without use, and for the owner’s words', async () => {
    const { owner } = steward
    await owner.post('/api/api-keys', { name: 'strong', scopes: ['approve'] })
    await findsUntil('keys-endless', 'warning', /"strong" \(\w{8}\)/, () => remove('strong'))
    await owner.post('/api/api-keys', { name: 'brief', scopes: ['admin'], expires_at: ago(-30) })
    assert.equal(await finding('keys-endless'), undefined)
    inDatabase('UPDATE api_keys SET created_at = ? WHERE name = ?', ago(100), 'brief')
    await findsUntil('keys-unused', 'warning', /"brief"/, () =>
      inDatabase('UPDATE api_keys SET last_used_at = ?', ago(1)),
    )
    inDatabase('UPDATE api_keys SET last_used_at = ? WHERE name = ?', ago(91), 'brief')
    await findsUntil('keys-unused', 'warning', /"brief"/, () => remove('brief'))
    await owner.post('/api/api-keys', { name: 'words', scopes: ['run'], input: 'owner' })
    await findsUntil('keys-owner-input', 'info', /"words"/, () => remove('words'))
  })

  it('and at agents that start by themselves with every tool', async () => {
    const { id } = await newAgent(steward.owner, { name: 'Broad', schedule: '0 7 * * *' })
    await findsUntil('agents-all-tools', 'warning', /"Broad"/, () =>
      steward.owner.put(`/api/agents/${id}`, { allowed_tools: ['web'] }),
    )
    const { body: task } = await steward.owner.post('/api/tasks', {
      name: 'Wide',
      prompt: 'Go.',
      schedule: '0 7 * * *',
    })
    await findsUntil('agents-all-tools', 'warning', /"Wide"/, () => steward.owner.delete(`/api/tasks/${task.id}`))
  })

  it('and at grants that cover much', async () => {
    const { id: agent } = await newAgent(steward.owner, { name: 'Trusted' })
    const user = (await steward.owner.get('/api/auth/me')).body.id
    const grant = (more: { destinations?: string[]; strangers?: number; perDay?: number; end?: string | null }) => {
      const { destinations = ['a'], strangers = 0, perDay = 5, end = ago(-9) } = more
      inDatabase('DELETE FROM grants')
      inDatabase(
        `INSERT INTO grants (id, user_id, agent_id, operation, destinations, after_third_party, per_day, expires_at, created_at)
         VALUES (?, ?, ?, 'webhook.send_to_target', ?, ?, ?, ?, ?)`,
        randomUUID(), user, agent, JSON.stringify(destinations), strangers, perDay, end, ago(0),
      ) // prettier-ignore
    }
    const revoke = () => inDatabase('DELETE FROM grants')
    grant({})
    for (const id of ['grants-wide', 'grants-many', 'grants-endless']) assert.equal(await finding(id), undefined)
    grant({ destinations: ['a', 'b', 'c', 'd'], strangers: 1 })
    await findsUntil('grants-wide', 'warning', /webhook\.send_to_target of Trusted/, revoke)
    grant({ perDay: 51 })
    await findsUntil('grants-many', 'warning', /Trusted/, revoke)
    grant({ end: null })
    await findsUntil('grants-endless', 'info', /Trusted/, revoke)
    grant({ end: ago(1), perDay: 51 })
    assert.equal(await finding('grants-many'), undefined, 'one that is over')
    revoke()
  })
})

describe('the doctor looks at the lists', () => {
  it('and at folders that others can write into', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'papers-'))
    const label = (written_by: string) =>
      steward.owner.put(`/api/filesystem-whitelist/${encodeURIComponent(folder)}`, { written_by })
    await steward.owner.post('/api/filesystem-whitelist', { path: folder, written_by: 'me' })
    chmodSync(folder, 0o777)
    await findsUntil('folders-mine-open', 'critical', new RegExp(folder), () => label('others'))
    await findsUntil('folders-open', 'info', new RegExp(folder), () => chmodSync(folder, 0o770))
    await label('me')
    await findsUntil('folders-mine-group', 'warning', new RegExp(folder), () => chmodSync(folder, 0o700))
    rmSync(folder, { recursive: true })
    await findsUntil('folders-gone', 'info', new RegExp(folder), () => mkdirSync(folder))
    await steward.owner.delete(`/api/filesystem-whitelist/${encodeURIComponent(folder)}`)
    const downloads = join(folder, 'Downloads')
    mkdirSync(downloads, { mode: 0o700 })
    await steward.owner.post('/api/filesystem-whitelist', { path: downloads, written_by: 'me' })
    await findsUntil('folders-mine-drop', 'warning', /Downloads/, () =>
      steward.owner.delete(`/api/filesystem-whitelist/${encodeURIComponent(downloads)}`),
    )
  })

  it('and at sites nobody chose, and those that may be told private things', async () => {
    const { body } = await steward.owner.get('/api/web-whitelist')
    await findsUntil('domains-default', 'info', /wikipedia\.org/, async () => {
      for (const { domain } of body) await steward.owner.put(`/api/web-whitelist/${domain}`, { note: 'I use it' })
    })
    await steward.owner.post('/api/web-whitelist', { domain: 'mine.example', private_ok: true })
    await findsUntil('domains-private', 'info', /mine\.example/, () =>
      steward.owner.delete('/api/web-whitelist/mine.example'),
    )
  })
})

describe('the doctor looks at the clock', () => {
  it('which is behind where something was done in the future', async () => {
    const chat = await steward.owner.chat(randomUUID())
    await chat.ask('Hello')
    await chat.close()
    assert.equal(await finding('clock'), undefined)
    inDatabase('UPDATE runs SET created_at = ?', '2099-01-01T00:00:00.000Z')
    await findsUntil('clock', 'warning', /2099/, () =>
      inDatabase('UPDATE runs SET created_at = ?', new Date().toISOString()),
    )
  })
})

describe('the doctor looks at how the house can be reached', () => {
  const house = (env: Record<string, string>, more: Partial<House> = {}): House => ({
    config: readConfig({ DATA_DIR: '/nowhere', ...env }),
    now: new Date('2026-11-25T00:00:00Z'),
    nodeVersion: '24.21.0',
    inContainer: false,
    ...more,
  })
  const found = (one: House) => examine(one, undefined).items.filter(({ id }) => id !== 'backup').map(({ id, severity }) => `${severity} ${id}`) // prettier-ignore
  const OPEN = { HOST: '0.0.0.0', ALLOW_PLAIN_HTTP: '1' }
  const HTTPS = { PUBLIC_URL: 'https://steward.example.org' }

  for (const [name, one, expected] of [
    ['on loopback', house({}), []],
    ['open and unencrypted', house(OPEN), ['critical plain-http']],
    ['open and unencrypted in a container', house(OPEN, { inContainer: true }), ['warning plain-http']],
    ['behind a proxy', house({ HOST: '0.0.0.0', ...HTTPS, TRUST_PROXY: '1' }), []],
    [
      'behind a proxy of which nothing is known',
      house({ HOST: '0.0.0.0', TRUST_PROXY: '1' }),
      ['warning proxy-without-https'],
    ],
    ['behind a proxy whose visitors look alike', house({ ...HTTPS }), ['info trust-proxy-missing']],
    [
      'where anybody is a proxy',
      house({ HOST: '0.0.0.0', ...HTTPS, TRUST_PROXY: 'true' }),
      ['warning trust-proxy-all'],
    ],
    ['with a NAS', house({ ALLOWED_PRIVATE_HOSTS: 'nas.lan:443' }), ['info private-hosts']],
    [
      'with a whole network',
      house({ ALLOWED_PRIVATE_HOSTS: Array.from({ length: 11 }, (_, n) => `10.0.0.${n}:80`).join() }),
      ['warning private-hosts'],
    ],
    [
      'with its own machine',
      house({ ALLOWED_PRIVATE_HOSTS: 'localhost:6379,[::1]:80' }),
      ['warning private-hosts-loopback'],
    ],
    [
      'with the metadata service',
      house({ ALLOWED_PRIVATE_HOSTS: '169.254.169.254:80' }),
      ['critical private-hosts-metadata'],
    ],
    [
      'with metadata in IPv6',
      house({ ALLOWED_PRIVATE_HOSTS: '[fd00:ec2::254]:80' }),
      ['critical private-hosts-metadata'],
    ],
    [
      'with a public address',
      house({ ALLOWED_PRIVATE_HOSTS: '8.8.8.8:80' }),
      ['info private-hosts', 'info private-hosts-public'],
    ],
    ['on a Node that has ended', house({}, { nodeVersion: '20.20.2' }), ['warning node']],
    ['on an odd Node', house({}, { nodeVersion: '25.1.0' }), ['warning node']],
    ['on a Node that has ended by now', house({}, { now: new Date('2028-05-01T00:00:00Z') }), ['warning node']],
    ['on a Node of tomorrow', house({}, { nodeVersion: '28.0.0' }), []],
  ] as [string, House, string[]][]) {
    it(name, () => assert.deepEqual(found(one), expected))
  }

  it('over HTTP too', async () => {
    await using open = await startSteward({ env: OPEN })
    const severity = existsSync('/.dockerenv') || existsSync('/run/.containerenv') ? 'warning' : 'critical'
    assert.equal((await finding('plain-http', open))?.severity, severity)
  })

  it('and a key elsewhere that everybody can read, or one that was left behind', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'key-')), 'master.key')
    writeFileSync(file, Buffer.alloc(32, 7).toString('base64'))
    await using elsewhere = await startSteward({ env: { STEWARD_MASTER_KEY_FILE: file } })
    assert.equal(await finding('key-beside-database', elsewhere), undefined)
    assert.equal((await finding('key-file-mode', elsewhere))?.severity, 'warning')
    chmodSync(file, 0o600)
    assert.equal(await finding('key-file-mode', elsewhere), undefined)
    writeFileSync(join(elsewhere.dataDir, 'master.key'), '')
    assert.equal((await finding('key-left-behind', elsewhere))?.severity, 'info')
  })
})

describe('npm run doctor', () => {
  /** The doctor as its own process; `built` is what the container image has. */
  function doctor(
    env: Record<string, string>,
    program: string,
    ...args: string[]
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const cwd = mkdtempSync(join(tmpdir(), 'cwd-'))
    const child = spawn(process.execPath, [program, 'doctor', ...args], {
      cwd,
      env: { PATH: process.env.PATH ?? '', ...env },
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => (stdout += String(chunk)))
    child.stderr.on('data', (chunk) => (stderr += String(chunk)))
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
  }
  const BUILT = join(ROOT, 'dist', 'cli.js')
  const SOURCE = join(ROOT, 'cli.ts')

  it('says the same as the running house, from the sources and built, and changes nothing', async () => {
    const { items, ok } = await report()
    const files = readdirSync(steward.dataDir, { recursive: true })
    for (const program of [BUILT, SOURCE]) {
      const { code, stdout } = await doctor({ DATA_DIR: steward.dataDir }, program, '--json')
      assert.deepEqual(JSON.parse(stdout), { items, ok })
      assert.equal(code, 0)
    }
    assert.deepEqual(readdirSync(steward.dataDir, { recursive: true }), files)
  })

  it('works while Steward is stopped, and ends with 1 where something is critical', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const house = await startSteward({ dataDir })
    await house.stop()
    const calm = await doctor({ DATA_DIR: dataDir }, BUILT)
    assert.equal(calm.code, 0, calm.stdout + calm.stderr)
    assert.match(calm.stdout, /0 critical, \d+ warnings, \d+ to know\.\n$/)
    chmodSync(dataDir, 0o777)
    const { code, stdout } = await doctor({ DATA_DIR: dataDir }, BUILT)
    assert.equal(code, 1)
    assert.match(stdout, /critical: Others on this machine can change[^]+→ Run: chmod 700/)
  })

  it('before the set-up says that nobody is the owner yet', async () => {
    await using house = await startSteward({ setUp: false })
    const { code, stdout } = await doctor({ DATA_DIR: house.dataDir }, BUILT)
    assert.match(stdout, /Nobody is set up yet/)
    assert.equal(code, 0)
  })

  it('without a database, with one of another version, or with a wrong environment says so', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    assert.match((await doctor({ DATA_DIR: dataDir }, BUILT)).stdout, /There is no database here yet/)
    withDatabase(dataDir, (db) => db.pragma('user_version = 1'))
    assert.match((await doctor({ DATA_DIR: dataDir }, BUILT)).stdout, /Start this version of Steward once/)
    const wrong = await doctor({ DATA_DIR: dataDir, HOST: '0.0.0.0' }, BUILT)
    assert.deepEqual([wrong.code, /critical: Steward does not start[^]+HOST=0\.0\.0\.0/.test(wrong.stdout)], [1, true])
  })
})

describe('the doctor on the page', { skip: MISSING }, () => {
  it('says at home what is critical and leads to what mends it', async (test) => {
    const walk = await startWalk()
    test.after(() => walk.browser.close())
    const { page } = walk
    await page.request.post(`${steward.url}/api/auth/login`, { data: OWNER })
    await page.goto(`${steward.url}/settings/doctor`)
    await page.getByText('Nothing needs mending.').waitFor()
    await walk.picture('doctor-calm')
    await walk.accessible('doctor-calm')
    set('flow_guard', false)
    set('output_validation', false)
    await page.goto(steward.url)
    await page.getByText(/The flow guard is off/).waitFor()
    await walk.picture('home-exposed')
    await page.getByRole('link', { name: 'How to mend it' }).click()
    await page.getByRole('heading', { name: 'Mend this now' }).waitFor()
    await walk.picture('doctor')
    await walk.accessible('doctor')
    unset('flow_guard', 'output_validation')
    await page.getByRole('button', { name: 'Look again' }).click()
    await page.getByText('Nothing needs mending.').waitFor()
    assert.deepEqual(walk.complaints, [])
  })
})

describe('the doctor looks at how administrators come in', () => {
  it('and minds a password alone where others can reach the page, and nowhere else', async () => {
    assert.equal(await finding('admin-one-factor'), undefined, 'only this machine reaches it')
    await using house = await startSteward({ env: { PUBLIC_URL: 'https://steward.example.org' } })
    const anna = (set: string) => withDatabase(house.dataDir, (db) => db.exec(set))
    const found = await finding('admin-one-factor', house)
    assert.equal(found?.severity, 'warning')
    assert.match(found.detail, /^anna: /)
    anna('UPDATE users SET totp_active = 1')
    assert.equal(await finding('admin-one-factor', house), undefined)
    anna('UPDATE users SET totp_active = 0')
    anna(
      `INSERT INTO passkeys (id, user_id, credential_id, public_key, name, created_at) SELECT 'p', id, 'c', '', 'n', '' FROM users`,
    )
    assert.equal(await finding('admin-one-factor', house), undefined)
  })
})
