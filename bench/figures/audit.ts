import { randomBytes } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { join } from 'node:path'
import { openDb, type Db } from '../../db/open.ts'
import { createAudit, type AuditDraft } from '../../services/audit.ts'
import { FIELDS, valuesOf } from '../../services/audit/entry.ts'
import { createSettings } from '../../services/settings.ts'
import { createVault } from '../../services/vault.ts'
import { scratch } from '../processes.ts'
import { compared, limited, type Row } from '../table.ts'

const ENTRIES = 100_000
const ROOT = join(import.meta.dirname, '..', '..')
const DAY_MS = 24 * 3600_000

/** A tool call as the log has most of them. */
const CALL: AuditDraft = {
  kind: 'tool_call',
  action: 'write_file',
  by: { userId: 'somebody', name: 'run:019a9d2e-7c1a-7000-8000-000000000004' },
  runId: '019a9d2e-7c1a-7000-8000-000000000004',
  conversationId: '019a9d2e-7c1a-7000-8000-000000000005',
  agentId: '019a9d2e-7c1a-7000-8000-000000000006',
  toolName: 'filesystem',
  arguments: JSON.stringify({ operation: 'write_file', path: '/srv/papers/today.txt', content: 'x'.repeat(200) }),
  labels: { integrity: 'owner', privacy: 'private' },
  decision: 'allow',
  rule: '8',
  approvedBy: 'web:anna',
  success: true,
  outcome: 'Wrote 200 characters.',
  durationMs: 12,
}

/** What an entry costs inside of a transaction beside a plain row with the same indexes, and how fast a long log is walked. */
export async function audit(): Promise<Row[]> {
  const plain = opened('plain')
  const control = timed(plain, insertion(plain))
  plain.close()
  const db = opened('chained')
  let at = Date.now() - 2 * DAY_MS
  const base = { db, now: () => new Date(at) }
  const log = createAudit({ ...base, vault: createVault(randomBytes(32)), settings: createSettings(base) })
  const value = timed(db, () => log.record(CALL))
  const verifying = await measured(() => log.verify())
  at = Date.now()
  const removing = await measured(() => log.retention.removeOlder(1, { userId: null, name: 'system' }))
  const { ok } = await log.verify()
  db.close()
  if (!verifying.result.ok || removing.result <= ENTRIES || !ok) throw new Error('the log does not verify')
  return [
    compared({ figure: 'an audit entry', value, control, unit: 'µs' }),
    limited({ figure: `verifying ${ENTRIES} audit entries`, value: verifying.seconds, unit: 's' }, 5),
    limited({ figure: 'longest wait of others meanwhile', value: verifying.longest, unit: 'ms' }, 50),
    limited({ figure: `removing ${ENTRIES} audit entries`, value: removing.seconds, unit: 's' }, 30),
    limited({ figure: 'longest wait of others meanwhile', value: removing.longest, unit: 'ms' }, 250),
  ]
}

function opened(name: string): Db {
  const folder = scratch()
  return openDb(join(folder, `${name}.sqlite`), { schemaDir: join(ROOT, 'db'), backupDir: folder })
}

/** The same row, with nothing that links it. */
function insertion(db: Db): () => void {
  const values = valuesOf(CALL, new Date().toISOString())
  const insert = db.prepare(
    `INSERT INTO audit (${FIELDS.join(', ')}, mac) VALUES (${FIELDS.map(() => '?').join(', ')}, ?)`,
  )
  return () => void insert.run(...values, 'm'.repeat(43))
}

/** Microseconds of one of many in a transaction. */
function timed(db: Db, work: () => void): number {
  const started = performance.now()
  db.transact(() => {
    for (let n = 0; n < ENTRIES; n++) work()
  })
  return ((performance.now() - started) * 1000) / ENTRIES
}

async function measured<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number; longest: number }> {
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const started = performance.now()
  const result = await work()
  const seconds = (performance.now() - started) / 1000
  loop.disable()
  return { result, seconds, longest: loop.max / 1e6 }
}
