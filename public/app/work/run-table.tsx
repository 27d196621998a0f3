import type { JSX } from 'preact'
import { Time } from '../ui/states.tsx'
import { costOf, originWord, StatusBadge, tokens, tookOf } from './run-words.tsx'
import type { RunEntry } from './types.ts'

type RunTableProps = { runs: RunEntry[]; label: string; who?: (run: RunEntry) => string | null }

/** Runs as a table, newest first; on a phone each becomes a small card. */
export function RunTable({ runs, label, who }: RunTableProps): JSX.Element {
  return (
    <table class="table run-table" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">Status</th>
          <th scope="col">When</th>
          <th scope="col">Tokens</th>
          <th scope="col">Cost</th>
        </tr>
      </thead>
      <tbody>
        {runs.map((run) => (
          <Row key={run.id} run={run} who={who?.(run) ?? null} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ run, who }: { run: RunEntry; who: string | null }) {
  const took = tookOf(run)
  return (
    <tr>
      <td class="run-what">
        <a href={`/runs/${run.id}`}>{nameOf(run)}</a>
        <div class="muted small">{[who, originWord(run.origin)].filter(Boolean).join(' · ')}</div>
      </td>
      <td>
        <StatusBadge status={run.status} />
        {run.error && <div class="small error-text break">{run.error}</div>}
      </td>
      <td>
        <Time at={run.created_at} />
        {took && <div class="muted small">took {took}</div>}
      </td>
      <td class="small">{tokens(run)}</td>
      <td class="small">{costOf(run.cost_usd)}</td>
    </tr>
  )
}

/** A run of an agent begins with the same words every time; what came of it tells it apart. */
const nameOf = ({ origin, input, answer }: RunEntry): string =>
  firstLine(origin === 'chat' ? input : answer || input) || 'Run'

/** What stands for a run where there is one line for it. */
function firstLine(text: string): string {
  const line = text.trim().split('\n')[0] ?? ''
  return line.length > 90 ? `${line.slice(0, 90)}…` : line
}
