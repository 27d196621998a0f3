import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newAgent, reached } from './peers/agents.ts'
import { codeAt } from './peers/authenticator.ts'
import { withDatabase } from './peers/database.ts'
import type { Client } from './steward.ts'
import { makeKey, OWNER, startSteward, type Answer, type Steward } from './steward.ts'

let steward: Steward
let owner: Client

before(async () => {
  steward = await startSteward()
  owner = steward.owner
})
after(() => steward[Symbol.asyncDispose]())

const USERS = '/api/admin/users'
const PASSWORD = 'a long sentence is good'
const at = (id: string) => `${USERS}/${id}`
const list = async (): Promise<any[]> => (await owner.get(USERS)).body
const audited = async (): Promise<any> => (await owner.get('/api/audit?kind=user')).body.entries[0]

function refused({ status, body }: Answer, wanted: number, code: string): void {
  assert.deepEqual([status, body.code], [wanted, code], JSON.stringify(body))
}

let made = 0
async function newUser(more: object = {}): Promise<{ id: string; username: string; client: Client }> {
  const username = `user${++made}`
  const { status, text, body } = await owner.post(USERS, { username, password: PASSWORD, ...more })
  assert.equal(status, 201, text)
  return { id: body.id, username, client: await signedIn(username) }
}

async function signedIn(username: string, password = PASSWORD): Promise<Client> {
  const client = steward.anybody()
  assert.equal((await client.post('/api/auth/login', { username, password })).status, 200)
  return client
}

/** A browser whose password was given too long ago. */
async function staleOwner(): Promise<Client> {
  const stale = await signedIn(OWNER.username, OWNER.password)
  withDatabase(steward.dataDir, (db) =>
    db
      .prepare(
        `UPDATE http_sessions SET data = json_set(data, '$.confirmedAt', 0) WHERE public_id = (SELECT max(public_id) FROM http_sessions)`,
      )
      .run(),
  )
  return stale
}

describe('the people of the house', () => {
  it('are the owner alone at first', async () => {
    const [only, ...others] = await list()
    assert.deepEqual(others, [])
    const { id, created_at, last_seen_at, ...rest } = only
    assert.deepEqual(rest, { username: OWNER.username, role: 'admin', is_active: true, mfa_enabled: false })
    assert.equal(id, (await owner.get('/api/auth/me')).body.id)
    assert.ok(Date.parse(created_at) <= Date.parse(last_seen_at))
  })

  it('are added with a password of their own, as users unless said otherwise', async () => {
    const answer = await owner.post(USERS, { username: 'alice', password: PASSWORD, role: 'user' })
    assert.equal(answer.status, 201)
    const { id, created_at, ...rest } = answer.body
    assert.deepEqual(rest, {
      username: 'alice',
      role: 'user',
      is_active: true,
      mfa_enabled: false,
      last_seen_at: null,
    })
    assert.ok(id && created_at)
    const alice = await signedIn('alice')
    const { id: ownId, username, role } = (await alice.get('/api/auth/me')).body
    assert.deepEqual([ownId, username, role], [id, 'alice', 'user'])
    const one = (await owner.get(at(id))).body
    assert.deepEqual(one.belongings, { conversations: 0, agents: 0, tasks: 0, api_keys: 0, files: 0 })
    assert.notEqual(one.last_seen_at, null)
    assert.equal((await audited()).action, 'created')
    assert.ok(!answer.text.includes(PASSWORD) && !(await owner.get('/api/audit')).text.includes(PASSWORD))
  })

  it('have names that nobody else has, in any case of letters', async () => {
    refused(await owner.post(USERS, { username: 'Alice', password: PASSWORD }), 409, 'conflict')
    refused(await owner.post(USERS, { username: OWNER.username, password: PASSWORD }), 409, 'conflict')
    const body = { username: 'at-once', password: PASSWORD }
    const answers = await Promise.all(Array.from({ length: 5 }, () => owner.post(USERS, body)))
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409, 409, 409, 409])
  })

  for (const [field, body] of [
    ['username', { username: '', password: PASSWORD }],
    ['username', { username: 'two words', password: PASSWORD }],
    ['username', { username: 'a\u202eb', password: PASSWORD }],
    ['username', { password: PASSWORD }],
    ['password', { username: 'bob', password: 'short' }],
    ['password', { username: 'bob' }],
    ['role', { username: 'bob', password: PASSWORD, role: 'owner' }],
    ['is_active', { username: 'bob', password: PASSWORD, is_active: false }],
  ] as const)
    it(`are not made from ${JSON.stringify(body)}`, async () => {
      const answer = await owner.post(USERS, body)
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, field)
    })

  it('are made once where a request is sent again', async () => {
    const options = { headers: { 'idempotency-key': 'again' } }
    const body = { username: 'twin', password: PASSWORD }
    const [first, second] = [await owner.post(USERS, body, options), await owner.post(USERS, body, options)]
    assert.deepEqual([first.status, second.status], [201, 201])
    assert.equal(first.body.id, second.body.id)
    const kept = withDatabase(steward.dataDir, (db) =>
      JSON.stringify(db.prepare('SELECT * FROM idempotency_keys').all()),
    )
    assert.ok(!kept.includes(PASSWORD))
  })
})

describe('an administrator', () => {
  it('changes what is given and leaves the rest', async () => {
    const { id } = await newUser()
    assert.deepEqual((await owner.put(at(id), { role: 'admin' })).body, { ok: true })
    assert.deepEqual((await owner.put(at(id), { is_active: false })).body, { ok: true })
    const entry = (await list()).find((one) => one.id === id)
    assert.deepEqual([entry.role, entry.is_active], ['admin', false])
    const { action, outcome } = await audited()
    assert.deepEqual([action, outcome], ['changed', 'deactivated'])
    assert.deepEqual((await owner.put(at(id), {})).body, { ok: true })
    assert.equal((await audited()).outcome, 'deactivated', 'nothing was changed, nothing is written')
  })

  it('cannot write fields that are not theirs to write', async () => {
    const { id } = await newUser()
    for (const body of [
      { username: 'x' },
      { mfa_enabled: false },
      { role: 'root' },
      { is_active: 1 },
      { password: 'x' },
    ])
      refused(await owner.put(at(id), body), 400, 'invalid')
    for (const unknown of [randomUUID(), 'x', '%00'])
      for (const answer of [
        await owner.get(at(unknown)),
        await owner.put(at(unknown), {}),
        await owner.delete(at(unknown)),
      ])
        refused(answer, 404, 'not_found')
  })

  it('gives somebody a new password, which ends their sessions', async () => {
    const { id, username, client } = await newUser()
    assert.equal((await owner.put(at(id), { password: 'another sentence' })).status, 200)
    refused(await client.get('/api/auth/me'), 401, 'unauthorized')
    refused(
      await steward.anybody().post('/api/auth/login', { username, password: PASSWORD }),
      401,
      'invalid_credentials',
    )
    await signedIn(username, 'another sentence')
    const { action, subject, actor } = await audited()
    assert.deepEqual([action, subject, actor], ['password changed', username, 'web:anna'])
    const { id: own } = (await owner.get('/api/auth/me')).body
    const second = await signedIn(OWNER.username, OWNER.password)
    assert.equal((await owner.put(at(own), { password: OWNER.password })).status, 200)
    refused(await second.get('/api/auth/me'), 401, 'unauthorized')
    assert.equal((await owner.get('/api/auth/me')).status, 200, 'one’s own session goes on')
  })

  it('is asked for the password again before an administrator is made, a password given or somebody removed', async () => {
    const { id } = await newUser()
    const stale = await staleOwner()
    refused(await stale.put(at(id), { role: 'admin' }), 403, 'password_required')
    refused(await stale.put(at(id), { password: 'another sentence' }), 403, 'password_required')
    refused(await stale.post(USERS, { username: 'x', password: PASSWORD, role: 'admin' }), 403, 'password_required')
    refused(await stale.delete(at(id)), 403, 'password_required')
    assert.equal((await stale.put(at(id), { is_active: true })).status, 200)
    await stale.post('/api/auth/confirm', { password: OWNER.password })
    assert.equal((await stale.delete(at(id))).status, 200)
  })

  it('who is a key adds people and turns them on and off, and reaches no further', async () => {
    const script = steward.anybody(await makeKey(owner, ['admin']))
    const { status, body } = await script.post(USERS, { username: 'by-script', password: PASSWORD })
    assert.equal(status, 201)
    assert.equal((await script.put(at(body.id), { is_active: false })).status, 200)
    refused(await script.put(at(body.id), { role: 'admin' }), 403, 'forbidden')
    refused(await script.put(at(body.id), { password: 'another sentence' }), 403, 'forbidden')
    refused(await script.post(USERS, { username: 'x', password: PASSWORD, role: 'admin' }), 403, 'forbidden')
    assert.equal((await script.delete(at(body.id))).status, 200)
  })

  it('cannot remove themselves', async () => {
    const { id, client } = await newUser({ role: 'admin' })
    refused(await client.delete(at(id)), 409, 'conflict')
    assert.equal((await client.put(at(id), { role: 'user' })).status, 200, 'but step down')
    refused(await client.get(USERS), 403, 'forbidden')
  })
})

describe('two-factor sign-in of somebody else', () => {
  it('is set up by an administrator, in force with their first code, and turned off again', async () => {
    const { id, username } = await newUser()
    const { status, body } = await owner.post(`${at(id)}/mfa-setup`, {})
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(body).toSorted(), ['provisioning_uri', 'qr_code'])
    assert.match(body.qr_code, /^data:image\/png;base64,/)
    const uri = new URL(body.provisioning_uri)
    assert.equal(uri.pathname, `/Steward:${username}`)
    const isOn = async () => (await owner.get(at(id))).body.mfa_enabled as boolean
    const logIn = (more: object = {}) =>
      steward.anybody().post('/api/auth/login', { username, password: PASSWORD, ...more })
    assert.equal((await logIn()).status, 200, 'not in force yet')
    assert.equal(await isOn(), false)
    assert.equal((await logIn({ code: codeAt(uri.searchParams.get('secret')!) })).status, 200)
    assert.equal(await isOn(), true)
    refused(await logIn(), 401, 'totp_required')
    refused(await owner.post(`${at(id)}/mfa-setup`, {}), 409, 'conflict')
    assert.deepEqual((await owner.post(`${at(id)}/mfa-disable`, {})).body, { ok: true })
    assert.equal(await isOn(), false)
    assert.equal((await logIn()).status, 200)
    assert.deepEqual(
      (await owner.post(`${at(id)}/mfa-disable`, {})).body,
      { ok: true },
      'where it is off, it stays off',
    )
  })

  it('takes the password again and a browser, and somebody who is there', async () => {
    const { id } = await newUser()
    const stale = await staleOwner()
    const script = steward.anybody(await makeKey(owner, ['admin']))
    for (const act of ['mfa-setup', 'mfa-disable']) {
      refused(await stale.post(`${at(id)}/${act}`, {}), 403, 'password_required')
      refused(await script.post(`${at(id)}/${act}`, {}), 403, 'forbidden')
      refused(await owner.post(`${at(randomUUID())}/${act}`, {}), 404, 'not_found')
    }
  })
})

describe('the last active administrator', () => {
  const me = async () => (await owner.get('/api/auth/me')).body.id as string

  it('cannot be demoted, deactivated or removed', async () => {
    const { id, client } = await newUser({ role: 'admin' })
    await owner.put(at(id), { is_active: false })
    for (const body of [{ role: 'user' }, { is_active: false }, { role: 'user', is_active: true }])
      refused(await owner.put(at(await me()), body), 409, 'conflict')
    await owner.put(at(id), { is_active: true })
    refused(await client.get('/api/auth/me'), 401, 'unauthorized')
    await owner.put(at(id), { role: 'user' })
  })

  it('stays where two take each other down at once', async () => {
    await using house = await startSteward()
    const made = await house.owner.post(USERS, { username: 'second', password: PASSWORD, role: 'admin' })
    const second = house.anybody()
    await second.post('/api/auth/login', { username: 'second', password: PASSWORD })
    const first = (await house.owner.get('/api/auth/me')).body.id
    const answers = await Promise.all([
      house.owner.put(at(made.body.id), { role: 'user' }),
      second.put(at(first), { is_active: false }),
    ])
    assert.equal(answers.filter(({ status }) => status === 200).length, 1, JSON.stringify(answers))
    const admins = withDatabase(house.dataDir, (db) =>
      db.prepare(`SELECT count(*) FROM users WHERE role = 'admin' AND is_active = 1`).pluck().get(),
    )
    assert.equal(admins, 1)
  })
})

describe('deactivating somebody', () => {
  it('ends their sessions, keys and sockets, and what they have going', async () => {
    const { id, username, client } = await newUser()
    const key = steward.anybody(await makeKey(client, ['read', 'run']))
    const byCookie = await client.chat(randomUUID())
    const byKey = await key.chat(randomUUID())
    const agent = await newAgent(client, { prompt: '/filesystem.write_file path="/tmp/x" content="y"' })
    const going = await client.post('/api/webhook-targets', {
      name: 'door',
      url: 'https://door.example/',
      owner: false,
    })
    assert.equal(going.status, 201)
    const { body } = await client.post(`/api/agents/${agent.id}/run`, {
      message: '/webhook.send_to_target target="door" body="x"',
    })
    await reached(client, body.run_id, ({ status }) => status === 'waiting')

    assert.equal((await owner.put(at(id), { is_active: false })).status, 200)
    await Promise.all([byCookie.closed, byKey.closed])
    refused(await client.get('/api/auth/me'), 401, 'unauthorized')
    refused(await key.get('/api/agents'), 401, 'unauthorized')
    await assert.rejects(key.chat(randomUUID()))
    refused(
      await steward.anybody().post('/api/auth/login', { username, password: PASSWORD }),
      401,
      'invalid_credentials',
    )
    const status = withDatabase(steward.dataDir, (db) =>
      db.prepare('SELECT status FROM runs WHERE id = ?').pluck().get(body.run_id),
    )
    assert.equal(status, 'stopped')
  })

  it('skips what was to run by the clock, until they are active again', async () => {
    const { id, client } = await newUser()
    const task = await client.post('/api/tasks', { name: 'tick', prompt: 'Tick.', schedule: '* * * * * *' })
    await owner.put(at(id), { is_active: false })
    const states = () =>
      withDatabase(steward.dataDir, (db) =>
        db
          .prepare('SELECT state, reason FROM occurrences WHERE schedule_id = ? ORDER BY due_at DESC')
          .all(task.body.id),
      ) as { state: string; reason: string }[]
    await until(() => states()[0]?.reason.includes('deactivated') === true)
    assert.equal(states()[0]!.state, 'skipped')
    await owner.put(at(id), { is_active: true })
    await until(() => states()[0]?.state === 'ran')
    await owner.delete(at(id))
  })
})

async function until(done: () => boolean): Promise<void> {
  for (let look = 0; look < 500; look++) {
    if (done()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail('it did not get there')
}

describe('removing somebody', () => {
  const tables = () =>
    withDatabase(steward.dataDir, (db) =>
      db
        .prepare<[], { name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`)
        .all()
        .map(({ name }) => name)
        .filter((name) =>
          (db.pragma(`table_info("${name}")`) as { name: string }[]).some((one) => one.name === 'user_id'),
        ),
    )

  it('takes all that is theirs and nothing of anybody else', async () => {
    const { id, username, client } = await newUser()
    const chat = await client.chat(randomUUID())
    await chat.ask('Remember the plumtree')
    const agent = await newAgent(client, { schedule: '0 8 * * *' })
    await client.post('/api/tasks', { name: 't', prompt: 'Think.', schedule: '* * * * * *', agent_id: agent.id })
    await client.post('/api/webhook-targets', { name: 'door', url: 'https://door.example/', owner: false })
    await makeKey(client, ['read'])
    await client.post('/api/my/browser-trusted', { domain: 'example.com' })
    await client.put('/api/settings/personality', { soul: 'Plumtree.' })
    await client.post(`/api/agents/${agent.id}/run`, { message: '/webhook.send_to_target target="door" body="x"' })
    await client.post('/api/auth/totp/setup')
    const folder = join(steward.dataDir, 'files', id)
    mkdirSync(join(folder, 'deep'), { recursive: true })
    writeFileSync(join(folder, 'deep', 'note.txt'), 'plumtree')
    await owner.chat(randomUUID()).then((mine) => mine.ask('Mine stays'))
    const ours = (await owner.get('/api/conversations')).body
    const { belongings } = (await owner.get(at(id))).body
    assert.deepEqual(
      { ...belongings },
      { conversations: 1, agents: 1, tasks: 1, api_keys: 1, files: 1 },
      'what would go is told before',
    )

    assert.deepEqual((await owner.delete(at(id))).body, { ok: true })
    await chat.closed
    refused(await client.get('/api/auth/me'), 401, 'unauthorized')
    refused(await owner.get(at(id)), 404, 'not_found')
    const left = withDatabase(steward.dataDir, (db) =>
      tables().filter((name) => db.prepare(`SELECT 1 FROM "${name}" WHERE user_id = ? LIMIT 1`).get(id)),
    )
    assert.deepEqual(left, ['audit'], 'what they did stays in the audit log, and nothing else does')
    const rest = withDatabase(steward.dataDir, (db) =>
      [
        'SELECT count(*) FROM occurrences WHERE schedule_id NOT IN (SELECT id FROM schedules)',
        'SELECT count(*) FROM steps WHERE run_id NOT IN (SELECT id FROM runs)',
        `SELECT count(*) FROM runs_text WHERE runs_text MATCH 'plumtree'`,
      ].map((sql) => db.prepare(sql).pluck().get()),
    )
    assert.deepEqual(rest, [0, 0, 0])
    assert.ok(!existsSync(folder))
    assert.deepEqual((await owner.get('/api/conversations')).body, ours)
    const { action, subject } = await audited()
    assert.deepEqual([action, subject], ['removed', username])
    assert.deepEqual((await owner.get('/api/audit/verify')).body.ok, true)
  })

  it('keeps what it cost in the books of the house', async () => {
    const { id, client } = await newUser()
    const day = (await owner.get('/api/usage')).body.to
    withDatabase(steward.dataDir, (db) =>
      db
        .prepare(
          `INSERT INTO usage_days (user_id, day, agent_id, task_id, model, turns, cost_usd) VALUES (?, ?, 'a', '', 'm', 2, 1.5), (?, ?, '', 't', 'm', 1, 0.25)`,
        )
        .run(id, day, id, day),
    )
    const before = (await owner.get('/api/usage?group=agent')).body.total.cost_usd ?? 0
    assert.equal((await client.get('/api/usage')).body.total.cost_usd, 1.75)
    await owner.delete(at(id))
    const { total, rows } = (await owner.get('/api/usage?group=agent')).body
    assert.equal(total.cost_usd, before + 1.75)
    assert.ok(rows.some(({ label, cost_usd }: any) => label === 'An agent that is gone' && cost_usd === 1.75))
  })

  it('can be done again where it was broken off', async () => {
    const { id, client } = await newUser()
    await (await client.chat(randomUUID())).ask('Hello')
    const answers = await Promise.all([owner.delete(at(id)), owner.delete(at(id)), owner.delete(at(id))])
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    for (const { status } of answers) assert.ok([200, 404].includes(status))
    assert.ok(!readdirSync(join(steward.dataDir, 'files')).includes(id))
  })
})
