import { join } from 'node:path'
import { DatabaseRefused, openDb } from '../../db/open.ts'
import { createAudit } from '../../services/audit.ts'
import { ConfigError, readConfig, type Config } from '../../services/config.ts'
import { takeDataFolder } from '../../services/data-folder.ts'
import { openVault } from '../../services/master-key.ts'
import { createRotation, type Rotated } from '../../services/rotation.ts'
import { createSettings } from '../../services/settings.ts'
import { command, CommandError, EXIT, type Call } from '../command.ts'
import { programDir } from '../house.ts'

const BACKUPS = 'Backups made before now need the old key, so keep it with them. Everybody has to sign in again.'

export default command({
  usage: '',
  help: `Changes the master key of a data folder on which no Steward runs. A key from STEWARD_MASTER_KEY is changed to the one in
NEW_STEWARD_MASTER_KEY; else a new key is made and put into the key file.`,
  options: {},
  words: [0, 0],
  run: rotateKey,
})

function rotateKey({ env, out }: Call): Promise<number> {
  const { rotated, given } = rotate(readConfig(env))
  if (out.json) out.value({ ...rotated, recoveryKey: given ? undefined : rotated.recoveryKey })
  else out.line(given ? toGiven(rotated) : toFile(rotated))
  return Promise.resolve(EXIT.ok)
}

function rotate(config: Config): { rotated: Rotated; given: boolean } {
  const { masterKey, newMasterKey, dataDir } = config
  if ((masterKey === undefined) !== (newMasterKey === undefined)) throw new ConfigError(halfGiven(masterKey))
  const folder = takeDataFolder(dataDir)
  try {
    const db = open(folder)
    try {
      const vault = openVault({ db, dataDir, fromEnvironment: masterKey })
      const base = { db, now: () => new Date(), vault }
      const endSessions = () => void db.prepare('DELETE FROM http_sessions').run()
      const keyInEnvironment = masterKey !== undefined
      const audit = createAudit({ ...base, settings: createSettings(base) })
      const rotation = createRotation({ ...base, audit, dataDir, keyInEnvironment, endSessions })
      const by = { userId: null, name: 'system' }
      const given = newMasterKey !== undefined
      return { rotated: given ? rotation.rotateTo(newMasterKey, by) : rotation.rotate(by), given }
    } finally {
      db.close()
    }
  } finally {
    folder.release()
  }
}

function open({ database, backups }: ReturnType<typeof takeDataFolder>) {
  try {
    return openDb(database, { schemaDir: join(programDir(), 'db'), backupDir: backups })
  } catch (error) {
    throw error instanceof DatabaseRefused ? new CommandError(EXIT.failed, error.message) : error
  }
}

const halfGiven = (masterKey: Buffer | undefined): string =>
  masterKey === undefined
    ? 'NEW_STEWARD_MASTER_KEY goes with STEWARD_MASTER_KEY only. Without both, a new key is made and put into the key file.'
    : 'The master key comes from STEWARD_MASTER_KEY. Give the new one in NEW_STEWARD_MASTER_KEY (make one: openssl rand -base64 32).'

const counted = ({ resealed, unreadable }: Rotated): string =>
  `${resealed} sealed values are under the new master key now${unreadable > 0 ? `; ${unreadable} could not be read before and stay so` : ''}.`

const toFile = (rotated: Rotated): string =>
  `${counted(rotated)}\nThe recovery key, shown this once: ${rotated.recoveryKey}\n${BACKUPS}`

const toGiven = (rotated: Rotated): string =>
  `${counted(rotated)}\nStart Steward with the new key in STEWARD_MASTER_KEY.\n${BACKUPS}`
