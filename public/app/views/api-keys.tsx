import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { dateOnly } from '../format.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { ApiKeyDialog, type MadeKey } from './api-key-dialog.tsx'
import { ReplaceKeyDialog } from './replace-key-dialog.tsx'

export type Scope = 'read' | 'run' | 'admin' | 'approve'
export type ApiKey = {
  id: string
  name: string
  prefix: string
  scopes: Scope[]
  input: 'owner' | 'third_party'
  expires_at: string | null
  last_used_at: string | null
  created_at: string
}

/** Keys for scripts: made here, shown once, deleted here. */
export function ApiKeysPage(): JSX.Element {
  const list = useResource<{ items: ApiKey[] }>('/api/api-keys?limit=200')
  const [making, setMaking] = useState(false)
  const [replacing, setReplacing] = useState<ApiKey | null>(null)
  const [made, setMade] = useState<MadeKey | null>(null)
  const done = async (key: MadeKey) => {
    setMaking(false)
    setReplacing(null)
    setMade(key)
    await list.reload()
  }
  return (
    <SettingsFrame
      actions={
        <Button look="primary" icon="plus" onClick={() => setMaking(true)}>
          New key
        </Button>
      }
    >
      <p>
        Send a key as <code>X-API-Key</code> or <code>Authorization: Bearer</code>. What can be called is in the{' '}
        <a href="/docs">API documentation</a>.
      </p>
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.items.length === 0 && <Empty icon="key" title="No API keys yet" />}
      <ul class="rows plain-list">
        {(list.data?.items ?? []).map((key) => (
          <KeyRow key={key.id} apiKey={key} reload={list.reload} onReplace={() => setReplacing(key)} />
        ))}
      </ul>
      {making && <ApiKeyDialog onClose={() => setMaking(false)} onMade={(key) => void done(key)} />}
      {replacing && (
        <ReplaceKeyDialog apiKey={replacing} onClose={() => setReplacing(null)} onMade={(key) => void done(key)} />
      )}
      {made && <ShownOnce made={made} onClose={() => setMade(null)} />}
    </SettingsFrame>
  )
}

type KeyRowProps = { apiKey: ApiKey; reload: () => Promise<void>; onReplace: () => void }

function KeyRow({ apiKey, reload, onReplace }: KeyRowProps) {
  const expired = apiKey.expires_at !== null && Date.parse(apiKey.expires_at) < Date.now()
  return (
    <li class="row">
      <div class="row-text">
        <strong class="break">{apiKey.name}</strong>{' '}
        {apiKey.scopes.map((scope) => (
          <Badge key={scope} kind={scope === 'admin' || scope === 'approve' ? 'ask' : ''}>
            {scope}
          </Badge>
        ))}{' '}
        {expired && <Badge kind="bad">expired</Badge>}
        <div class="muted small">
          <code>stw_{apiKey.prefix}_…</code> · input counts as {apiKey.input === 'owner' ? 'yours' : 'from others'} ·{' '}
          {apiKey.last_used_at ? (
            <>
              used <Time at={apiKey.last_used_at} />
            </>
          ) : (
            'never used'
          )}
          {apiKey.expires_at && ` · until ${dateOnly(apiKey.expires_at)}`}
        </div>
      </div>
      <IconButton label={`Replace ${apiKey.name}`} icon="turn" onClick={onReplace} />
      <IconButton
        label={`Delete ${apiKey.name}`}
        icon="trash"
        onClick={() => void remove(apiKey, reload).catch(complain)}
      />
    </li>
  )
}

async function remove(key: ApiKey, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Delete ${key.name}?`,
    body: 'Whatever uses this key is locked out at once.',
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/api-keys/${key.id}`)
  await reload()
  tell('The key was deleted.')
}

function ShownOnce({ made, onClose }: { made: MadeKey; onClose: () => void }) {
  return (
    <Dialog title={`Key for ${made.name}`} onClose={onClose}>
      <p class="dialog-text">This is the only time it is shown. Copy it to where it is used.</p>
      <div class="secret">
        <code>{made.key}</code>
        <CopyButton text={made.key} />
      </div>
      <footer class="dialog-actions">
        <Button look="primary" onClick={onClose}>
          I have it
        </Button>
      </footer>
    </Dialog>
  )
}
