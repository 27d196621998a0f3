import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { loadModels } from '../chat/models.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { CredentialDialog } from './credential-dialog.tsx'

export type Credential = { key: string; description: string | null; updated_at: string }
export type CredentialKind = { key: string; label: string; description: string }

/** What the dialog is open for: a documented key, a stored one, or a new one of any name. */
type Editing = { name: string; label: string; description: string; replaces: boolean }

/** The vault: what is stored, what Steward knows to use, and how to set, see and remove each. */
export function CredentialsPage(): JSX.Element {
  const stored = useResource<Credential[]>('/api/credentials')
  const kinds = useResource<CredentialKind[]>('/api/credential-kinds')
  const [editing, setEditing] = useState<Editing | null>(null)
  const saved = async () => {
    setEditing(null)
    tell('Saved in the vault.')
    await Promise.all([stored.reload(), loadModels(true)])
  }
  const list = { stored: stored.data ?? [], kinds: kinds.data ?? [], edit: setEditing, reload: stored.reload }
  return (
    <SettingsFrame
      actions={
        <Button icon="plus" onClick={() => setEditing({ name: '', label: '', description: '', replaces: false })}>
          Other credential
        </Button>
      }
    >
      <Problem error={stored.error ?? kinds.error} retry={() => void Promise.all([stored.reload(), kinds.reload()])} />
      {!stored.data && stored.loading && <Loading />}
      {stored.data && kinds.data && <KnownKeys {...list} />}
      {stored.data && <OtherKeys {...list} />}
      {editing && <CredentialDialog {...editing} onClose={() => setEditing(null)} onSaved={() => void saved()} />}
    </SettingsFrame>
  )
}

type ListProps = {
  stored: Credential[]
  kinds: CredentialKind[]
  edit: (editing: Editing) => void
  reload: () => Promise<void>
}

function KnownKeys({ stored, kinds, edit, reload }: ListProps) {
  if (!kinds.length) return null
  return (
    <Section title="What Steward knows to use">
      <ul class="rows plain-list">
        {kinds.map((kind) => (
          <CredentialRow
            key={kind.key}
            kind={kind}
            credential={stored.find(({ key }) => key === kind.key)}
            edit={edit}
            reload={reload}
          />
        ))}
      </ul>
    </Section>
  )
}

function OtherKeys({ stored, kinds, edit, reload }: ListProps) {
  const others = stored.filter(({ key }) => !kinds.some((kind) => kind.key === key))
  if (!others.length && kinds.length) return null
  return (
    <Section title="Others">
      {others.length === 0 && <Empty icon="key" title="Nothing is stored yet" />}
      <ul class="rows plain-list">
        {others.map((credential) => (
          <CredentialRow
            key={credential.key}
            kind={{ key: credential.key, label: credential.key, description: credential.description ?? '' }}
            credential={credential}
            edit={edit}
            reload={reload}
          />
        ))}
      </ul>
    </Section>
  )
}

type RowProps = {
  kind: CredentialKind
  credential: Credential | undefined
  edit: (editing: Editing) => void
  reload: () => Promise<void>
}

function CredentialRow({ kind, credential, edit, reload }: RowProps) {
  const [value, setValue] = useState<string | null>(null)
  const reveal = async () => {
    if (value !== null) return setValue(null)
    setValue((await api.get<{ value: string }>(`/api/credentials/${encodeURIComponent(kind.key)}`)).value)
  }
  return (
    <li class="row card-row">
      <div class="row-text">
        <strong>{kind.label}</strong> {credential ? <Badge kind="good">Set</Badge> : <Badge>Not set</Badge>}
        <div class="muted small">{kind.description}</div>
        <div class="muted small">
          {kind.label !== kind.key && <code>{kind.key}</code>}
          {credential && (
            <>
              {' '}
              changed <Time at={credential.updated_at} />
            </>
          )}
        </div>
        {value !== null && (
          <div class="secret">
            <code>{value}</code>
            <CopyButton text={value} />
          </div>
        )}
      </div>
      <div class="row-actions">
        {credential && (
          <Button small look="quiet" icon="eye" pressed={value !== null} onClick={() => void reveal().catch(complain)}>
            {value === null ? 'Show' : 'Hide'}
            <Of kind={kind} />
          </Button>
        )}
        <Button
          small
          onClick={() =>
            edit({ name: kind.key, label: kind.label, description: kind.description, replaces: Boolean(credential) })
          }
        >
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

async function remove(kind: CredentialKind, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Delete ${kind.label}?`,
    body: 'Its value is erased from the vault. What uses it stops working until you set it again.',
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/credentials/${encodeURIComponent(kind.key)}`)
  tell('Deleted from the vault.')
  await Promise.all([reload(), loadModels(true)])
}
