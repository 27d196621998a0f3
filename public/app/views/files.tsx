import type { JSX } from 'preact'
import { api } from '../api.ts'
import { fileSize } from '../format.ts'
import { Button } from '../ui/button.tsx'
import { Page, Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'

type Trashed = { id: string; path: string; size: number; cause: string; created_at: string; restored_at: string | null }

/** The trash: what Steward overwrote or deleted, and the way back. */
export function FilesPage(): JSX.Element {
  const list = useResource<{ items: Trashed[] }>('/api/trash?limit=200')
  return (
    <Page
      title="Files"
      intro={
        <>
          Which folders Steward may use is set under <a href="/settings/whitelists">Whitelists</a>.
        </>
      }
    >
      <Section title="Trash" intro="The version from before Steward overwrote or deleted a file. Kept for 30 days.">
        <Problem error={list.error} retry={() => void list.reload()} />
        {!list.data && list.loading && <Loading />}
        {list.data?.items.length === 0 && <Empty icon="trash" title="Nothing has been overwritten or deleted" />}
        <ul class="rows plain-list">
          {(list.data?.items ?? []).map((item) => (
            <TrashRow key={item.id} item={item} reload={list.reload} />
          ))}
        </ul>
      </Section>
    </Page>
  )
}

function TrashRow({ item, reload }: { item: Trashed; reload: () => Promise<void> }) {
  const restore = async () => {
    await api.post(`/api/trash/${item.id}/restore`, {})
    tell('Restored. What stood there before is in the trash now.')
    await reload()
  }
  return (
    <li class="row">
      <div class="row-text">
        <code class="break">{item.path}</code> {item.restored_at && <Badge kind="good">restored</Badge>}
        <div class="muted small">
          {CAUSES[item.cause] ?? item.cause} <Time at={item.created_at} /> · {fileSize(item.size)}
        </div>
      </div>
      <Button small icon="undo" onClick={() => void restore().catch(complain)}>
        Restore
        <span class="visually-hidden"> {item.path}</span>
      </Button>
    </li>
  )
}

const CAUSES: Record<string, string> = {
  overwritten: 'Overwritten',
  deleted: 'Deleted',
}
