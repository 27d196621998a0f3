import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { DialogForm } from '../ui/dialog-form.tsx'
import { AreaField, TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { hostIn } from '../urls.ts'

type Site = { domain: string; note: string; created_at: string; session_at: string | null }

const PATH = '/api/my/browser-trusted'

/** Sites on which Steward's browser may act as the reader of this page. */
export function BrowserList(): JSX.Element {
  const list = useResource<Site[]>(PATH)
  const [adding, setAdding] = useState(false)
  const [signing, setSigning] = useState<Site>()
  const saved = async () => {
    setAdding(false)
    await list.reload()
  }
  return (
    <Section
      title="Sites for the browser"
      intro="Where Steward’s own browser may be signed in and act as you. The list is yours alone."
      actions={
        <Button icon="plus" onClick={() => setAdding(true)}>
          Add site
        </Button>
      }
    >
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && <Empty icon="screen" title="No site is trusted yet" />}
      <ul class="rows plain-list">
        {(list.data ?? []).map((site) => (
          <li class="row" key={site.domain}>
            <div class="row-text">
              <strong class="break">{site.domain}</strong>
              {site.note && <div class="muted small">{site.note}</div>}
            </div>
            <Button
              small
              look="quiet"
              onClick={() => (site.session_at ? void forget(site, list.reload).catch(complain) : setSigning(site))}
            >
              {site.session_at ? 'Forget session' : 'Bring session'}
            </Button>
            <IconButton
              label={`Remove ${site.domain}`}
              icon="trash"
              onClick={() => void remove(site, list.reload).catch(complain)}
            />
          </li>
        ))}
      </ul>
      {signing && (
        <SessionDialog
          site={signing}
          onClose={() => setSigning(undefined)}
          onSaved={() => {
            setSigning(undefined)
            void list.reload()
          }}
        />
      )}
      {adding && <SiteDialog onClose={() => setAdding(false)} onSaved={() => void saved()} />}
    </Section>
  )
}

async function remove({ domain }: Site, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Remove ${domain}?`,
    body: 'Steward’s browser no longer acts there as you.',
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await api.remove(`${PATH}/${encodeURIComponent(domain)}`)
  await reload()
  tell(`${domain} was removed.`)
}

async function forget({ domain }: Site, reload: () => Promise<void>): Promise<void> {
  await api.remove(`${PATH}/${encodeURIComponent(domain)}/session`)
  await reload()
  tell(`Steward is no longer signed in at ${domain}.`)
}

function SessionDialog({ site, onClose, onSaved }: { site: Site; onClose: () => void; onSaved: () => void }) {
  const [cookies, setCookies] = useState('')
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      await api.put(`${PATH}/${encodeURIComponent(site.domain)}/session`, { cookies })
      onSaved()
      tell(`Steward is signed in at ${site.domain} now.`)
    })
  return (
    <DialogForm title={`Your session at ${site.domain}`} action="Keep" onClose={onClose} onSubmit={save} busy={busy}>
      <AreaField
        label="Cookies"
        hint="Sign in with your own browser, export its cookies (cookies.txt or JSON) and paste them. Only those of this site are kept, encrypted."
        value={cookies}
        onInput={setCookies}
        error={fieldError(error, 'cookies')}
        required
      />
      <Problem error={elsewhere(error, ['cookies'])} />
    </DialogForm>
  )
}

function SiteDialog({ onClose, onSaved }: { onClose: () => void; onSaved: () => void }) {
  const [domain, setDomain] = useState('')
  const [note, setNote] = useState('')
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      await api.post(PATH, { domain: hostIn(domain), note: note.trim() })
      onSaved()
    })
  return (
    <DialogForm title="Trust a site" action="Save" onClose={onClose} onSubmit={save} busy={busy}>
      <TextField
        label="Domain"
        hint="Such as example.com; its subdomains are included."
        value={domain}
        onInput={setDomain}
        error={fieldError(error, 'domain')}
        required
        autofocus
      />
      <TextField label="Note (optional)" value={note} onInput={setNote} maxLength={500} />
      <Problem error={elsewhere(error, ['domain'])} />
    </DialogForm>
  )
}
