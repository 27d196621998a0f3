import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { HouseMail, Mailer } from '../services/mailer.ts'
import { codeAt } from './peers/authenticator.ts'
import { anotherUser, withDatabase } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { EXIM_MISSING, startExim } from './peers/exim.ts'
import { refused } from './peers/refused.ts'
import { Client, makeKey, OWNER, signInOwner, startSteward, type Steward } from './steward.ts'

/** Who forgot the password: by a link in a mail, and by whoever has the machine. */

const ROOT = join(import.meta.dirname, '..')
const NEW = 'a new and long sentence'
const MINUTE = 60_000

/** Takes mails as a server would; `waiting` keeps it from taking them. */
function postbox(): Mailer & { mails: HouseMail[]; works: boolean } {
  const box = {
    mails: [] as HouseMail[],
    works: true,
    configured: () => box.works,
    send: async (mail: HouseMail) => void box.mails.push(mail),
  }
  return box
}

describe('a forgotten password', () => {
  let steward: InsideSteward
  let owner: Client
  let box: ReturnType<typeof postbox>
  let addresses = 0
  const from = (address = `203.0.113.${++addresses}`) => ({ headers: { 'x-forwarded-for': address } })

  beforeEach(async () => {
    box = postbox()
    const env = { TRUST_PROXY: 'loopback', PUBLIC_URL: 'http://steward.example' }
    steward = await startInside(env, { mailer: box })
    owner = steward.owner
    assert.equal((await owner.put('/api/account', { email: 'anna@example.org' })).status, 200)
  })
  afterEach(() => steward[Symbol.asyncDispose]())

  const anybody = () => new Client(steward.url)
  async function ask(body: object = { email: 'anna@example.org' }, options = from()) {
    const answer = await anybody().post('/api/auth/forgot-password', body, options)
    await nextTurn()
    await nextTurn()
    return answer
  }
  const tokenIn = ({ text }: HouseMail) => /#token=([\w-]{43})\n/.exec(text)![1]!
  const newToken = async () => (await ask(), tokenIn(box.mails.at(-1)!))
  const reset = (token: string, password = NEW, options = from()) =>
    anybody().post('/api/auth/reset-password', { token, password }, options)
  const logIn = (password: string) => anybody().post('/api/auth/login', { ...OWNER, password }, from())

  it('is asked about by address or by name; the mail holds a link below PUBLIC_URL, whatever the Host', async () => {
    for (const body of [{ email: 'anna@example.org' }, { email: ' ANNA@Example.org ' }, { username: 'ANNA' }]) {
      const { status, body: answer } = await ask(body)
      assert.deepEqual([status, answer], [200, { ok: true, configured: true }])
    }
    assert.equal(box.mails.length, 3)
    for (const { to, text } of box.mails) {
      assert.equal(to, 'anna@example.org')
      assert.match(text, /\nhttp:\/\/steward\.example\/reset-password#token=[\w-]{43}\n/)
    }
  })

  it('has the same answer for nobody, for who has no address and for who is deactivated, and sends nothing', async () => {
    await anotherUser(steward)
    const names = withDatabase(steward.dataDir, (db) =>
      db.prepare('SELECT username FROM users').pluck().all(),
    ) as string[]
    const other = names.find((name) => name !== 'anna')!
    const known = await ask()
    for (const body of [{ email: 'nobody@example.org' }, { username: 'nobody' }, { username: other }, { email: '*' }])
      assert.equal((await ask(body)).text, known.text)
    withDatabase(steward.dataDir, (db) =>
      db.prepare(`UPDATE users SET email = 'gone@example.org', is_active = 0 WHERE username = ?`).run(other),
    )
    assert.equal((await ask({ email: 'gone@example.org' })).text, known.text)
    assert.equal(box.mails.length, 1)
    refused(await ask({}), 400, 'invalid')
    refused(await ask({ email: 'a@b.c', username: 'anna' }), 400, 'invalid')
  })

  it('says so where no mail can be sent, and makes no token', async () => {
    box.works = false
    assert.deepEqual((await ask()).body, { ok: true, configured: false })
    const made = () =>
      withDatabase(steward.dataDir, (db) => db.prepare('SELECT count(*) FROM password_resets').pluck().get())
    assert.equal(made(), 0)
    box.works = true
    await ask()
    assert.equal(made(), 1)
  })

  it('is told that none can be sent without PUBLIC_URL, and where there is no mail account yet', async () => {
    await using without = await startInside({}, { mailer: postbox() })
    await using plain = await startInside({ PUBLIC_URL: 'http://steward.example' })
    for (const { url } of [without, plain]) {
      const { body } = await new Client(url).post('/api/auth/forgot-password', { username: 'anna' })
      assert.deepEqual(body, { ok: true, configured: false })
    }
  })

  it('is asked about five times a minute at most from one address, and fills no mailbox from many', async () => {
    const impatient = from()
    for (let n = 0; n < 5; n++) assert.equal((await ask({ username: 'nobody' }, impatient)).status, 200)
    const slowed = await ask({ username: 'nobody' }, impatient)
    refused(slowed, 429, 'rate_limited')
    assert.ok(Number(slowed.headers.get('retry-after')) > 0)
    assert.equal((await anybody().post('/api/auth/login', OWNER, impatient)).status, 200, 'signing in is no asking')
    for (let n = 0; n < 8; n++) assert.equal((await ask()).status, 200)
    assert.equal(box.mails.length, 5)
    steward.later(61 * MINUTE)
    await ask()
    assert.equal(box.mails.length, 6)
  })

  it('is set anew once: the sessions end, sockets too, and the old one is worth nothing', async () => {
    const token = await newToken()
    const chat = await owner.chat(randomUUID())
    const { status, body } = await reset(token)
    assert.deepEqual([status, body], [200, { ok: true }])
    assert.equal((await chat.closed).code, 1008)
    refused(await owner.get('/api/auth/me'), 401, 'unauthorized')
    refused(await logIn(OWNER.password), 401, 'invalid_credentials')
    assert.equal((await logIn(NEW)).status, 200)
    refused(await reset(token, 'yet another long sentence'), 409, 'conflict')
    assert.equal((await logIn(NEW)).status, 200)
  })

  it('is set by one of many who try the link at once', async () => {
    const token = await newToken()
    const answers = await Promise.all([...Array(5).keys()].map((n) => reset(token, `a long sentence, number ${n}`)))
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409, 409, 409, 409])
    const winner = answers.findIndex(({ status }) => status === 200)
    assert.equal((await logIn(`a long sentence, number ${winner}`)).status, 200)
  })

  it('is not set by an unknown link, an old one, or one of which there is a newer', async () => {
    refused(await reset('x'.repeat(43)), 404, 'not_found')
    refused(await reset(''), 400, 'invalid')
    const [older, newer] = [await newToken(), await newToken()]
    refused(await reset(older), 410, 'expired')
    steward.later(29 * MINUTE)
    const short = await reset(newer, 'too short')
    refused(short, 400, 'invalid')
    assert.equal(short.body.detail[0].path, 'password')
    steward.later(2 * MINUTE)
    refused(await reset(newer), 410, 'expired')
    assert.equal((await logIn(OWNER.password)).status, 200)
  })

  it('is not set by a link from before the password was changed otherwise, or for who is deactivated', async () => {
    const token = await newToken()
    const change = { current_password: OWNER.password, new_password: NEW }
    assert.equal((await owner.post('/api/auth/change-password', change, from())).status, 200)
    refused(await reset(token), 410, 'expired')
    const next = await newToken()
    withDatabase(steward.dataDir, (db) => db.exec('UPDATE users SET is_active = 0'))
    refused(await reset(next), 404, 'not_found')
  })

  it('still leaves the code due', async () => {
    const { secret } = (await owner.post('/api/auth/totp/setup')).body
    const now = () => steward.services.now().getTime()
    await owner.post('/api/auth/totp/enable', { code: codeAt(secret, now()) }, from())
    assert.equal((await reset(await newToken())).status, 200)
    refused(await logIn(NEW), 401, 'totp_required')
  })

  it('leaves a hash of the token in the database, a line in the audit log, and in time nothing', async () => {
    const token = await newToken()
    const dump = () =>
      withDatabase(steward.dataDir, (db) =>
        JSON.stringify([db.prepare('SELECT * FROM password_resets').all(), db.prepare('SELECT * FROM audit').all()]),
      )
    assert.ok(!dump().includes(token))
    await reset(token)
    await signInOwner({ owner, dataDir: steward.dataDir })
    assert.equal((await logIn(NEW)).status, 200)
    const actions = withDatabase(steward.dataDir, (db) =>
      db.prepare(`SELECT action || ' by ' || actor FROM audit WHERE kind = 'user' ORDER BY id DESC`).pluck().all(),
    )
    assert.deepEqual(actions.slice(0, 2), ['password reset by mail by web:anna', 'password link sent by web'])
    assert.ok(!dump().includes(token))
    const rows = () => JSON.parse(dump())[0].length
    steward.later(29 * 24 * 60 * MINUTE)
    steward.services.passwordResets.sweep()
    assert.equal(rows(), 1)
    steward.later(2 * 24 * 60 * MINUTE)
    steward.services.passwordResets.sweep()
    assert.equal(rows(), 0)
  })
})

describe('the address of an account', () => {
  let steward: InsideSteward
  before(async () => {
    steward = await startInside({ TRUST_PROXY: 'loopback' })
  })
  after(() => steward[Symbol.asyncDispose]())

  const set = (email: unknown, client = steward.owner) => client.put('/api/account', { email })

  it('is set, shown, and taken away by the user alone, who gave the password lately', async () => {
    assert.deepEqual((await set(' Anna@EXAMPLE.org ')).body, { ok: true })
    assert.equal((await steward.owner.get('/api/auth/me')).body.email, 'Anna@example.org')
    assert.deepEqual((await set(null)).body, { ok: true })
    assert.equal((await steward.owner.get('/api/auth/me')).body.email, null)
    const key = new Client(steward.url, await makeKey(steward.owner, ['admin']))
    refused(await set('anna@example.org', key), 403, 'forbidden')
    steward.later(5 * MINUTE)
    refused(await set('anna@example.org'), 403, 'password_required')
    await steward.owner.post('/api/auth/confirm', { password: OWNER.password })
    assert.equal((await set('anna@example.org')).status, 200)
    const [entry] = (await steward.owner.get('/api/audit?kind=user')).body.entries
    assert.deepEqual([entry.action, entry.subject], ['email changed', 'anna'])
  })

  it('is of one user only, whatever its case', async () => {
    const other = await anotherUser(steward)
    await set('anna@example.org')
    refused(await set('ANNA@example.org', other), 409, 'conflict')
    assert.equal((await set('anna@example.org')).status, 200)
    assert.equal((await set('other@example.org', other)).status, 200)
  })

  it('is one address', async () => {
    for (const wrong of [
      'anna',
      'anna@',
      '@example.org',
      'a@b.org, c@d.org',
      'Anna <anna@example.org>',
      '*@example.org',
      '',
    ]) {
      const answer = await set(wrong)
      refused(answer, 400, 'invalid')
      assert.equal(answer.body.detail[0].path, 'email', wrong)
    }
    refused(await steward.owner.put('/api/account', {}), 400, 'invalid')
    refused(await steward.owner.put('/api/account', { email: null, role: 'admin' }), 400, 'invalid')
  })
})

describe('npm run reset-password', () => {
  let steward: Steward
  before(async () => {
    steward = await startSteward({ env: { TRUST_PROXY: 'loopback' } })
  })
  after(() => steward[Symbol.asyncDispose]())

  /** @NOTE not spawnSync: while we stood still, the server would close the connections that wait to be used again. */
  async function command(
    input: string,
    args: string[] = [],
    dataDir = steward.dataDir,
    env: Record<string, string> = {},
  ) {
    const child = spawn(process.execPath, [join(ROOT, 'dist', 'cli.js'), 'reset-password', ...args], {
      cwd: mkdtempSync(join(tmpdir(), 'cwd-')),
      env: { PATH: process.env.PATH ?? '', DATA_DIR: dataDir, ...env },
    })
    child.stdin.end(input)
    const [said, complained, status] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise<number | null>((resolve) => child.on('close', resolve)),
    ])
    return { status, said, complained }
  }
  let addresses = 0
  const logIn = (password: string, username = OWNER.username, code?: string) =>
    steward
      .anybody()
      .post(
        '/api/auth/login',
        { username, password, code },
        { headers: { 'x-forwarded-for': `198.51.100.${++addresses}` } },
      )

  it('sets the password of the only administrator while Steward runs, and ends their sessions and sockets', async () => {
    const chat = await steward.owner.chat(randomUUID())
    const { status, said, complained } = await command(`${NEW}\nnot this\n`)
    assert.deepEqual([status, complained], [0, ''])
    assert.match(said, /^anna has a new password, and all their sessions have ended\.\n$/)
    refused(await steward.owner.get('/api/auth/me'), 401, 'unauthorized')
    assert.equal((await chat.closed).code, 1008)
    refused(await logIn(OWNER.password), 401, 'invalid_credentials')
    assert.equal((await logIn(NEW)).status, 200)
    await command(`${OWNER.password}\n`)
    await steward.owner.post('/api/auth/login', OWNER)
  })

  it('is in the audit log, whose chain stays whole', async () => {
    const { entries } = (await steward.owner.get('/api/audit?kind=user')).body
    assert.deepEqual([entries[0].action, entries[0].actor], ['password reset on the host', 'system'])
    assert.equal((await steward.owner.get('/api/audit/verify')).body.ok, true)
    await command('a sentence set beside the running one')
    await logIn('a sentence set beside the running one')
    await command(OWNER.password)
    await steward.owner.post('/api/auth/login', OWNER)
    assert.equal((await steward.owner.get('/api/audit/verify')).body.ok, true)
  })

  it('leaves the code due, and says so, unless it is told to turn that off', async () => {
    const { secret } = (await steward.owner.post('/api/auth/totp/setup')).body
    await steward.owner.post('/api/auth/totp/enable', { code: codeAt(secret) })
    await makeKey(steward.owner, ['read'])
    const { said } = await command(NEW)
    assert.match(said, /A code is still due at sign-in; --disable-two-factor turns that off\./)
    assert.match(said, /Still good for coming in: 1 API key\./)
    refused(await logIn(NEW), 401, 'totp_required')
    assert.doesNotMatch((await command(NEW, ['--disable-two-factor'])).said, /A code/)
    assert.equal((await logIn(NEW)).body.user.mfa_enabled, false)
    await command(OWNER.password)
    await steward.owner.post('/api/auth/login', OWNER)
  })

  it('asks whom it is for where there are more, and knows nobody else', async () => {
    const other = await anotherUser(steward)
    const { username } = (await other.get('/api/auth/me')).body
    assert.equal((await command(NEW, ['--user', username])).status, 0)
    assert.equal((await logIn(NEW, username)).status, 200)
    assert.equal((await steward.owner.get('/api/auth/me')).status, 200, 'whose sessions go on')
    assert.equal((await command(OWNER.password)).status, 0, 'one administrator is the only one')
    withDatabase(steward.dataDir, (db) => db.exec(`UPDATE users SET role = 'admin'`))
    const unclear = await command(NEW)
    assert.deepEqual([unclear.status, unclear.complained], [1, `Say for whom, with --user: anna, ${username}.\n`])
    withDatabase(steward.dataDir, (db) => db.prepare(`UPDATE users SET role = 'user' WHERE username = ?`).run(username))
    assert.deepEqual((await command(NEW, ['--user', 'nobody'])).complained, 'There is no user nobody here.\n')
    assert.match(
      (await command(NEW, ['--usr', 'anna'])).complained,
      /^Unknown option '--usr'.*steward reset-password --help/,
    )
  })

  it('changes nothing for a password that is too short, and makes no database where there is none', async () => {
    const short = await command('short')
    assert.deepEqual([short.status, short.complained], [1, 'Choose a password of at least 10 characters.\n'])
    const empty = mkdtempSync(join(tmpdir(), 'empty-'))
    const none = await command(NEW, [], empty)
    assert.equal(none.status, 1)
    assert.match(none.complained, /^There is no database at /)
    assert.ok(!existsSync(join(empty, 'steward.sqlite')))
  })

  it('needs the master key that fits, and leaves the key files as they are', async () => {
    await steward.owner.post('/api/auth/login', OWNER)
    const wrong = Buffer.alloc(32, 7).toString('base64')
    const answer = await command(NEW, [], steward.dataDir, { STEWARD_MASTER_KEY: wrong })
    assert.equal(answer.status, 1)
    assert.match(answer.complained, /^The master key does not fit this database\./)
    assert.equal((await logIn(OWNER.password)).status, 200)
    assert.ok(readFileSync(join(steward.dataDir, 'master.key'), 'utf8').length > 40)
  })

  it('works while nothing runs', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const first = await startSteward({ dataDir })
    await first.stop()
    assert.equal((await command(NEW, [], dataDir)).status, 0)
    const again = await startSteward({ dataDir, setUp: false })
    assert.equal((await again.owner.post('/api/auth/login', { ...OWNER, password: NEW })).status, 200)
    await again.stop()
  })

  it(
    'asks twice at a terminal and shows nothing of what is typed',
    { skip: !existsSync('/usr/bin/script') },
    async () => {
      const typed = await atTerminal(steward.dataDir, ['a typed sentencx\u007fe\r', 'a typed sentence\r'])
      assert.match(typed.screen, /New password for anna: \s+Once more: \s+anna has a new password/)
      assert.doesNotMatch(typed.screen, /typed|sentence/)
      assert.equal((await logIn('a typed sentence')).status, 200)
      const differing = await atTerminal(steward.dataDir, [`${OWNER.password}\r`, 'something else here\r'])
      assert.match(differing.screen, /The two differ\. Nothing was changed\./)
      assert.match((await atTerminal(steward.dataDir, ['half a sent\u0003', '\u0003'])).screen, /Nothing was changed\./)
      assert.equal((await logIn('a typed sentence')).status, 200)
    },
  )
})

/** Runs the command in a terminal of its own and answers each question. */
async function atTerminal(dataDir: string, lines: string[]): Promise<{ screen: string }> {
  const command = `${process.execPath} ${join(ROOT, 'dist', 'cli.js')} reset-password`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: mkdtempSync(join(tmpdir(), 'cwd-')),
    env: { PATH: process.env.PATH ?? '', DATA_DIR: dataDir, TERM: 'dumb' },
  })
  let screen = ''
  child.stdout.on('data', (chunk) => {
    screen += String(chunk)
    const questions = screen.match(/(New password for anna|Once more): /g)?.length ?? 0
    while (answered < questions) child.stdin.write(lines[answered++]!)
  })
  let answered = 0
  await new Promise((resolve) => child.on('close', resolve))
  return { screen }
}

describe('a forgotten password, with a mail account that sends', { skip: EXIM_MISSING }, () => {
  it('is mended by the link in the mail', async () => {
    await using exim = await startExim()
    await using steward = await startSteward({ env: { PUBLIC_URL: 'http://steward.example' } })
    const { owner } = steward
    const ask = async () => (await steward.anybody().post('/api/auth/forgot-password', { username: 'anna' })).body
    await owner.put('/api/account', { email: 'anna@example.test' })
    assert.deepEqual(await ask(), { ok: true, configured: false })
    const server = { smtp_host: '127.0.0.1', smtp_port: exim.port, secure: 'starttls', tls_ca: exim.ca }
    const account = { label: 'Out', ...server, smtp_username: exim.username, smtp_password: exim.password }
    assert.equal((await owner.post('/api/email-accounts', account)).status, 201)
    assert.deepEqual(await ask(), { ok: true, configured: true })
    const [mail = ''] = await exim.arrived(1)
    assert.match(mail, /^Auto-Submitted: auto-generated$/m)
    assert.match(mail, /^From: Steward <me@example\.test>$/m)
    const token = /#token=([\w-]{43})\s/.exec(mail.replace(/=\r?\n/g, '').replaceAll('=3D', '='))![1]!
    const answer = await steward.anybody().post('/api/auth/reset-password', { token, password: NEW })
    assert.deepEqual(answer.body, { ok: true })
    assert.equal((await owner.get('/api/auth/me')).status, 401)
    assert.equal((await steward.anybody().post('/api/auth/login', { ...OWNER, password: NEW })).status, 200)
  })
})
