// Brings a git clone to the newest version: backs up, updates, installs, builds, and starts the new version on a copy of the
// database. Where that does not get ready, everything is as it was before; the data itself has not been touched.
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readConfig } from '../services/config.ts'
import { readEnvironment } from '../services/environment.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const READY_MS = 60_000
const STOP_MS = 10_000

/** Why it went no further, for the owner. */
class Refused extends Error {}

const say = (line) => process.stdout.write(`${line}\n`)
const git = (...args) => ran('git', args)
const lastLines = (text) => text.trim().split('\n').slice(-5).join('\n')

function attempt(file, args, env = process.env) {
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd: ROOT, env, encoding: 'utf8', maxBuffer: 64 << 20 }) // prettier-ignore
  return { ok: status === 0, out: (stdout ?? '').trim(), err: error?.message ?? stderr ?? '' }
}

function ran(file, args) {
  const { ok, out, err } = attempt(file, args)
  if (ok) return out
  throw new Refused(`${[file, ...args].join(' ')} failed:\n${lastLines(err || out)}`)
}

function refuseWhatIsNoClone() {
  if (existsSync(join(ROOT, '.git'))) return
  throw new Refused(
    'This is no git clone, so it is not updated from here. With the container image, pull or build the new one and start it: docker compose up -d --build (or docker compose pull && docker compose up -d). The data volume stays; an older database is brought forward at the start, after a copy in its backups.',
  )
}

function refuseLocalChanges() {
  const changed = git('status', '--porcelain', '--untracked-files=no')
  if (changed !== '') throw new Refused(`There are changes of your own in this clone. Put them away first (git stash):\n${changed}`) // prettier-ignore
}

/** In a process of its own, so that no package is held open while the packages are replaced. */
function refuseRunning(dataDir) {
  if (!existsSync(join(dataDir, 'steward.sqlite'))) return
  const look = `const { takeDataFolder } = await import('./services/data-folder.ts'); try { takeDataFolder(process.argv[1]).release() } catch (error) { console.error(error.message); process.exit(1) }`
  const { ok, err } = attempt(process.execPath, ['--input-type=module', '-e', look, dataDir])
  if (!ok) throw new Refused(`${err.trim()}\nThe program is replaced under it, so stop it, run npm run update, and start it again.`) // prettier-ignore
}

const isAhead = (ref) => attempt('git', ['merge-base', '--is-ancestor', 'HEAD', ref]).ok && commitOf(ref) !== commitOf('HEAD') // prettier-ignore
const commitOf = (ref) => git('rev-parse', `${ref}^{commit}`)

/** The newest version tag ahead of here; for whoever follows a branch between versions, that branch. */
function target() {
  const [newest] = git('tag', '--list', 'v[0-9]*', '--sort=-v:refname').split('\n').filter(Boolean)
  if (newest !== undefined && isAhead(newest)) return newest
  const stands = git('tag', '--points-at', 'HEAD', '--list', 'v[0-9]*') !== ''
  const upstream = attempt('git', ['rev-parse', '--abbrev-ref', '@{upstream}'])
  if (stands || !upstream.ok) return undefined
  if (isAhead(upstream.out)) return upstream.out
  if (attempt('git', ['merge-base', '--is-ancestor', upstream.out, 'HEAD']).ok) return undefined
  throw new Refused(`This clone and ${upstream.out} have gone different ways, so it cannot simply be brought forward. Look at: git log HEAD...${upstream.out}`) // prettier-ignore
}

function backUp(dataDir) {
  if (!existsSync(join(dataDir, 'steward.sqlite'))) return undefined
  const made = JSON.parse(ran(process.execPath, ['cli.ts', 'backup', '--json', '--cause=update']))
  say(`  ${made.folder}`)
  return made.folder
}

const isBranch = () => attempt('git', ['symbolic-ref', '--quiet', 'HEAD']).ok

function goTo(ref) {
  if (isBranch()) git('merge', '--ff-only', '--quiet', ref)
  else git('checkout', '--quiet', '--detach', ref)
}

function goBack(commit) {
  if (isBranch()) git('reset', '--hard', '--quiet', commit)
  else git('checkout', '--quiet', '--force', '--detach', commit)
}

/** The launcher that is checked out now brings the packages that it locks, and builds. */
const build = () => ran(process.execPath, [join('scripts', 'launch.mjs'), 'build'])

/** Starts what is built now on a copy of the database, where it does no work of its own, and asks whether it is ready. */
async function tryOut({ dataDir, masterKey }, backup) {
  const scratch = join(dataDir, 'backups', `.drill-update-${process.pid}`)
  mkdirSync(scratch, { recursive: true, mode: 0o700 })
  try {
    if (backup) copyFileSync(join(backup, 'steward.sqlite'), join(scratch, 'steward.sqlite'))
    const key = join(dataDir, 'master.key')
    const env = { ...process.env, DATA_DIR: scratch, HOST: '127.0.0.1', PORT: '0', ...(masterKey === undefined && existsSync(key) ? { STEWARD_MASTER_KEY_FILE: key } : {}) } // prettier-ignore
    await becomesReady(env)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function becomesReady(env) {
  const child = spawn(process.execPath, [join('dist', 'server.js'), '--check'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] }) // prettier-ignore
  let output = ''
  const ended = new Promise((resolve) => child.on('close', resolve))
  try {
    const url = await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Refused(`The new version ${why}:\n${lastLines(output)}`))
      const timer = setTimeout(() => fail('did not start in a minute'), READY_MS)
      const look = (chunk) => {
        output += String(chunk)
        const found = /"msg":"listening","url":"([^"]+)"/.exec(output)?.[1]
        if (found) resolve((clearTimeout(timer), found))
      }
      child.stdout.on('data', look)
      child.stderr.on('data', look)
      child.on('error', (error) => fail(`could not be run (${error.message})`))
      ended.then(() => (clearTimeout(timer), fail('ended by itself')))
    })
    const answer = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(READY_MS) })
    const { issues = [] } = await answer.json().catch(() => ({}))
    if (!answer.ok)
      throw new Refused(`The new version says that it is not ready (${answer.status}): ${issues.join(' ')}`)
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(`The new version does not answer: ${error.message}`)
  } finally {
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(hard)
  }
}

async function update() {
  refuseWhatIsNoClone()
  const config = readConfig(readEnvironment(process.env, ROOT), ROOT)
  refuseLocalChanges()
  refuseRunning(config.dataDir)
  say('Looking for a newer version …')
  git('fetch', '--quiet', '--tags')
  const wanted = target()
  if (wanted === undefined) return say(`This is the newest version (${git('describe', '--tags', '--always')}).`)
  const old = commitOf('HEAD')
  say('Backing up …')
  const backup = backUp(config.dataDir)
  try {
    say(`Updating to ${wanted} (${commitOf(wanted).slice(0, 10)}) …`)
    goTo(wanted)
    say('Installing the locked dependencies and building …')
    build()
    say('Starting the new version on a copy of the database …')
    await tryOut(config, backup)
  } catch (error) {
    await rollBack(old, error)
  }
  say(`Updated to ${wanted}. Start Steward again: npm start`)
}

async function rollBack(old, error) {
  say(`${error.message}\nGoing back to ${old.slice(0, 10)} …`)
  goBack(old)
  build()
  throw new Refused('The update was taken back: program and packages are as before, and the data was not touched. Start Steward again as it was.') // prettier-ignore
}

// @NOTE who presses Ctrl-C ends the step that goes on, which is then taken back like one that failed.
process.on('SIGINT', () => {}).on('SIGTERM', () => {})
try {
  process.umask(0o077)
  await update()
} catch (error) {
  process.stderr.write(`${error instanceof Error && error.constructor !== Refused && error.name !== 'Error' ? error.stack : error.message}\n`) // prettier-ignore
  process.exitCode = 1
}
