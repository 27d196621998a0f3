import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start, type Steward as Inside } from '../../server.ts'
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

export async function startInside(env: Record<string, string> = {}): Promise<InsideSteward> {
  const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
  let ahead = 0
  const config = readConfig({ PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'silent', TZ: 'UTC', ...env })
  const { url, services, stop } = await start(config, () => new Date(Date.now() + ahead))
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
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
