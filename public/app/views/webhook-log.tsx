import type { JSX } from 'preact'
import { counted } from '../format.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { More } from '../ui/more.tsx'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { useList } from '../work/use-list.ts'
import type { Target } from './webhooks.tsx'

type Delivery = {
  id: string
  run_id: string | null
  state: string
  attempts: number
  next_attempt_at: string | null
  last_status: number | null
  last_error: string | null
  answer: string | null
  body: string
  created_at: string
  updated_at: string
}

const KINDS: Record<string, 'good' | 'bad' | 'ask'> = { delivered: 'good', failed: 'bad', uncertain: 'ask' }

export function DeliveryBadge({ state }: { state: string }): JSX.Element {
  return <Badge kind={KINDS[state] ?? ''}>{state}</Badge>
}

/** What was sent to a target, and what came of it. */
export function WebhookLog({ target, onClose }: { target: Target; onClose: () => void }): JSX.Element {
  const log = useList<Delivery>(`/api/webhook-targets/${target.id}/deliveries`)
  return (
    <Dialog wide title={`Deliveries to ${target.name}`} onClose={onClose}>
      <Problem error={log.error} retry={() => void log.reload()} />
      {!log.list && log.loading && <Loading />}
      {log.list?.items.length === 0 && <Empty icon="hook" title="Nothing was sent yet" />}
      <ul class="rows plain-list">
        {(log.list?.items ?? []).map((delivery) => (
          <DeliveryRow key={delivery.id} delivery={delivery} />
        ))}
      </ul>
      <More more={log.more} busy={log.loading} />
      <footer class="dialog-actions">
        <Button onClick={() => void log.reload()}>Refresh</Button>
        <Button look="primary" onClick={onClose}>
          Close
        </Button>
      </footer>
    </Dialog>
  )
}

function DeliveryRow({ delivery }: { delivery: Delivery }) {
  const { state, attempts, last_status, last_error, next_attempt_at, run_id, body, answer } = delivery
  return (
    <li class="row">
      <div class="row-text">
        <DeliveryBadge state={state} /> <Time at={delivery.created_at} />{' '}
        <span class="muted small">
          {counted(attempts, 'attempt')}
          {last_status !== null && ` · answered ${last_status}`}
          {run_id && ' · '}
          {run_id && <a href={`/runs/${run_id}`}>run</a>}
        </span>
        {last_error && <div class="small error-text break">{last_error}</div>}
        {next_attempt_at && state === 'queued' && (
          <div class="small muted">
            tries again <Time at={next_attempt_at} />
          </div>
        )}
        <details>
          <summary class="small muted">What was sent</summary>
          <pre class="tool-result" tabIndex={0}>
            {body}
          </pre>
          {answer && (
            <>
              <p class="small muted">The answer</p>
              <pre class="tool-result" tabIndex={0}>
                {answer}
              </pre>
            </>
          )}
        </details>
      </div>
    </li>
  )
}
