import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { loadModels } from '../chat/models.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Badge, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { Editing } from './credential-dialog.tsx'
import type { Credential, CredentialKind } from './credentials.tsx'

type RowProps = {
  kind: CredentialKind
  credential: Credential | undefined
  edit: (editing: Editing) => void
  reload: () => Promise<void>
}

/** One key: what it is for, whether it is set, and what can be done with it. */
export function CredentialRow({ kind, credential, edit, reload }: RowProps): JSX.Element {
  const [value, setValue] = useState<string | null>(null)
  const reveal = async () => setValue(value === null ? await valueOf(kind.key) : null)
  const { key: name, label, description } = kind
  return (
    <li class="row card-row">
      <div class="row-text">
        <strong>{label}</strong> {credential ? <Badge kind="good">Set</Badge> : <Badge>Not set</Badge>}
        <div class="muted small">{description}</div>
        <Facts kind={kind} credential={credential} />
        {value !== null && <Value value={value} />}
      </div>
      <div class="row-actions">
        {credential && (
          <Button small look="quiet" icon="eye" pressed={value !== null} onClick={() => void reveal().catch(complain)}>
            {value === null ? 'Show' : 'Hide'}
            <Of kind={kind} />
          </Button>
        )}
        <Button small onClick={() => edit({ name, label, description, replaces: Boolean(credential) })}>
          {credential ? 'Replace' : 'Set'}
          <Of kind={kind} />
        </Button>
        {credential && (
          <Button small look="quiet" icon="trash" onClick={() => void remove(kind, reload).catch(complain)}>
            Delete
            <Of kind={kind} />
          </Button>
        )}
      </div>
    </li>
  )
}

/** Tells a screen reader which of the many rows a button belongs to. */
const Of = ({ kind }: { kind: CredentialKind }) => <span class="visually-hidden"> {kind.label}</span>

function Facts({ kind, credential }: Pick<RowProps, 'kind' | 'credential'>) {
  return (
    <div class="muted small">
      {kind.label !== kind.key && <code>{kind.key}</code>}
      {credential && (
        <>
          {' '}
          changed <Time at={credential.updated_at} />
        </>
      )}
    </div>
  )
}

function Value({ value }: { value: string }) {
  return (
    <div class="secret">
      <code>{value}</code>
      <CopyButton text={value} />
    </div>
  )
}

const pathOf = (key: string): string => `/api/credentials/${encodeURIComponent(key)}`

const valueOf = async (key: string): Promise<string> => (await api.get<{ value: string }>(pathOf(key))).value

async function remove(kind: CredentialKind, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Delete ${kind.label}?`,
    body: 'Its value is erased from the vault. What uses it stops working until you set it again.',
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await api.remove(pathOf(kind.key))
  tell('Deleted from the vault.')
  await Promise.all([reload(), loadModels(true)])
}
