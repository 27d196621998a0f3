import { existsSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { lstat, mkdir, rename, rm } from 'node:fs/promises'
import { basename, isAbsolute, join, resolve } from 'node:path'
import { SCHEMA_VERSION } from '../../db/open.ts'
import { openSnapshot } from '../../db/snapshot.ts'
import { keyIn } from '../audit/keys.ts'
import { takeDataFolder, UNFINISHED_RESTORE } from '../data-folder.ts'
import { AppError } from '../errors.ts'
import { CHECK, fits, keyFiles } from '../master-key.ts'
import { syncFolder } from '../private-file.ts'
import { DATABASE, FOLDERS, readManifest, type Manifest } from './manifest.ts'
import { isName, nameOf, namesIn } from './places.ts'
import { leaveRestoreNote } from './restore-note.ts'
import { copyPrivate, hashFile, linked } from './tree.ts'

export type RestoreOrder = {
  /** A folder, or the name of a backup in the data folder, or `newest`. */
  from: string
  dataDir: string
  /** What is there now is moved aside. Without it a data folder that holds something is refused. */
  force?: boolean
  /** Where it comes from the environment; else it is looked for in the data folder. */
  masterKey?: Buffer | undefined
  /** What relative paths start from. */
  cwd?: string
  now?: () => Date
}

export type Restored = { folder: string; manifest: Manifest; movedAside: string | undefined }

/** The folder of uploads that are not whole yet; it is there from the first start. */
const HALF_DONE = '.uploads'

/** What stands in a data folder and belongs to the database that is exchanged. */
const EXCHANGED = [DATABASE, `${DATABASE}-wal`, `${DATABASE}-shm`, 'setup-token', ...FOLDERS]

/**
 * Puts a backup into a data folder on which no Steward runs. Everything is looked at first (checksums, schema, key), then copied
 * beside, and only then exchanged; what was there is moved aside and never removed. Cut off in the exchange, it leaves a mark
 * with which Steward does not start, and is simply done again. Throws AppError, or ConfigError where Steward runs.
 */
export async function restoreBackup(order: RestoreOrder): Promise<Restored> {
  const { dataDir, force = false, now = () => new Date() } = order
  const folder = folderOf(order)
  const manifest = await verifyBackup(folder)
  const place = takeDataFolder(dataDir, { restoring: true })
  try {
    refuseFull(dataDir, force)
    refuseKey(folder, manifest, order)
    const beside = join(dataDir, '.restoring')
    await rm(beside, { recursive: true, force: true })
    await putInto(folder, manifest, beside)
    const at = now()
    leaveRestoreNote(dataDir, { backup: basename(folder), at: at.toISOString() })
    const movedAside = await exchange(dataDir, beside, `before-restore-${nameOf(at)}`)
    return { folder, manifest, movedAside }
  } finally {
    place.release()
  }
}

/**
 * The manifest of a backup that is whole: every file there, and as it was. Throws AppError `conflict` with the first that are
 * not, and for one of a newer version.
 */
export async function verifyBackup(folder: string): Promise<Manifest> {
  const manifest = readManifest(folder)
  if (manifest.schema_version > SCHEMA_VERSION)
    throw new AppError(
      'conflict',
      `${folder} was made by a newer version of Steward (${manifest.app_version}, schema ${manifest.schema_version}; this one knows ${SCHEMA_VERSION}). Update Steward first.`,
    )
  const damaged: string[] = []
  for (const { path, size, sha256 } of manifest.files) {
    const stat = await lstat(join(folder, path)).catch(() => undefined)
    const whole = stat?.isFile() && stat.size === size && (await hashFile(join(folder, path))) === sha256
    if (!whole) damaged.push(stat ? path : `${path} (missing)`)
  }
  if (damaged.length === 0) return manifest
  const named = `${damaged.slice(0, 3).join(', ')}${damaged.length > 3 ? ` and ${damaged.length - 3} more` : ''}`
  throw new AppError('conflict', `${folder} is not as it was written: ${named}. Take another backup.`)
}

/** Copies what the manifest names; with `share`, files get a second name instead where that can be. */
export async function putInto(from: string, manifest: Manifest, to: string, { share = false } = {}): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 })
  for (const path of manifest.folders) await mkdir(join(to, path), { recursive: true, mode: 0o700 })
  for (const { path, mtime_ms } of manifest.files) {
    const [source, target] = [join(from, path), join(to, path)]
    if (share && path !== DATABASE && (await linked(source, target))) continue
    await copyPrivate(source, target, { mtimeMs: mtime_ms })
  }
  for (const path of ['', ...manifest.folders]) syncFolder(join(to, path))
}

function folderOf({ from, dataDir, cwd = process.cwd() }: RestoreOrder): string {
  const backups = join(dataDir, 'backups')
  const [newest] = namesIn(backups)
  if (from === 'newest') {
    if (newest === undefined) throw new AppError('not_found', `There is no backup in ${backups}.`)
    return join(backups, newest)
  }
  if (isName(from) && existsSync(join(backups, from))) return join(backups, from)
  return isAbsolute(from) ? from : resolve(cwd, from)
}

function refuseFull(dataDir: string, force: boolean): void {
  const holdsSomething = (name: string) => readdirSync(join(dataDir, name)).some((entry) => entry !== HALF_DONE)
  const full = existsSync(join(dataDir, DATABASE)) || FOLDERS.some(holdsSomething)
  if (!full || force || existsSync(join(dataDir, UNFINISHED_RESTORE))) return
  throw new AppError(
    'conflict',
    `${dataDir} already holds data. Give --force: it is moved aside then, into a folder of its own, and not removed. Or name an empty folder with --data-dir.`,
  )
}

function refuseKey(folder: string, { master_key_id: id }: Manifest, { dataDir, masterKey }: RestoreOrder): void {
  const { present } = keyFiles(dataDir)
  const keys = masterKey ? [masterKey] : keyIn(present)
  const snapshot = openSnapshot(join(folder, DATABASE))
  try {
    const check = snapshot.all<{ value: string }>('SELECT value FROM settings WHERE name = ?', CHECK.row)[0]?.value
    if (check === undefined || keys.some((key) => fits(key, check))) return
  } finally {
    snapshot.close()
  }
  const wanted = `This backup needs the master key ${id ?? ''} it was made under, which is kept apart from backups.`
  const found = keys.length > 0 ? 'The one at hand is another.' : 'There is none at hand.'
  throw new AppError(
    'conflict',
    `${wanted} ${found} Put it into ${present} (0600), or set STEWARD_MASTER_KEY or STEWARD_MASTER_KEY_FILE; the recovery key shown at set-up or at the last rotation is that key. Nothing was changed.`,
  )
}

async function exchange(dataDir: string, beside: string, asideName: string): Promise<string | undefined> {
  const mark = join(dataDir, UNFINISHED_RESTORE)
  const aside = join(dataDir, asideName)
  writeFileSync(mark, '', { mode: 0o600 })
  syncFolder(dataDir)
  const there = EXCHANGED.filter((name) => existsSync(join(dataDir, name)) && !removedEmpty(join(dataDir, name)))
  if (there.length > 0) await mkdir(aside, { mode: 0o700 })
  for (const name of there) await rename(join(dataDir, name), join(aside, name))
  for (const name of [...FOLDERS, DATABASE]) await rename(join(beside, name), join(dataDir, name))
  syncFolder(dataDir)
  await rm(beside, { recursive: true, force: true })
  await rm(mark)
  syncFolder(dataDir)
  return there.length > 0 ? aside : undefined
}

/** Whether it was an empty folder. */
function removedEmpty(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch {
    return false
  }
}
