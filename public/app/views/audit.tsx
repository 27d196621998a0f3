import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { navigate, place } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { me } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
import { Page } from '../ui/page.tsx'
import { Paging } from '../ui/paging.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { AuditCare } from './audit-care.tsx'
import { AuditTable, type AuditEntry } from './audit-table.tsx'

type AuditList = { entries: AuditEntry[]; total: number; total_is_min?: boolean; page: number; per_page: number }
type Filter = Record<(typeof NAMES)[number], string>

const PER_PAGE = 50
const NAMES = ['start', 'end', 'kind', 'tool_name', 'session_id', 'confirmed_only'] as const
/** What entries are about. */
const KINDS = [
  ['', 'Everything'],
  ['tool_call', 'Tool calls'],
  ['approval', 'Answers to questions'],
  ['grant', 'Grants'],
  ['conversation', 'Conversations'],
  ['user', 'People'],
  ['sign_in', 'Sign-ins'],
  ['sign_out', 'Sign-outs'],
  ['credential', 'Credentials'],
  ['api_key', 'API keys'],
  ['whitelist', 'Whitelists'],
  ['webhook_target', 'Webhooks'],
  ['agent', 'Agents'],
  ['task', 'Tasks'],
  ['email_account', 'Mail accounts'],
  ['file', 'Files'],
  ['trash', 'Trash'],
  ['backup', 'Backups'],
  ['setting', 'Settings'],
  ['checkpoint', 'Checkpoints'],
] as const

/** Everything Steward did and who allowed it. The filter is in the address, so a finding can be shared. */
export function AuditPage({ query }: PageProps): JSX.Element {
  const page = Math.max(1, Number(query.get('page')) || 1)
  const filter = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ''])) as Filter
  const list = useResource<AuditList>(`/api/audit?${asked(filter, page)}`)
  return (
    <Page
      wide
      title="Audit log"
      intro="Every tool call, sign-in and change, what was decided, and who allowed it."
      actions={
        <a href={`/api/audit/export?${wanted(filter)}`} download="audit.ndjson">
          Export
        </a>
      }
    >
      <FilterForm filter={filter} />
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.entries.length === 0 && <Empty icon="log" title="No entries match" />}
      {list.data && list.data.entries.length > 0 && <AuditTable entries={list.data.entries} />}
      {list.data && (
        <Paging
          page={page}
          perPage={PER_PAGE}
          total={list.data.total}
          atLeast={list.data.total_is_min ?? false}
          what="entry"
          many="entries"
          onPage={(next) => show(filter, next)}
        />
      )}
      {me.value?.role === 'admin' && <AuditCare />}
    </Page>
  )
}

/** Days are the reader's; the server takes instants. */
function asked(filter: Filter, page: number): string {
  const query = wanted(filter)
  query.set('page', String(page))
  query.set('per_page', String(PER_PAGE))
  return query.toString()
}

function wanted(filter: Filter): URLSearchParams {
  const query = new URLSearchParams()
  if (filter.start) query.set('start', new Date(`${filter.start}T00:00:00`).toISOString())
  if (filter.end) query.set('end', new Date(`${filter.end}T23:59:59.999`).toISOString())
  for (const name of ['kind', 'tool_name', 'session_id', 'confirmed_only'] as const)
    if (filter[name]) query.set(name, filter[name])
  return query
}

function show(filter: Filter, page = 1): void {
  const set = Object.entries(filter).filter(([, value]) => value)
  const query = new URLSearchParams([...set, ...(page > 1 ? [['page', String(page)]] : [])])
  navigate(query.size ? `/audit?${query}` : '/audit', { replace: place.value.path === '/audit' })
}

function FilterForm({ filter }: { filter: Filter }) {
  const [draft, setDraft] = useState(filter)
  const change = (part: Partial<Filter>) => setDraft({ ...draft, ...part })
  const submit = (event: Event) => {
    event.preventDefault()
    show(draft)
  }
  const clear = () => {
    const none = { start: '', end: '', kind: '', tool_name: '', session_id: '', confirmed_only: '' }
    setDraft(none)
    show(none)
  }
  return (
    <form class="filters" onSubmit={submit} aria-label="Filter">
      <TextField label="From" type="date" value={draft.start} onInput={(start) => change({ start })} />
      <TextField label="To" type="date" value={draft.end} onInput={(end) => change({ end })} />
      <SelectField label="About" options={KINDS} value={draft.kind} onChange={(kind) => change({ kind })} />
      <TextField
        label="Tool"
        placeholder="web"
        value={draft.tool_name}
        onInput={(tool_name) => change({ tool_name })}
      />
      <TextField label="Conversation" value={draft.session_id} onInput={(session_id) => change({ session_id })} mono />
      <CheckField
        label="Only what was approved by hand"
        checked={draft.confirmed_only === 'true'}
        onChange={(on) => change({ confirmed_only: on ? 'true' : '' })}
      />
      <div class="filter-actions">
        <Button type="submit">Filter</Button>
        <Button look="quiet" onClick={clear}>
          Clear
        </Button>
      </div>
    </form>
  )
}
