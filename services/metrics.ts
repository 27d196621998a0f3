import type { Registry } from 'prom-client'
import type { Db } from '../db/open.ts'
import type { Health } from './health.ts'
import type { Listeners } from './mail/listeners.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { Control } from './runs/control.ts'
import type { Series, Tallies } from './tallies.ts'
import type { Vitals } from './vitals.ts'

export type MetricsDeps = {
  db: Pick<Db, 'prepare'>
  tallies: Tallies
  health: Pick<Health, 'ready'>
  vitals: Vitals
  control: Pick<Control, 'counts'>
  outbox: Pick<Outbox, 'counts'>
  mail: Pick<Listeners, 'counts'>
}

type Kind = 'counter' | 'gauge' | 'histogram'

/**
 * What Prometheus reads. Counters count since the process started; the rest is as it is at that moment. prom-client is
 * loaded by the first reader, and keeps its own list: nobody pays who does not look.
 */
export function createMetrics(deps: MetricsDeps) {
  const pending = deps.db.prepare<[], { n: number }>(`SELECT count(*) AS n FROM approvals WHERE state = 'pending'`)
  let registry: Registry | undefined

  async function build(): Promise<Registry> {
    const { default: prometheus } = await import('prom-client')
    const made = new prometheus.Registry()
    prometheus.collectDefaultMetrics({ register: made, eventLoopMonitoringPrecision: 20 })
    for (const family of families(deps, () => pending.get()!.n)) made.registerMetric(family as never)
    return made
  }

  return {
    /** In the text format 0.0.4. */
    async text(): Promise<string> {
      registry ??= await build()
      return registry.metrics()
    },
  }
}

/** A family as prom-client asks it for its values. */
function family(type: Kind, name: string, help: string, values: () => Series[]) {
  const full = `steward_${name}`
  return { name: full, get: () => Promise.resolve({ name: full, help, type, aggregator: 'sum', values: values() }) }
}

function families({ tallies, health, vitals, control, outbox, mail }: MetricsDeps, approvalsPending: () => number) {
  const total = (name: string, help: string, of: Exclude<keyof ReturnType<Tallies['read']>, 'sockets'>) =>
    family('counter', `${name}_total`, help, () => tallies.read()[of])
  const gauge = (name: string, help: string, values: () => Series[]) => family('gauge', name, help, values)
  return [
    total('http_requests', 'Requests by endpoint; aborted: the asker went away first.', 'requests'),
    family('histogram', 'http_request_duration_seconds', 'How long answers took, streams left out.', () =>
      tallies.durations('steward_http_request_duration_seconds'),
    ),
    total('runs_ended', 'Runs that ended.', 'runs'),
    total('model_turns', 'Turns of models.', 'turns'),
    total('model_input_tokens', 'Tokens that models were given.', 'inputTokens'),
    total('model_output_tokens', 'Tokens that models wrote.', 'outputTokens'),
    total('model_cost_usd', 'US dollars that turns cost whose price is known.', 'cost'),
    total('tool_calls', 'Tool calls by what was decided and how they went.', 'calls'),
    gauge('runs', 'Runs that have not ended.', () => runsNow(control)),
    gauge('runs_limit', 'How many runs may go at a time.', () => limits(control)),
    gauge('paused', 'Whether everything is held.', () => single(control.counts().is_paused ? 1 : 0)),
    gauge('approvals_pending', 'Questions to the owner that are open.', () => single(approvalsPending())),
    gauge('outbox', 'Messages that are not settled.', () => by('state', outbox.counts())),
    gauge('mail_accounts', 'Mail accounts by how listening to them goes.', () => by('status', mail.counts())),
    gauge('websocket_connections', 'Open sockets.', () => single(tallies.read().sockets)),
    gauge('database_bytes', 'Size of the database file and its write-ahead log.', () => databaseSizes(vitals)),
    gauge('disk_free_bytes', 'Room on the disk of the data folder.', () => single(vitals.disk().free_bytes)),
    gauge('backup_age_seconds', 'Since the newest file among the backups; absent where there is none.', () =>
      [vitals.backupAgeSeconds()].flatMap((age) => (age === undefined ? [] : single(age))),
    ),
    gauge('check', 'Checks of /ready: 1 for ok or off, 0 for others.', () => checks(health)),
    gauge('info', 'Versions.', () => info(vitals)),
  ]
}

const single = (value: number): Series[] => [{ labels: {}, value }]

const by = (label: string, values: Record<string, number>): Series[] =>
  Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }))

function runsNow(control: MetricsDeps['control']): Series[] {
  const { running, queued, waiting, paused } = control.counts()
  return by('status', { running, queued, waiting, paused })
}

function limits(control: MetricsDeps['control']): Series[] {
  const { chats, runs } = control.counts()
  return by('lane', { chat: chats.max_concurrent, background: runs.max_concurrent })
}

function databaseSizes(vitals: Vitals): Series[] {
  const { size_bytes, wal_bytes } = vitals.database()
  return by('part', { main: size_bytes, wal: wal_bytes })
}

function checks(health: MetricsDeps['health']): Series[] {
  const states = Object.entries(health.ready().checks)
  return by(
    'check',
    Object.fromEntries(states.map(([name, state]) => [name, Number(state === 'ok' || state === 'off')])),
  )
}

function info(vitals: Vitals): Series[] {
  const { steward, node, sqlite, schema } = vitals.versions()
  return [{ labels: { version: steward, node, sqlite, schema: String(schema) }, value: 1 }]
}
