import { existsSync, readdirSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFile } from '../data-folder.ts'
import { AppError } from '../errors.ts'
import { MANIFEST } from './manifest.ts'

/** A backup is a folder named for the instant it shows; whatever else is in `backups/` is none. */
const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/
/** Unfinished work, which the next one to hold the lock takes away. */
const UNFINISHED = /^\.(making|drill|removing)-/

export const nameOf = (at: Date): string => at.toISOString().replace(/[:.]/g, '-')

export const isName = (name: string): boolean => NAME.test(name)

/** The instant a name stands for. */
export const instantOf = (name: string): string =>
  name.replace(/T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z$/, (_all, h, m, s, ms) => `T${h}:${m}:${s}.${ms}Z`)

/** The whole backups in a folder, the newest first. */
export function namesIn(backups: string): string[] {
  if (!existsSync(backups)) return []
  return readdirSync(backups)
    .filter((name) => isName(name) && existsSync(join(backups, name, MANIFEST)))
    .sort()
    .reverse()
}

/**
 * Does something with a backups folder while nobody else, in this process or another, does; what an earlier one left
 * unfinished is taken away first. Throws AppError `conflict` where somebody is at it.
 */
export async function alone<T>(backups: string, work: () => Promise<T>): Promise<T> {
  await mkdir(backups, { recursive: true, mode: 0o700 })
  const release = lockFile(join(backups, '.lock'))
  if (!release) throw new AppError('conflict', 'A backup or a restore drill is going on. Wait until it is done.')
  try {
    for (const name of readdirSync(backups).filter((one) => UNFINISHED.test(one)))
      await rm(join(backups, name), { recursive: true, force: true })
    return await work()
  } finally {
    release()
  }
}

/** Gone at once for everybody who looks, and then from the disk. */
export async function removeBackup(backups: string, name: string): Promise<void> {
  const gone = join(backups, `.removing-${name}`)
  await rename(join(backups, name), gone)
  await rm(gone, { recursive: true, force: true })
}
