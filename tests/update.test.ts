import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { withDatabase } from './peers/database.ts'
import { startSteward } from './steward.ts'

/** `npm run update` in a clone of the house whose remote is a folder; packages are at hand, and npm only writes down what it was asked for. */

const ROOT = join(import.meta.dirname, '..')
const FAKE_NPM = `import { appendFileSync } from 'node:fs'
appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n')`

let place: string
let remote: string
let clone: string
let dataDir: string

const git = (dir: string, ...args: string[]): string =>
  execFileSync('git', ['-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { encoding: 'utf8' }).trim() // prettier-ignore
const head = () => git(clone, 'rev-parse', 'HEAD')

/** A new commit of the remote with these files changed. */
function release(change: Record<string, (text: string) => string>, tag?: string): string {
  for (const [name, edit] of Object.entries(change))
    writeFileSync(join(remote, name), edit(readFileSync(join(remote, name), 'utf8')))
  git(remote, 'commit', '-qam', 'A change')
  if (tag) git(remote, 'tag', tag)
  return git(remote, 'rev-parse', 'HEAD')
}

const version = (to: string) => ({ 'package.json': (text: string) => text.replace(/"version": "[^"]+"/, `"version": "${to}"`) }) // prettier-ignore

function update(): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, [join(clone, 'scripts', 'launch.mjs'), 'update'], {
    cwd: clone,
    env: { PATH: process.env.PATH ?? '', HOME: place, DATA_DIR: dataDir, npm_execpath: join(place, 'npm-cli.mjs') },
  })
  let said = ''
  child.stdout.on('data', (chunk) => (said += String(chunk)))
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, said })))
}

/** What is in the database and the packages' marker, which a failed update must leave as they were. */
const contents = () => ({
  users: withDatabase(dataDir, (db) => db.prepare('SELECT * FROM users').all()),
  audit: withDatabase(dataDir, (db) => db.prepare('SELECT count(*) FROM audit').pluck().get()),
  schema: withDatabase(dataDir, (db) => db.pragma('user_version', { simple: true })),
  marker: readFileSync(join(clone, 'node_modules', '.locked'), 'utf8'),
})
const backups = () => readdirSync(join(dataDir, 'backups')).filter((name) => /^\d/.test(name))
const builtVersion = () => JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')).version as string

before(async () => {
  place = mkdtempSync(join(tmpdir(), 'update-'))
  ;[remote, clone, dataDir] = ['remote', 'clone', 'data'].map((name) => join(place, name)) as [string, string, string]
  writeFileSync(join(place, 'npm-cli.mjs'), FAKE_NPM)
  const files = execFileSync('git', ['-C', ROOT, 'ls-files', '-z', '--', ':!tests', ':!bench'], { encoding: 'utf8' })
  mkdirSync(remote)
  execFileSync('tar', ['-C', ROOT, '--null', '-T', '-', '-cf', join(place, 'all.tar')], { input: files })
  execFileSync('tar', ['-C', remote, '-xf', join(place, 'all.tar')])
  git(remote, 'init', '-q', '-b', 'main')
  git(remote, 'add', '-A')
  git(remote, 'commit', '-qm', 'The house')
  git(place, 'clone', '-q', remote, clone)
  mkdirSync(join(clone, 'node_modules'))
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '.locked') symlinkSync(join(ROOT, 'node_modules', name), join(clone, 'node_modules', name))
  const lock = createHash('sha256').update(readFileSync(join(clone, 'package-lock.json'))).digest('hex') // prettier-ignore
  writeFileSync(join(clone, 'node_modules', '.locked'), lock)
  mkdirSync(dataDir)
  await (await startSteward({ dataDir })).stop()
})
after(() => rmSync(place, { recursive: true, force: true }))

describe('npm run update', () => {
  it('says that this is the newest version where it is, and makes no backup for it', async () => {
    const { status, said } = await update()
    assert.deepEqual([status, backups()], [0, []])
    assert.match(said, /This is the newest version/)
  })

  it('is refused with changes of one’s own, and while Steward runs', async () => {
    const wanted = release(version('0.1.1'))
    writeFileSync(join(clone, 'README.md'), 'mine')
    const changed = await update()
    assert.deepEqual([changed.status, /changes of your own.*README\.md/s.test(changed.said)], [1, true], changed.said)
    git(clone, 'checkout', '-q', 'README.md')
    await using _running = await startSteward({ dataDir })
    const running = await update()
    assert.deepEqual([running.status, /already running.*stop it/s.test(running.said)], [1, true], running.said)
    assert.notEqual(head(), wanted)
  })

  it('backs up, follows the branch, builds, tries the new version on a copy, and says each step', async () => {
    const wanted = git(remote, 'rev-parse', 'HEAD')
    const before = contents()
    const { status, said } = await update()
    assert.equal(status, 0, said)
    assert.deepEqual([head(), builtVersion(), backups().length], [wanted, '0.1.1', 1])
    assert.match(
      said,
      /Looking.*Backing up.*Updating to origin\/main.*building.*on a copy.*Updated to origin\/main\. Start Steward again/s,
    )
    assert.ok(existsSync(join(clone, 'dist', 'server.js')))
    assert.deepEqual(contents(), before)
    assert.deepEqual(
      readdirSync(join(dataDir, 'backups')).filter((name) => name.startsWith('.drill')),
      [],
    )
    const manifest = JSON.parse(readFileSync(join(dataDir, 'backups', backups()[0]!, 'manifest.json'), 'utf8'))
    assert.equal(manifest.cause, 'update')
  })

  it('prefers a newer version tag to what follows it on the branch', async () => {
    const tagged = release(version('0.2.0'), 'v0.2.0')
    release(version('0.3.0-unfinished'))
    assert.equal((await update()).status, 0)
    assert.deepEqual([head(), builtVersion()], [tagged, '0.2.0'])
    assert.match((await update()).said, /This is the newest version \(v0\.2\.0\)/)
  })

  const broken: Record<string, Record<string, (text: string) => string>> = {
    'does not start': { 'server.ts': (text) => text.replace('const db = openDb(', `throw new Error('no luck');\n  const db = openDb(`) },
    'is not ready': { 'services/health.ts': (text) => text.replace('schema() {', `schema() {\n      if (Date.now() > 0) throw new Error('no')`) },
    'cannot be built': { 'server.ts': (text) => `import './nowhere.ts'\n${text}` },
    'has a migration that fails on this database': {
      'db/open.ts': (text) => text.replace(/SCHEMA_VERSION = \d+/, 'SCHEMA_VERSION = 99'),
      'db/migrations/0004-account.sql': (text) => text,
    },
  } // prettier-ignore

  for (const [what, change] of Object.entries(broken)) {
    it(`takes back a version that ${what}, and leaves the data as it was`, async () => {
      const [old, before] = [head(), contents()]
      release(change, `v1.${Object.keys(broken).indexOf(what)}.0`)
      if (what.startsWith('has a migration')) {
        writeFileSync(
          join(remote, 'db', 'migrations', '0099-bad.sql'),
          'CREATE TABLE moved (x TEXT); DROP TABLE nothing;',
        )
        git(remote, 'add', '-A')
        git(remote, 'commit', '-qm', 'A migration')
        git(remote, 'tag', 'v1.9.0')
      }
      const { status, said } = await update()
      assert.equal(status, 1, said)
      assert.match(said, /Going back to [0-9a-f]{10} ….*The update was taken back/s)
      assert.deepEqual([head(), git(clone, 'status', '--porcelain', '--untracked-files=no')], [old, ''])
      assert.deepEqual(contents(), before)
      const again = spawn(process.execPath, ['dist/server.js', '--check'], { cwd: clone, env: { PATH: process.env.PATH ?? '', DATA_DIR: dataDir, PORT: '0' } }) // prettier-ignore
      await new Promise<void>((resolve, reject) => {
        again.stdout.on('data', (chunk) => /listening/.test(String(chunk)) && resolve())
        again.on('exit', () => reject(new Error('what was there before does not start')))
      })
      again.removeAllListeners('exit')
      const ended = new Promise((resolve) => again.on('exit', resolve))
      again.kill()
      await ended
      git(remote, 'reset', '-q', '--hard', git(remote, 'rev-parse', 'v0.2.0'))
      for (const tag of git(remote, 'tag', '--list', 'v1*').split('\n').filter(Boolean)) {
        git(remote, 'tag', '-d', tag)
        git(clone, 'tag', '-d', tag)
      }
    })
  }

  it('says in a container, which is no clone, that the image is to be pulled', async () => {
    rmSync(join(clone, '.git'), { recursive: true })
    const { status, said } = await update()
    assert.deepEqual([status, /no git clone.*docker compose/s.test(said)], [1, true], said)
  })
})
