import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { SCHEMA_VERSION } from '../db/open.ts'
import { newAgent } from './peers/agents.ts'
import { codeAt } from './peers/authenticator.ts'
import { newHome, type Ended, type Home } from './peers/cli.ts'
import { withDatabase } from './peers/database.ts'
import { makeKey, OWNER, startSteward, type Steward } from './steward.ts'

const ROOT = join(import.meta.dirname, '..')
const COMMANDS = ['status', 'chat', 'run', 'approvals', 'login', 'logout', 'backup', 'restore', 'reset-password', 'doctor', 'audit', 'rotate-key'] // prettier-ignore

let steward: Steward
let home: Home
let key: string
let papers: string

before(async () => {
  steward = await startSteward()
  key = await makeKey(steward.owner, ['run', 'approve'], { input: 'owner' })
  home = newHome({ STEWARD_URL: steward.url })
  papers = mkdtempSync(join(tmpdir(), 'papers-'))
  await steward.owner.post('/api/filesystem-whitelist', { path: papers, written_by: 'me' })
})
after(async () => {
  home[Symbol.dispose]()
  await steward[Symbol.asyncDispose]()
})

/** An address of this machine at which nobody listens. */
async function nobodyHere(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

const cli = (...args: string[]) => home.cli(args)
const byKey = (...args: string[]) => home.cli(args, { env: { STEWARD_API_KEY: key } })
const signIn = (password = OWNER.password) => home.cli(['login', '-u', OWNER.username], { input: `${password}\n` })
const jsonOf = ({ stdout }: Ended): any => JSON.parse(stdout)

/** Ended so, with one sentence for people on stderr and no data. */
function refusedWith(ended: Ended, code: number, words: RegExp): void {
  assert.deepEqual([ended.code, ended.stdout], [code, ''], ended.stderr)
  assert.match(ended.stderr, words)
  assert.doesNotMatch(ended.stderr, /\bat .+:\d+:\d+|node:internal/, 'no stack')
}

describe('steward', () => {
  it('says what there is, and what each command takes', async () => {
    const { code, stdout } = await cli('--help')
    assert.equal(code, 0)
    for (const name of COMMANDS) {
      assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
      const help = await cli(name, '--help')
      assert.deepEqual([help.code, help.stderr], [0, ''])
      assert.match(help.stdout, new RegExp(`^Use: steward ${name}`))
      assert.match(help.stdout, /--json/)
      assert.doesNotMatch(help.stdout, /--yes|--force-yes|--auto-approve/)
    }
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    assert.equal((await cli('--version')).stdout, `${version}\n`)
  })

  it('ends with 2 where the command line is wrong, and says how to go on', async () => {
    for (const args of [
      ['fly'],
      ['constructor'],
      ['status', '--nothing'],
      ['status', 'more'],
      ['run'],
      ['audit'],
      ['audit', 'burn'],
      ['approvals', 'approve'],
      ['approvals', 'eat', 'x'],
      ['chat', 'a', 'b'],
      ['chat', 'x', '--conversation', 'no-uuid'],
      ['chat', 'x', '--yes'],
      ['status', '--url', 'ftp://x'],
      ['status', '--url', 'http://x/path'],
      ['status', '--key-file', '/nowhere/key'],
    ])
      // prettier-ignore
      refusedWith(await cli(...args), 2, /\S/)
    const bare = await cli()
    assert.deepEqual([bare.code, bare.stdout], [2, ''])
    assert.match(bare.stderr, /Use: steward COMMAND/)
  })

  it('has no way to give a key on the command line, where others could read it', async () => {
    refusedWith(await cli('status', '--key', key), 2, /Unknown option/)
    refusedWith(await cli('status', '--api-key', key), 2, /Unknown option/)
  })

  it('ends with 3 where nothing answers', async () => {
    const nobody = await nobodyHere()
    for (const args of [['chat', 'x'], ['run', 'x'], ['approvals'], ['status']])
      refusedWith(await home.cli([...args, '--url', nobody], { env: { STEWARD_API_KEY: key } }), 3, /does not answer at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/) // prettier-ignore
  })

  it('ends with 4 where nobody is signed in, the key is wrong or lacks the scope', async () => {
    refusedWith(await cli('chat', 'x'), 4, /steward login.*STEWARD_API_KEY_FILE/)
    const wrong = `stw_Ab12Cd34_${'x'.repeat(43)}`
    for (const args of [['status'], ['chat', 'x'], ['run', 'x'], ['approvals']])
      refusedWith(await home.cli(args, { env: { STEWARD_API_KEY: wrong } }), 4, /not valid/)
    const reads = await makeKey(steward.owner, ['read'])
    refusedWith(await home.cli(['chat', 'x'], { env: { STEWARD_API_KEY: reads } }), 4, /lacks the scope run/)
    refusedWith(await home.cli(['status'], { env: { STEWARD_API_KEY: 'two\nlines' } }), 2, /no API key/)
  })

  it('says with --json why it failed in JSON too, on stderr', async () => {
    const { code, stdout, stderr } = await cli('chat', 'x', '--json')
    assert.deepEqual([code, stdout], [4, ''])
    assert.match(JSON.parse(stderr).error, /Nobody is signed in/)
  })

  it('takes a key from a file, and that before what the environment has', async () => {
    const file = join(home.dir, 'key')
    writeFileSync(file, `${key}\n`)
    const fromFile = await home.cli(['status', '--json', '--key-file', 'key'], { env: { STEWARD_API_KEY: 'bad' } })
    assert.equal(jsonOf(fromFile).approvals_pending, 0)
    const named = await home.cli(['status', '--json'], { env: { STEWARD_API_KEY_FILE: file } })
    assert.equal(jsonOf(named).queue.running, 0)
  })

  it('loads nothing of the server for what the server is asked', async () => {
    const guard = `data:text/javascript,import { registerHooks } from 'node:module'; registerHooks({ resolve(name, context, next) { if (/better-sqlite3|argon2|^express|^pino/.test(name)) throw new Error('loaded ' + name); return next(name, context) } })`
    const env = { STEWARD_API_KEY: key, NODE_OPTIONS: `--import="${guard}"` }
    for (const args of [['status'], ['chat', 'Hello'], ['approvals'], ['chat', '--help']]) {
      const { code, stderr } = await home.cli(args, { env })
      assert.deepEqual([code, /loaded/.test(stderr)], [0, false], stderr)
    }
    const { code, stderr } = await home.cli(['doctor'], { env: { ...env, STEWARD_URL: '', DATA_DIR: steward.dataDir } })
    assert.notEqual(code, 0, 'the guard guards')
    assert.match(stderr, /loaded better-sqlite3/)
  })

  it('ends quietly when its reader has gone', async () => {
    const child = spawn('bash', ['-c', 'node "$0" --help | true; exit ${PIPESTATUS[0]}', join(ROOT, 'dist', 'cli.js')], { env: home.env }) // prettier-ignore
    let stderr = ''
    child.stderr.on('data', (chunk) => (stderr += String(chunk)))
    const code = await new Promise((resolve) => child.on('close', resolve))
    assert.equal(stderr, '')
    assert.ok([0, 141].includes(code as number), String(code))
  })

  it('is the program `steward` of the package', () => {
    const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    assert.deepEqual(bin, { steward: 'dist/cli.js' })
    const file = join(ROOT, bin.steward)
    assert.match(readFileSync(file, 'utf8'), /^#!\/usr\/bin\/env node\n/)
    assert.ok(statSync(file).mode & 0o100)
  })
})

describe('steward status', () => {
  it('tells anybody whether the house is in order, and those who may, what goes on', async () => {
    const stranger = await cli('status')
    assert.equal(stranger.code, 0)
    assert.match(stranger.stdout, /^Steward 0\.\d+\.\d+ runs at http:\/\/127\.0\.0\.1:\d+: ok\.\n/)
    assert.doesNotMatch(stranger.stdout, /runs go/)
    assert.match(stranger.stderr, /Sign in/)
    const { stdout } = await byKey('status')
    assert.match(stdout, /0 runs go, 0 are queued/)
    const told = jsonOf(await byKey('status', '--json'))
    assert.deepEqual([told.running, told.status, told.paused, told.queue.queued], [true, 'ok', false, 0])
  })

  it('looks into the data folder where none answers, and ends with 3', async () => {
    using other = newHome()
    const env = { DATA_DIR: steward.dataDir, PORT: '1' }
    const { code, stdout } = await other.cli(['status', '--json'], { env })
    assert.equal(code, 3)
    const { running, in_use, approvals_pending, schema } = JSON.parse(stdout)
    assert.deepEqual([running, in_use, approvals_pending, schema], [false, true, 0, SCHEMA_VERSION])
    assert.match(
      (await other.cli(['status'], { env })).stdout,
      /A Steward runs on .* but none answers at http:\/\/127\.0\.0\.1:1/,
    )
    refusedWith(await other.cli(['status'], { env: { PORT: '1' } }), 3, /no database/)
  })
})

describe('steward chat', () => {
  it('writes the answer and nothing else to stdout', async () => {
    const { code, stdout, stderr } = await byKey('chat', 'Hello')
    assert.equal(code, 0)
    assert.match(stdout, /^Hello! I am the rehearsal model[^]+\n$/)
    assert.match(stderr, /^conversation [0-9a-f-]{36}\n$/)
  })

  it('goes on in a conversation, takes what is piped in, and gives the end as JSON', async () => {
    const id = randomUUID()
    const first = jsonOf(await byKey('chat', '--json', '--conversation', id, 'Hello'))
    assert.deepEqual([first.conversation_id, first.status, first.stop_reason], [id, 'succeeded', 'end_turn'])
    const second = await home.cli(['chat', '--json', '--conversation', id], { env: { STEWARD_API_KEY: key }, input: 'From a pipe\n' }) // prettier-ignore
    assert.notEqual(JSON.parse(second.stdout).run_id, first.run_id)
    const { body } = await steward.owner.get(`/api/conversations/${id}`)
    assert.equal(body.messages.filter(({ role }: any) => role === 'user').length, 2)
    refusedWith(await byKey('chat'), 2, /Say something/)
    refusedWith(await byKey('chat', 'x', '--model', 'nobody:none'), 1, /nobody/)
  })

  it('shows what is done, on stderr', async () => {
    const { code, stderr } = await byKey('chat', `/filesystem.list_directory path=${papers}`)
    assert.equal(code, 0)
    assert.match(stderr, /→ filesystem \{"operation":"list_directory"/)
    assert.match(stderr, /^✓ /m)
  })

  it('with a key waits for the page, since no key decides about its own runs', async () => {
    const file = join(papers, 'by-key.txt')
    const run = home.start(['chat', `/filesystem.write_file path=${file} content=x`], { env: { STEWARD_API_KEY: key } })
    await run.said(/It waits for you: .*\/approvals\. A key cannot decide/)
    assert.match(run.stderr(), /┌ Steward asks\n│ filesystem\n│ \{\n/)
    assert.match(run.stderr(), new RegExp(`│ {3}"path": "${file}"`))
    const [pending] = (await steward.owner.get('/api/approvals?state=pending')).body.items
    refusedWith(await byKey('approvals', 'approve', pending.id), 4, /cannot decide about a run that it started/)
    assert.equal((await signIn()).code, 0)
    const { code, stdout } = await cli('approvals', 'approve', pending.id)
    assert.equal(code, 0)
    assert.match(stdout, /approved\n$/)
    assert.equal((await run.ended).code, 0)
    assert.equal(readFileSync(file, 'utf8'), 'x')
    await cli('logout')
  })

  it('never decides by itself: what is piped in is no yes', async () => {
    await signIn()
    const file = join(papers, 'never.txt')
    const run = home.start(['chat', `/filesystem.write_file path=${file} content=x`], { input: 'y\ny\ny\n' })
    await run.said(/no terminal/)
    const { items } = (await steward.owner.get('/api/approvals?state=pending')).body
    assert.equal(items.length, 1)
    await steward.owner.post(`/api/approvals/${items[0].id}`, { approved: false })
    await run.ended
    assert.throws(() => statSync(file))
    await cli('logout')
  })

  it('stops the run on Ctrl-C, and ends with 130', async () => {
    const file = join(papers, 'stopped.txt')
    const run = home.start(['chat', `/filesystem.write_file path=${file} content=x`], { env: { STEWARD_API_KEY: key } })
    await run.said('It waits for you')
    run.process.kill('SIGINT')
    assert.equal((await run.ended).code, 130)
    const { items } = (await steward.owner.get('/api/runs?status=stopped')).body
    assert.equal(items.length, 1)
    assert.equal((await steward.owner.get('/api/approvals?state=pending')).body.total, 0)
  })
})

describe('steward run', () => {
  it('finds an agent by its name or id, and gives the id of the run', async () => {
    const { id } = await newAgent(steward.owner, { name: 'Gardener' })
    const { code, stdout } = await byKey('run', 'gardener', 'Water the plants')
    assert.equal(code, 0)
    const run = (await steward.owner.get(`/api/runs/${stdout.trim()}`)).body
    assert.deepEqual([run.agent_id, run.origin, run.input], [id, 'manual', 'Water the plants'])
    assert.match(jsonOf(await byKey('run', id, '--json')).run_id, /^[0-9a-f-]{36}$/)
    refusedWith(await byKey('run', 'nobody'), 1, /There is no agent nobody\. There are: Gardener/)
    await newAgent(steward.owner, { name: 'gardener' })
    refusedWith(await byKey('run', 'Gardener'), 2, /2 agents.*Give the id/)
  })

  it('follows it to its end', async () => {
    await newAgent(steward.owner, { name: 'Speaker' })
    const { code, stdout } = await byKey('run', 'Speaker', 'Hello', '--follow')
    assert.equal(code, 0)
    assert.match(stdout, /^Hello! I am the rehearsal model/)
    const told = jsonOf(await byKey('run', 'Speaker', 'Hello', '--follow', '--json'))
    assert.deepEqual([told.status, told.stop_reason], ['succeeded', 'end_turn'])
  })

  it('leaves off following on Ctrl-C, and the run goes on', async () => {
    await newAgent(steward.owner, { name: 'Writer', allowed_tools: ['filesystem'] })
    const run = home.start(['run', 'Writer', `/filesystem.delete_file path=${join(papers, 'by-key.txt')}`, '-f'], { env: { STEWARD_API_KEY: await makeKey(steward.owner, ['run']) } }) // prettier-ignore
    await run.said('It waits for you')
    run.process.kill('SIGINT')
    const { code, stderr } = await run.ended
    assert.equal(code, 130)
    const id = /It goes on: .*\/runs\/(\S+)/.exec(stderr)![1]
    assert.equal((await steward.owner.get(`/api/runs/${id}`)).body.status, 'waiting')
    await steward.owner.post(`/api/runs/${id}/stop`)
  })
})

describe('steward approvals', () => {
  it('lists what waits, shows one, and decides with a note', async () => {
    assert.match((await byKey('approvals')).stderr, /Nothing waits for you/)
    const chat = await steward.owner.chat(randomUUID())
    const ask = async (name: string) => {
      chat.send({ type: 'message', content: `/filesystem.write_file path=${join(papers, name)} content=x` })
      return (await chat.next('confirmation_required')).call_id as string
    }
    const id = await ask('one.txt')
    assert.match((await byKey('approvals')).stdout, new RegExp(`^${id} {2}pending {3}`))
    assert.equal(jsonOf(await byKey('approvals', 'list', '--json')).items[0].id, id)
    assert.match((await byKey('approvals', 'show', id)).stdout, /│ {3}"content": "x"[^]+pending\n$/)
    const { code, stdout } = await byKey('approvals', 'deny', id, '--note', 'Not today')
    assert.equal(code, 0)
    assert.match(stdout, /denied\n$/)
    await chat.next('done')
    assert.equal((await steward.owner.get(`/api/approvals/${id}`)).body.note, 'Not today')
    assert.equal((await byKey('approvals', 'deny', id)).code, 0, 'the same again')
    refusedWith(await byKey('approvals', 'approve', id), 1, /already/)
    refusedWith(await byKey('approvals', 'approve', randomUUID()), 1, /no such/i)
    assert.match((await byKey('approvals', '--state', 'all')).stdout, /denied/)
    const next = await ask('two.txt')
    assert.equal(jsonOf(await byKey('approvals', 'approve', next, '--json')).state, 'approved')
    await chat.next('done')
    await chat.close()
    assert.equal(readFileSync(join(papers, 'two.txt'), 'utf8'), 'x')
  })
})

describe('steward login', () => {
  const file = () => join(home.dir, 'config', 'steward', 'sign-ins.json')

  it('keeps the sign-in for its user alone, and for this address alone; logout ends it at both ends', async () => {
    const { code, stdout, stderr } = await signIn()
    assert.deepEqual([code, stdout], [0, ''])
    assert.match(stderr, /^Signed in as anna at /)
    assert.equal(statSync(file()).mode & 0o777, 0o600)
    assert.equal(statSync(join(file(), '..')).mode & 0o777, 0o700)
    assert.doesNotMatch(readFileSync(file(), 'utf8'), new RegExp(OWNER.password))
    assert.equal(jsonOf(await cli('status', '--json')).approvals_pending, 0)
    const elsewhere = await cli('chat', 'x', '--url', steward.url.replace('127.0.0.1', 'localhost'))
    refusedWith(elsewhere, 4, /Nobody is signed in here/)
    const { items } = (await steward.owner.get('/api/auth/sessions')).body
    assert.ok(items.some(({ user_agent }: any) => user_agent === 'steward-cli'))
    const cookie = Object.values<any>(JSON.parse(readFileSync(file(), 'utf8')))[0].cookie
    assert.equal((await cli('logout')).code, 0)
    assert.throws(() => statSync(file()))
    const left = await steward.anybody().get('/api/auth/me', { headers: { cookie } })
    assert.equal(left.status, 401)
    assert.match((await cli('logout')).stderr, /Nobody was signed in/)
  })

  it('refuses a wrong password, a file that others can read, and a session that was ended', async () => {
    refusedWith(await signIn('not the password'), 4, /not right/)
    assert.equal((await signIn()).code, 0)
    chmodSync(file(), 0o644)
    refusedWith(await cli('approvals'), 4, /chmod 600/)
    chmodSync(file(), 0o600)
    await steward.owner.post('/api/auth/sessions/end-others')
    refusedWith(await cli('approvals'), 4, /sign-in here has ended.*steward login/)
    await cli('logout')
  })

  it('asks for the code where one is due, and takes no wrong one', async () => {
    await using guarded = await startSteward()
    const { secret } = (await guarded.owner.post('/api/auth/totp/setup')).body
    const { recovery_codes } = (await guarded.owner.post('/api/auth/totp/enable', { code: codeAt(secret) })).body
    const withCode = (code: string) =>
      home.cli(['login', '-u', OWNER.username, '--url', guarded.url], { input: `${OWNER.password}\n${code}\n` })
    refusedWith(await withCode('000000'), 4, /\S/)
    assert.equal((await withCode(recovery_codes[0])).code, 0)
    assert.equal((await home.cli(['approvals', '--url', guarded.url])).code, 0)
  })

  it('before the set-up says what to do', async () => {
    await using fresh = await startSteward({ setUp: false })
    const args = ['login', '-u', 'anna', '--url', fresh.url]
    refusedWith(await home.cli(args, { input: 'x\n' }), 4, /not set up yet/)
  })
})

describe('the commands that look into a data folder', () => {
  it('audit verify says the same of a folder as the server does of itself', async () => {
    using other = newHome({ DATA_DIR: steward.dataDir })
    const here = await other.cli(['audit', 'verify', '--json'])
    assert.deepEqual([here.code, jsonOf(here).ok], [0, true])
    const there = await home.cli(['audit', 'verify', '--json'], { env: { STEWARD_API_KEY: key } })
    assert.deepEqual([there.code, jsonOf(there).ok], [0, true])
    assert.match((await other.cli(['audit', 'verify'])).stdout, /^The audit log is whole: \d+ entries\.\n$/)
    refusedWith(await other.cli(['audit', 'verify', 'nowhere']), 1, /There is no database at .*nowhere/)
  })

  it('audit verify ends with 1 where an entry was changed', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const house = await startSteward({ dataDir })
    await house.stop()
    withDatabase(dataDir, (db) => db.prepare(`UPDATE audit SET subject = 'nobody' WHERE id = 1`).run())
    using other = newHome({ DATA_DIR: dataDir })
    const { code, stdout } = await other.cli(['audit', 'verify', '--json'])
    assert.deepEqual([code, JSON.parse(stdout).first_broken], [1, 1])
  })

  it('doctor of an address asks the Steward there, which needs more than reading', async () => {
    refusedWith(await byKey('doctor'), 4, /lacks the scope admin/)
    const admin = await makeKey(steward.owner, ['admin'])
    const there = await home.cli(['doctor', '--json'], { env: { STEWARD_API_KEY: admin } })
    assert.ok(jsonOf(there).items.length > 0)
    using other = newHome({ DATA_DIR: steward.dataDir })
    assert.ok(jsonOf(await other.cli(['doctor', '--json'])).items.length > 0)
  })

  it('reads .env beside it, as the server does', async () => {
    using other = newHome()
    writeFileSync(join(other.dir, '.env'), `PORT=${new URL(steward.url).port}\nSTEWARD_API_KEY=${key}\n`)
    assert.equal(jsonOf(await other.cli(['status', '--json'])).approvals_pending, 0)
  })

  it('finds the program however it is called', async () => {
    const link = join(home.dir, 'steward')
    symlinkSync(join(ROOT, 'dist', 'cli.js'), link)
    const child = spawn(process.execPath, [link, '--version'], { cwd: home.dir, env: home.env })
    let stdout = ''
    child.stdout.on('data', (chunk) => (stdout += String(chunk)))
    await new Promise((resolve) => child.on('close', resolve))
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })
})
