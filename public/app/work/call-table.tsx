import type { JSX } from 'preact'
import { duration } from '../format.ts'
import { Badge } from '../ui/states.tsx'
import { toolTitle } from '../ui/tool-title.ts'
import type { CallEntry } from './types.ts'

const KINDS: Record<string, 'good' | 'bad' | 'ask'> = { allow: 'good', deny: 'bad', ask: 'ask' }

/** The calls of a run with what was decided about each. */
export function CallTable({ calls }: { calls: CallEntry[] }): JSX.Element {
  return (
    <table class="table" aria-label="Decisions">
      <thead>
        <tr>
          <th scope="col">Tool</th>
          <th scope="col">Decision</th>
          <th scope="col">Why</th>
          <th scope="col">Outcome</th>
        </tr>
      </thead>
      <tbody>
        {calls.map((call) => (
          <tr key={call.call_id}>
            <td>
              <code>{toolTitle(call.tool_name, call.arguments)}</code>
            </td>
            <td>
              {call.decision && <Badge kind={KINDS[call.decision] ?? ''}>{call.decision}</Badge>}
              {call.confirmed && <div class="small">approved by you</div>}
            </td>
            <td class="small">
              {call.reason}
              {/^\d/.test(String(call.rule)) && <div class="muted">rule {call.rule}</div>}
            </td>
            <td>
              <Outcome call={call} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Outcome({ call: { success, duration_ms } }: { call: CallEntry }) {
  if (success === null || success === undefined) return null
  return (
    <>
      <Badge kind={success ? 'good' : 'bad'}>{success ? 'done' : 'not done'}</Badge>
      {duration_ms ? <div class="muted small">{duration(duration_ms)}</div> : null}
    </>
  )
}
