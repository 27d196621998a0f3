import type { Db } from '../db/open.ts'
import type { AuditDraft } from './audit/entry.ts'
import type { RunStatus } from './shapes/frames.ts'

/** One number of a family, with the labels that tell it from the others. */
export type Series = { labels: Record<string, string>; value: number; metricName?: string }

/** Upper bounds in seconds; what takes longer is in none of them. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** A request that was answered, or whose asker went away first. `seconds` is absent where it was a stream. */
export type Answered = { method: string; route: string; status: string; seconds?: number | undefined }

export type Tallies = ReturnType<typeof createTallies>

/**
 * What happened since the process started, in plain numbers: adding is a look into a map, and nothing is loaded or written
 * for it. Labels have few values, known beforehand; nothing that a person or a model wrote becomes one.
 */
export function createTallies({ db, isTool }: { db: Pick<Db, 'afterCommit'>; isTool: (name: string) => boolean }) {
  const requests = counter('method', 'route', 'status')
  const durations = histogram('method', 'route')
  const turns = counter('provider')
  const inputTokens = counter('provider')
  const outputTokens = counter('provider')
  const cost = counter('provider')
  const calls = counter('tool', 'decision', 'success')
  const runs = counter('origin', 'status')
  let sockets = 0

  return {
    answered({ method, route, status, seconds }: Answered): void {
      requests.add([method, route, status])
      if (seconds !== undefined) durations.add([method, route], seconds)
    },

    /** A turn of a model, `provider:model`; in the transaction that writes it down. */
    turn(turn: { model: string; inputTokens: number; outputTokens: number; costUsd: number | null }): void {
      const provider = [turn.model.split(':')[0]!]
      db.afterCommit(() => {
        turns.add(provider)
        inputTokens.add(provider, turn.inputTokens)
        outputTokens.add(provider, turn.outputTokens)
        cost.add(provider, turn.costUsd ?? 0)
      })
    },

    /** What the audit log is told of a tool call; in its transaction. */
    call(entry: AuditDraft): void {
      if (entry.kind !== 'tool_call') return
      const name = entry.toolName ?? ''
      const tool = isTool(name) ? name : name.startsWith('mcp__') ? 'mcp' : 'unknown'
      db.afterCommit(() => calls.add([tool, decisionOf(entry), String(entry.success === true)]))
    },

    /** A run that ended; in its transaction. */
    ended: (origin: string, status: RunStatus): void => db.afterCommit(() => runs.add([origin, status])),

    /** Called when a socket opens; returns what to call when it closes. */
    socket(): () => void {
      sockets++
      return () => void sockets--
    },

    read: () => ({
      requests: requests.read(),
      turns: turns.read(),
      inputTokens: inputTokens.read(),
      outputTokens: outputTokens.read(),
      cost: cost.read(),
      calls: calls.read(),
      runs: runs.read(),
      sockets,
    }),
    durations: durations.read,
  }
}

function decisionOf({ decision, rule, approvedBy }: AuditDraft): string {
  if (decision === 'deny') return rule === 'owner' ? 'refused' : 'denied'
  return decision === 'ask' || approvedBy != null ? 'approved' : 'allowed'
}

/** Sums by the values of labels. */
function counter(...names: string[]) {
  const sums = new Map<string, Series>()
  return {
    add(values: readonly string[], amount = 1): void {
      const key = values.join(' ')
      const known = sums.get(key)
      if (known) known.value += amount
      else sums.set(key, { labels: named(names, values), value: amount })
    },
    read: (): Series[] => [...sums.values()],
  }
}

/** Counts of seconds below the bounds, by the values of labels, as Prometheus takes a histogram. */
function histogram(...names: string[]) {
  const found = new Map<string, { labels: Record<string, string>; counts: number[]; sum: number }>()

  function read(name: string): Series[] {
    return [...found.values()].flatMap(({ labels, counts, sum }) => {
      let below = 0
      const buckets = counts.map((count, at) => ({
        labels: { ...labels, le: at < SECONDS.length ? String(SECONDS[at]) : '+Inf' },
        value: (below += count),
        metricName: `${name}_bucket`,
      }))
      const all = [
        { labels, value: sum, metricName: `${name}_sum` },
        { labels, value: below, metricName: `${name}_count` },
      ]
      return [...buckets, ...all]
    })
  }

  return {
    add(values: readonly string[], seconds: number): void {
      const key = values.join(' ')
      let known = found.get(key)
      if (!known)
        found.set(key, (known = { labels: named(names, values), counts: Array<number>(SECONDS.length + 1).fill(0), sum: 0 })) // prettier-ignore
      const bucket = SECONDS.findIndex((bound) => seconds <= bound)
      known.counts[bucket < 0 ? SECONDS.length : bucket]!++
      known.sum += seconds
    },
    read,
  }
}

const named = (names: readonly string[], values: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name, at) => [name, values[at]!]))
