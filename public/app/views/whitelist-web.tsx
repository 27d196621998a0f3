import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { DialogForm } from '../ui/dialog-form.tsx'
import { CheckField, TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { hostIn } from '../urls.ts'

type Site = { domain: string; note: string | null; private_ok: boolean; created_at: string }

const PRIVATE_OK = 'May be opened after private things were read'
const PRIVATE_HINT =
  'An address can carry words out of the house. Tick this only for sites you trust with what Steward knows.'

/** Websites of Tier 1: read without asking. */
export function WebList(): JSX.Element {
  const list = useResource<Site[]>('/api/web-whitelist')
  const [editing, setEditing] = useState<Site | 'new' | null>(null)
  const saved = async () => {
    setEditing(null)
    await list.reload()
  }
  return (
    <Section
      title="Websites"
      intro="Steward reads pages on these domains without asking (Tier 1). For any other it asks, or you allow the open web in a chat."
      actions={
        <Button icon="plus" onClick={() => setEditing('new')}>
          Add website
        </Button>
      }
    >
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && <Empty icon="globe" title="No website is allowed yet" />}
      <ul class="rows plain-list">
        {(list.data ?? []).map((site) => (
          <SiteRow key={site.domain} site={site} edit={() => setEditing(site)} reload={list.reload} />
        ))}
      </ul>
      {editing && (
        <SiteDialog
          site={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={() => void saved()}
        />
      )}
    </Section>
  )
}

function SiteRow({ site, edit, reload }: { site: Site; edit: () => void; reload: () => Promise<void> }) {
  return (
    <li class="row">
      <div class="row-text">
        <strong class="break">{site.domain}</strong> {site.private_ok && <Badge kind="ask">private allowed</Badge>}
        {site.note && <div class="muted small">{site.note}</div>}
      </div>
      <IconButton label={`Change ${site.domain}`} icon="pencil" onClick={edit} />
      <IconButton
        label={`Remove ${site.domain}`}
        icon="trash"
        onClick={() => void remove(site, reload).catch(complain)}
      />
    </li>
  )
}

async function remove(site: Site, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Remove ${site.domain}?`,
    body: 'Steward will ask before it reads a page there.',
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/web-whitelist/${encodeURIComponent(site.domain)}`)
  await reload()
  tell(`${site.domain} was removed.`)
}

function SiteDialog({ site, onClose, onSaved }: { site: Site | null; onClose: () => void; onSaved: () => void }) {
  const [domain, setDomain] = useState(site?.domain ?? '')
  const [note, setNote] = useState(site?.note ?? '')
  const [privateOk, setPrivateOk] = useState(site?.private_ok ?? false)
  const { busy, error, run } = useAction()
  const save = () => {
    const fields = { note: note.trim(), private_ok: privateOk }
    void run(async () => {
      if (site) await api.put(`/api/web-whitelist/${encodeURIComponent(site.domain)}`, fields)
      else await api.post('/api/web-whitelist', { domain: hostIn(domain), ...fields })
      onSaved()
    })
  }
  return (
    <DialogForm
      title={site ? `Change ${site.domain}` : 'Add a website'}
      action="Save"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
    >
      {!site && (
        <TextField
          label="Domain"
          hint="Such as example.com; its subdomains are included."
          value={domain}
          onInput={setDomain}
          error={fieldError(error, 'domain')}
          required
          autofocus
        />
      )}
      <TextField label="Note (optional)" value={note} onInput={setNote} maxLength={500} autofocus={site !== null} />
      <CheckField label={PRIVATE_OK} hint={PRIVATE_HINT} checked={privateOk} onChange={setPrivateOk} />
      <Problem error={elsewhere(error, ['domain'])} />
    </DialogForm>
  )
}
