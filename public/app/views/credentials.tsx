import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { loadModels } from '../chat/models.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { Button } from '../ui/button.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'
import { CredentialRow } from './credential-row.tsx'
import { MasterKey } from './master-key.tsx'
import { CredentialDialog, type Editing } from './credential-dialog.tsx'

export type Credential = { key: string; description: string | null; updated_at: string }
export type CredentialKind = { key: string; label: string; description: string }

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
      {stored.data && <MasterKey />}
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
