import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { about, type Check, type Finding } from './finding.ts'

const DAY_MS = 24 * 3600_000
const OLD_BACKUP_DAYS = 30
const MIB = 1024 * 1024
/** Says nothing to whoever reads it. */
const HARMLESS = ['steward.lock']

/** Windows keeps rights elsewhere than in modes. */
const HAS_MODES = process.platform !== 'win32'

const modeOf = (path: string): number => statSync(path).mode & 0o777
const shown = (mode: number): string => `0${mode.toString(8).padStart(3, '0')}`

/** What in the data folder others on this machine can read or change: where they can get in, and what is not closed itself. */
export const dataFolder: Check = ({ config: { dataDir } }) => {
  if (!HAS_MODES || !existsSync(dataDir)) return []
  const mode = modeOf(dataDir)
  const entrances = ((mode & 0o010) === 0 ? 0 : 0o070) | ((mode & 0o001) === 0 ? 0 : 0o007)
  const names = readdirSync(dataDir).filter((name) => !HARMLESS.includes(name) && name !== 'master.key')
  const open = names.filter((name) => (modeOf(join(dataDir, name)) & entrances) !== 0)
  return [
    ...about((mode & 0o022) === 0 ? [] : [dataDir], {
      id: 'data-folder-writable',
      severity: 'critical',
      title: 'Others on this machine can change what is in the data folder.',
      detail: () => `${dataDir} has the mode ${shown(mode)}.`,
      fix: `Run: chmod 700 ${dataDir}`,
    }),
    ...about(open, {
      id: 'data-folder-open',
      severity: 'critical',
      title: 'Others on this machine can read what is in the data folder.',
      detail: (list) => `${dataDir} lets them in, and these are open to them: ${list}.`,
      fix: `Run: chmod 700 ${dataDir} && chmod -R go-rwx ${dataDir}`,
    }),
  ]
}

/** The master key: who can read it, whose it is, and where it lies. */
export const masterKey: Check = ({ config }) => {
  const inFolder = join(config.dataDir, 'master.key')
  if (config.masterKey === undefined) return existsSync(inFolder) ? keyInFolder(inFolder, config.dataDir) : []
  return [...keyElsewhere(config.masterKeyFile), ...(existsSync(inFolder) ? [forgottenKey(inFolder)] : [])]
}

function keyInFolder(file: string, dataDir: string): Finding[] {
  return [
    ...keyMode(file, dataDir),
    ...keyOwner(file, dataDir),
    {
      id: 'key-beside-database',
      severity: 'info',
      title: 'The master key lies beside the database.',
      detail: `Whoever can read ${dataDir} as a whole, a backup of it for instance, can read your credentials.`,
      fix: 'Keep the key on another volume and set STEWARD_MASTER_KEY_FILE to its path, or leave it out of your backups.',
    },
  ]
}

function keyMode(file: string, dataDir: string): Finding[] {
  const mode = modeOf(file)
  if (!HAS_MODES || (mode & 0o077) === 0) return []
  return [
    {
      id: 'key-file-mode',
      severity: (modeOf(dataDir) & 0o011) === 0 ? 'warning' : 'critical',
      title: 'The file of the master key is open to others on this machine.',
      detail: `${file} has the mode ${shown(mode)}; expected 0600.`,
      fix: `Run: chmod 600 ${file}. If others may have read it, change your credentials.`,
    },
  ]
}

function keyOwner(file: string, dataDir: string): Finding[] {
  if (!HAS_MODES || statSync(file).uid === statSync(dataDir).uid) return []
  return [
    {
      id: 'key-file-owner',
      severity: 'warning',
      title: 'The file of the master key belongs to another user of this machine.',
      detail: `${file} belongs to the user ${statSync(file).uid}, the data folder to ${statSync(dataDir).uid}.`,
      fix: `Give it to the user that Steward runs as: chown ${statSync(dataDir).uid} ${file}`,
    },
  ]
}

function keyElsewhere(file: string | undefined): Finding[] {
  if (!HAS_MODES || file === undefined || !existsSync(file) || (modeOf(file) & 0o007) === 0) return []
  return [
    {
      id: 'key-file-mode',
      severity: 'warning',
      title: 'The file of the master key is open to everybody on this machine.',
      detail: `STEWARD_MASTER_KEY_FILE=${file} has the mode ${shown(modeOf(file))}.`,
      fix: `Run: chmod 600 ${file}`,
    },
  ]
}

function forgottenKey(file: string): Finding {
  return {
    id: 'key-left-behind',
    severity: 'info',
    title: 'A master key still lies in the data folder, although another one is used.',
    detail: `${file} is not read while STEWARD_MASTER_KEY is set.`,
    fix: 'If it is the same key, delete the file; keep a copy of the key elsewhere.',
  }
}

/** Whether there is a copy of the database to go back to, and how old it is. */
export const backups: Check = ({ config: { dataDir }, now }) => {
  const folder = join(dataDir, 'backups')
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : []
  const files = names.map((name) => statSync(join(folder, name)).mtimeMs)
  const days = Math.floor((now.getTime() - Math.max(...files)) / DAY_MS)
  if (files.length > 0 && days <= OLD_BACKUP_DAYS) return []
  return [
    {
      id: 'backup',
      severity: 'info',
      title: files.length === 0 ? 'There is no backup yet.' : `The newest backup is ${days} days old.`,
      detail: `Nothing newer lies in ${folder}.`,
      fix: 'Run npm run backup, or look under Settings, Data. Copy backups to another machine, and the master key to a third place.',
    },
  ]
}

/** Whether there is room to write. */
export const disk: Check = ({ config: { dataDir } }) => {
  if (!existsSync(dataDir)) return []
  const { bavail, bsize } = statfsSync(dataDir)
  return diskFindings(dataDir, Math.floor((bavail * bsize) / MIB))
}

/** What so many free MiB mean. */
export function diskFindings(place: string, free: number): Finding[] {
  if (free >= 1024) return []
  return [
    {
      id: 'disk',
      severity: free < 200 ? 'critical' : 'warning',
      title: 'There is little space left on the disk.',
      detail: `${free} MiB are free where ${place} lies.`,
      fix: 'Free some space: without it nothing can be written, and runs stop.',
    },
  ]
}
