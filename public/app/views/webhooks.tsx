import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { List } from '../work/types.ts'
import { DeliveryBadge, WebhookLog } from './webhook-log.tsx'
import { WebhookDialog } from './webhook-dialog.tsx'

export type Target = {
  id: string
  name: string
  url: string
  description: string
  /** The owner's own device or service: written to without asking. */
  owner: boolean
  enabled: boolean
  created_at: string
  updated_at: string
  last_delivery: { state: string; at: string; status: number | null; error: string | null } | null
}

export type WithSecret = Target & { secret: string }

/** Addresses that Steward may send to, each with its signing secret. */
export function WebhooksPage(): JSX.Element {
  const list = useResource<List<Target>>('/api/webhook-targets?limit=200')
  const [editing, setEditing] = useState<Target | 'new' | null>(null)
  const [shown, setShown] = useState<WithSecret | null>(null)
  const targets = list.data?.items
  const saved = async (made: WithSecret | null) => {
    setEditing(null)
    setShown(made)
    await list.reload()
  }
  return (
    <SettingsFrame
      actions={
        <Button look="primary" icon="plus" onClick={() => setEditing('new')}>
          New target
        </Button>
      }
    >
      <p>
        Steward signs what it sends as the <a href="https://www.standardwebhooks.com">Standard Webhooks</a> say, so that
        the other side can tell it is from here.
      </p>
      <Problem error={list.error} retry={() => void list.reload()} />
      {!targets && list.loading && <Loading />}
      {targets?.length === 0 && <Empty icon="hook" title="No webhook targets yet" />}
      <ul class="rows plain-list">
        {(targets ?? []).map((target) => (
          <TargetRow
            key={target.id}
            target={target}
            edit={() => setEditing(target)}
            show={setShown}
            reload={list.reload}
          />
        ))}
      </ul>
      {editing && (
        <WebhookDialog
          target={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={(made) => void saved(made)}
        />
      )}
      {shown && <SecretDialog target={shown} onClose={() => setShown(null)} />}
    </SettingsFrame>
  )
}

type RowProps = {
  target: Target
  edit: () => void
  show: (target: WithSecret) => void
  reload: () => Promise<void>
}

function TargetRow({ target, edit, show, reload }: RowProps) {
  const [log, setLog] = useState(false)
  const of = <span class="visually-hidden"> {target.name}</span>
  return (
    <li class="row card-row">
      <div class="row-text">
        <strong class="break">{target.name}</strong> {target.owner && <Badge kind="good">yours</Badge>}{' '}
        {!target.enabled && <Badge>off</Badge>}
        <div class="muted small break">{target.url}</div>
        {target.description && <div class="muted small">{target.description}</div>}
        {target.last_delivery && (
          <div class="small">
            <DeliveryBadge state={target.last_delivery.state} /> <Time at={target.last_delivery.at} />{' '}
            <span class="muted break">{target.last_delivery.error}</span>
          </div>
        )}
      </div>
      <div class="row-actions">
        <Button small look="quiet" onClick={() => void test(target, reload).catch(complain)}>
          Test{of}
        </Button>
        <Button small look="quiet" onClick={() => setLog(true)}>
          Deliveries{of}
        </Button>
        <Button small look="quiet" onClick={() => void rotate(target, show).catch(complain)}>
          New secret{of}
        </Button>
        <Button small onClick={edit}>
          Edit{of}
        </Button>
        <Button small look="quiet" icon="trash" onClick={() => void remove(target, reload).catch(complain)}>
          Delete{of}
        </Button>
      </div>
      {log && <WebhookLog target={target} onClose={() => setLog(false)} />}
    </li>
  )
}

const pathOf = ({ id }: Target): string => `/api/webhook-targets/${id}`

async function test(target: Target, reload: () => Promise<void>): Promise<void> {
  const { ok, status, error } = await api.post<{ ok: boolean; status?: number; error?: string }>(
    `${pathOf(target)}/test`,
    {},
  )
  if (ok) tell(`The test message arrived (${status ?? 'answered'}).`)
  else complain(new Error(`The test message did not arrive: ${error ?? `it answered ${status}`}`))
  await reload()
}

async function rotate(target: Target, show: (target: WithSecret) => void): Promise<void> {
  const yes = await askConfirm({
    title: `A new secret for ${target.name}?`,
    body: 'The present secret is no longer used: the other side needs the new one before it can trust what comes.',
    action: 'Make a new secret',
  })
  if (!yes) return
  const { secret } = await api.post<{ secret: string }>(`${pathOf(target)}/rotate`, {})
  show({ ...target, secret })
}

async function remove(target: Target, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Delete ${target.name}?`,
    body: 'Nothing is sent there any more. What is still waiting to be sent is dropped.',
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await api.remove(pathOf(target))
  await reload()
  tell('The target was deleted.')
}

function SecretDialog({ target, onClose }: { target: WithSecret; onClose: () => void }) {
  return (
    <Dialog title={`Secret for ${target.name}`} onClose={onClose}>
      <p class="dialog-text">This is the only time it is shown. Give it to the other side, which checks with it.</p>
      <div class="secret">
        <code>{target.secret}</code>
        <CopyButton text={target.secret} />
      </div>
      <footer class="dialog-actions">
        <Button look="primary" onClick={onClose}>
          I have it
        </Button>
      </footer>
    </Dialog>
  )
}
