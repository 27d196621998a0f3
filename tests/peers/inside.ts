import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start, type Further, type Steward as Inside } from '../../server.ts'
import { readConfig } from '../../services/config.ts'
import { Client, signInOwner } from '../steward.ts'

/** Steward inside the test's own process, where its services and its clock can be reached. */
export type InsideSteward = AsyncDisposable & {
  url: string
  dataDir: string
  services: Inside['services']
  owner: Client
  /** Moves its clock on. */
  later: (ms: number) => void
}

export type InsideOptions = Further & {
  /** Used again as it is, and left as it is; otherwise a fresh one that goes when it is stopped. */
  dataDir?: string
}

export async function startInside(
  env: Record<string, string> = {},
  options: InsideOptions = {},
): Promise<InsideSteward> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'steward-'))
  let ahead = 0
  const config = readConfig({
    PORT: '0',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
    TZ: 'UTC',
    PATH: process.env.PATH,
    ...env,
  })
  const { url, services, stop } = await start(config, () => new Date(Date.now() + ahead), options)
  const owner = new Client(url)
  await signInOwner({ owner, dataDir })
  return {
    url,
    dataDir,
    services,
    owner,
    later: (ms) => void (ahead += ms),
    async [Symbol.asyncDispose]() {
      await stop()
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
