import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, get as httpGet } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { Client, OWNER, startSteward } from './steward.ts'

/** How the program starts, refuses to start, and ends. */

const PROGRAM = join(import.meta.dirname, '..', 'dist', 'server.js')
const folders: string[] = []
const running = new Set<ChildProcess>()

after(() => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function folder(): string {
  folders.push(mkdtempSync(join(tmpdir(), 'start-')))
  return folders.at(-1)!
}

type Ended = { code: number | null; stdout: string; stderr: string }

/** The program with exactly this environment, in a folder of its own unless told otherwise. */
function launch(env: Record<string, string>, cwd = folder()) {
  const child = spawn(process.execPath, [PROGRAM], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let stdout = ''
  let stderr = ''
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => {
      running.delete(child)
      resolve({ code, stdout, stderr })
    }),
  )
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk)
      const line = stdout.split('\n').find((text) => text.includes('"listening"'))
      if (line !== undefined) resolve((JSON.parse(line) as { url: string }).url)
    })
    void ended.then(({ code }) => reject(new Error(`ended with ${code}: ${stderr}`)))
  })
  url.catch(() => undefined)
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => (child.kill(signal), ended)
  return { child, url, ended, stop, stdout: () => stdout }
}

/** Starts with this environment, which must not go well: one line on stderr, a status that says so. */
async function refusal(env: Record<string, string>, cwd?: string): Promise<string> {
  const program = launch({ PORT: '0', ...env }, cwd)
  const outcome = await Promise.race([program.ended, program.url.catch(() => program.ended)])
  if (typeof outcome === 'string') await program.stop('SIGKILL')
  assert.notEqual(typeof outcome, 'string', `it started with ${JSON.stringify(env)}`)
  const { code, stdout, stderr } = outcome as Ended
  assert.equal(code, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^[^\n]+\n$/, 'one line and nothing else')
  return stderr.trim()
}

const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')
const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8)

describe('the first start', () => {
  for (const level of ['info', 'silent']) {
    it(`prints the listening line once, as JSON, with LOG_LEVEL=${level}`, async () => {
      const program = launch({ PORT: '0', LOG_LEVEL: level })
      const url = await program.url
      const { code, stdout } = await program.stop()
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'))
      const said = lines.map((line) => JSON.parse(line) as { msg: string; url: string })
      assert.deepEqual(
        said.filter(({ msg }) => msg === 'listening').map((line) => line.url),
        [url],
      )
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
      assert.equal(code, 0)
    })
  }

  it('prints the set-up link, whose token lies in DATA_DIR/setup-token for nobody else to read', async () => {
    const cwd = folder()
    const program = launch({ PORT: '0' }, cwd)
    const url = await program.url
    const file = join(cwd, 'data', 'setup-token')
    assert.ok(program.stdout().includes(`Open ${url}/setup?token=${readFileSync(file, 'utf8').trim()}\n`))
    assert.equal(mode(file), '600')
    await program.stop()
  })

  it('keeps the same set-up token until it is used, and prints no link after that', async () => {
    const dataDir = folder()
    const first = await startSteward({ dataDir, setUp: false })
    const token = readFileSync(join(dataDir, 'setup-token'), 'utf8')
    await first.stop()
    const second = await startSteward({ dataDir })
    assert.ok(second.output().includes(token.trim()))
    await second.stop()
    assert.ok(!existsSync(join(dataDir, 'setup-token')))
    const third = await startSteward({ dataDir })
    assert.ok(!third.output().includes('/setup?token='))
    await third.stop()
  })

  it('names PUBLIC_URL in the set-up link', async () => {
    const program = launch({ PORT: '0', PUBLIC_URL: 'https://steward.example.org' })
    await program.url
    assert.match(program.stdout(), /^Open https:\/\/steward\.example\.org\/setup\?token=/m)
    await program.stop()
  })

  it('keeps its data for nobody else to read', async () => {
    await using steward = await startSteward()
    assert.equal(mode(join(steward.dataDir, 'master.key')), '600')
    assert.equal(Buffer.from(readFileSync(join(steward.dataDir, 'master.key'), 'utf8'), 'base64').length, 32)
    for (const name of ['files', 'trash', 'backups']) assert.equal(mode(join(steward.dataDir, name)), '700', name)
  })

  it('keeps its database for nobody else to read in a folder that others may enter', async () => {
    const dataDir = folder()
    chmodSync(dataDir, 0o755)
    await using _steward = await startSteward({ dataDir })
    for (const name of ['steward.sqlite', 'steward.sqlite-wal', 'steward.lock']) {
      assert.equal(mode(join(dataDir, name)), '600', name)
    }
  })
})

describe('a bad value in the environment stops the start with one line that names it', { concurrency: 4 }, () => {
  const key = randomBytes(32).toString('base64')
  const cases: [string, string, RegExp][] = [
    ['PORT', 'http', /whole number/],
    ['PORT', '65536', /65535/],
    ['PORT', '-1', /whole number/],
    ['PORT', '80.5', /whole number/],
    ['HOST', 'not a host', /127\.0\.0\.1/],
    ['HOST', 'http://127.0.0.1', /host name/],
    ['DATA_DIR', PROGRAM, /folder/],
    ['DATA_DIR', join(PROGRAM, 'below'), /folder/],
    ['STEWARD_MASTER_KEY', 'too short', /32 bytes/],
    ['STEWARD_MASTER_KEY', key.slice(4), /32 bytes/],
    ['PUBLIC_URL', 'steward.example.org', /https:/],
    ['PUBLIC_URL', 'ftp://steward.example.org', /https:/],
    ['PUBLIC_URL', 'https://steward.example.org/below', /without a path/],
    ['ALLOW_PLAIN_HTTP', 'maybe', /1 or 0/],
    ['ALLOWED_HOSTS', 'good.example, https://bad.example', /host name/],
    ['TRUST_PROXY', 'my-proxy', /hops/],
    ['TRUST_PROXY', '10.0.0.0/99', /hops/],
    ['TRUST_PROXY', '-1', /hops/],
    ['TZ', 'Europe/Nowhere', /IANA/],
    ['LOG_LEVEL', 'loud', /info/],
    ['ALLOWED_PRIVATE_HOSTS', 'nas.lan', /host:port/],
    ['ALLOWED_PRIVATE_HOSTS', 'nas.lan:99999', /host:port/],
    ['ANTHROPIC_BASE_URL', 'api.example', /https:/],
    ['OPENROUTER_BASE_URL', 'ws://api.example', /https:/],
    ['OPENAI_BASE_URL', '/v1', /https:/],
    ['OLLAMA_BASE_URL', 'localhost:11434', /https:/],
    ['TELEGRAM_API_ROOT', 'api.telegram.org', /https:/],
    ['STEWARD_MASTER_KEY_FILE', '/nowhere/key', /file/],
    ['CRON_SECRET_FILE', '/nowhere/secret', /file/],
    ['ANTHROPIC_API_KEY_FILE', tmpdir(), /file/],
    ['OPENROUTER_API_KEY_FILE', '/nowhere/key', /file/],
    ['OPENAI_API_KEY_FILE', '/nowhere/key', /file/],
  ]
  for (const [name, value, expected] of cases) {
    it(`${name}=${value.replace(PROGRAM, '<a file>').slice(0, 40)}`, async () => {
      const line = await refusal({ [name]: value })
      assert.ok(line.includes(name), line)
      assert.match(line, expected)
    })
  }

  it('does not repeat a master key that it cannot use', async () => {
    assert.ok(!(await refusal({ STEWARD_MASTER_KEY: key.slice(4) })).includes(key.slice(4, 20)))
  })

  it('says it in one line when the value has several', async () => {
    assert.match(await refusal({ TZ: 'Europe/\nNowhere' }), /TZ/)
  })
})

describe('the environment', () => {
  it('takes an empty value as none', async () => {
    const names =
      'HOST STEWARD_MASTER_KEY PUBLIC_URL ALLOW_PLAIN_HTTP ALLOWED_HOSTS TRUST_PROXY TZ LOG_LEVEL CRON_SECRET ' +
      'ALLOWED_PRIVATE_HOSTS ANTHROPIC_API_KEY ANTHROPIC_BASE_URL OLLAMA_BASE_URL TELEGRAM_API_ROOT CRON_SECRET_FILE DATA_DIR'
    const cwd = folder()
    const program = launch({ PORT: '0', ...Object.fromEntries(names.split(' ').map((name) => [name, ''])) }, cwd)
    assert.match(await program.url, /127\.0\.0\.1/)
    assert.ok(existsSync(join(cwd, 'data', 'master.key')), 'DATA_DIR is ./data of the working directory')
    await program.stop()
  })

  it('takes a secret from the file that NAME_FILE names', async () => {
    const secret = join(folder(), 'key')
    writeFileSync(secret, `${randomBytes(32).toString('base64')}\n`)
    writeFileSync(`${secret}.api`, 'sk-ant-from-a-file\n')
    const env = { STEWARD_MASTER_KEY_FILE: secret, ANTHROPIC_API_KEY_FILE: `${secret}.api` }
    await using steward = await startSteward({ env: { ...env, ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' } })
    assert.ok(!existsSync(join(steward.dataDir, 'master.key')), 'the key is not written beside the database')
    const { body } = await steward.owner.get('/api/credentials/system:anthropic_api_key')
    assert.equal(body.value, 'sk-ant-from-a-file')
  })

  it('is completed by .env of the working directory, which gives way to what is really set', async () => {
    const cwd = folder()
    writeFileSync(
      join(cwd, '.env'),
      '# for this house\nDATA_DIR=./elsewhere\nLOG_LEVEL=loud\nPUBLIC_URL="https://a.example"\n',
    )
    assert.match(await refusal({}, cwd), /LOG_LEVEL=loud/)
    const program = launch({ PORT: '0', LOG_LEVEL: 'error', PUBLIC_URL: 'https://b.example' }, cwd)
    await program.url
    assert.ok(existsSync(join(cwd, 'elsewhere', 'master.key')))
    assert.match(program.stdout(), /Open https:\/\/b\.example\//)
    await program.stop()
  })

  it('lets a secret file that is really set go before a secret in .env', async () => {
    const cwd = folder()
    const good = randomBytes(32).toString('base64')
    writeFileSync(join(cwd, '.env'), 'STEWARD_MASTER_KEY=not-a-key\n')
    writeFileSync(join(cwd, 'key'), good)
    const program = launch({ PORT: '0', STEWARD_MASTER_KEY_FILE: join(cwd, 'key') }, cwd)
    await program.url
    assert.equal((await program.stop()).code, 0)
  })
})

describe('listening', () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.7', 'steward.example.org', '127.example.org']) {
    it(`refuses HOST=${host} without TLS in front or a word that the network is trusted`, async () => {
      const line = await refusal({ HOST: host })
      for (const way of [`HOST=${host}`, 'PUBLIC_URL=https', 'TRUST_PROXY', 'ALLOW_PLAIN_HTTP=1'])
        assert.ok(line.includes(way), line)
    })
  }

  it('does not take a plain PUBLIC_URL or an ALLOW_PLAIN_HTTP of 0 for protection', async () => {
    assert.match(
      await refusal({ HOST: '0.0.0.0', PUBLIC_URL: 'http://steward.lan', ALLOW_PLAIN_HTTP: '0' }),
      /ALLOW_PLAIN_HTTP=1/,
    )
  })

  it('says so when the port is taken', async () => {
    await using other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const port = String((other.address() as AddressInfo).port)
    const line = await refusal({ PORT: port })
    assert.ok(line.includes(`PORT=${port}`) && line.includes('EADDRINUSE'), line)
  })
})

describe('stopping', () => {
  it('ends with 0 within ten seconds, with a kept-alive connection and a socket open', async () => {
    const steward = await startSteward()
    const agent = new Agent({ keepAlive: true })
    await new Promise((resolve) =>
      httpGet(`${steward.url}/health`, { agent }, (response) => response.resume().on('end', resolve)),
    )
    const chat = await steward.owner.chat('019a9d2e-7c1a-7000-8000-0000000000aa')
    const started = performance.now()
    assert.equal(await steward.stop(), 0)
    assert.ok(performance.now() - started < 5_000, 'it did not wait for its grace to be over')
    assert.equal((await chat.closed).code, 1001)
    agent.destroy()
    rmSync(steward.dataDir, { recursive: true })
  })

  it('does not wait for a socket whose other side has fallen silent', async () => {
    const steward = await startSteward()
    const chat = await steward.owner.chat('019a9d2e-7c1a-7000-8000-0000000000ab')
    chat.socket.pause()
    const started = performance.now()
    assert.equal(await steward.stop(), 0)
    assert.ok(performance.now() - started < 5_000)
    assert.ok(!existsSync(join(steward.dataDir, 'steward.sqlite-wal')), 'the database was closed in order')
    chat.socket.terminate()
    rmSync(steward.dataDir, { recursive: true })
  })

  it('ends with 0 on SIGINT, also when it comes twice', async () => {
    const program = launch({ PORT: '0' })
    await program.url
    program.child.kill('SIGINT')
    assert.equal((await program.stop('SIGINT')).code, 0)
  })
})

describe('the data folder', () => {
  it('is for one process at a time, also right after the first was killed', async () => {
    const first = await startSteward()
    const { dataDir } = first
    assert.match(await refusal({ DATA_DIR: dataDir }), new RegExp(`already running on ${dataDir}`))
    assert.equal((await first.anybody().get('/health')).status, 200)
    await first.kill()
    const second = await startSteward({ dataDir })
    assert.equal((await second.owner.get('/api/auth/me')).body.username, OWNER.username)
    assert.equal(await second.stop(), 0)
    rmSync(dataDir, { recursive: true })
  })

  it('is refused untouched when a newer version wrote the database', async () => {
    const dataDir = await usedFolder()
    const file = join(dataDir, 'steward.sqlite')
    const db = new Database(file)
    db.pragma('user_version = 99')
    db.pragma('journal_mode = DELETE')
    db.close()
    const before = digest(file)
    assert.match(await refusal({ DATA_DIR: dataDir }), /newer version of Steward \(schema 99/)
    assert.equal(digest(file), before)
  })

  it('is refused with a line of words when the database is none', async () => {
    const dataDir = await usedFolder()
    writeFileSync(join(dataDir, 'steward.sqlite'), 'These are somebody’s notes. '.repeat(100))
    assert.match(await refusal({ DATA_DIR: dataDir }), /steward\.sqlite.*not a database/)
  })

  it('is refused when its master.key is missing, and no new key is made', async () => {
    const dataDir = await usedFolder()
    rmSync(join(dataDir, 'master.key'))
    assert.match(await refusal({ DATA_DIR: dataDir }), /master\.key is missing.*STEWARD_MASTER_KEY/)
    assert.ok(!existsSync(join(dataDir, 'master.key')))
  })

  it('is refused with another master key, and opens with the recovery key alone', async () => {
    const dataDir = await usedFolder()
    const recovery = readFileSync(join(dataDir, 'master.key'), 'utf8').trim()
    const wrong = { DATA_DIR: dataDir, STEWARD_MASTER_KEY: randomBytes(32).toString('base64') }
    assert.match(await refusal(wrong), /does not fit this database/)
    rmSync(join(dataDir, 'master.key'))
    const steward = await startSteward({ dataDir, env: { STEWARD_MASTER_KEY: recovery } })
    assert.equal((await steward.owner.get('/api/auth/me')).status, 200)
    await steward.stop()
  })

  it('is refused when master.key holds no key', async () => {
    const dataDir = await usedFolder()
    writeFileSync(join(dataDir, 'master.key'), 'nonsense\n')
    assert.match(await refusal({ DATA_DIR: dataDir }), /master\.key does not hold a key/)
  })
})

/** A data folder that was set up and is closed now. */
async function usedFolder(): Promise<string> {
  const dataDir = folder()
  const steward = await startSteward({ dataDir })
  assert.equal((await new Client(steward.url).get('/health')).status, 200)
  await steward.stop()
  return dataDir
}
