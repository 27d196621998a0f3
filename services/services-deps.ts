import type { Db } from '../db/open.ts'
import type { Tool } from './agent/tool.ts'
import type { Config } from './config.ts'
import type { DataFolder } from './data-folder.ts'
import type { Log } from './log.ts'
import type { Mailer } from './mailer.ts'
import type { NetworkEdge } from './outgoing/connect.ts'

/** What the house is given to be put together from. */
export type ServicesDeps = {
  config: Config
  folder: DataFolder
  db: Db
  log: Log
  now: () => Date
  version: string
  /** Where the program lies: its own folder is closed to tools. */
  programDir: string
  /** Written at build time; unbuilt, the schemas are made on first use. */
  toolSchemaFile: string
  /** Beside those of the house. */
  furtherTools: readonly Tool[]
  /** The files of the threads for what strangers wrote, and for backups. */
  workers: Record<'page' | 'backup' | 'mail' | 'calendar', URL>
  edge?: NetworkEdge | undefined
  /** In place of the mail accounts. */
  mailer?: Mailer | undefined
}
