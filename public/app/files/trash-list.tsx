import type { JSX } from 'preact'
import { api } from '../api.ts'
import { fileSize } from '../format.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { Icon } from '../ui/icons.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { Trashed } from './places.ts'

/** What was overwritten or deleted, and the way back. */
export function TrashList(): JSX.Element {
  const list = useResource<{ items: Trashed[] }>('/api/trash?limit=200')
  return (
    <>
      <p class="muted">
        What you or Steward deleted, and what a file was before it was overwritten. Everything goes for good after 30
        days.
      </p>
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.items.length === 0 && <Empty icon="trash" title="The trash is empty" />}
      <ul class="rows plain-list">
        {(list.data?.items ?? []).map((item) => (
          <TrashRow key={item.id} item={item} reload={list.reload} />
        ))}
      </ul>
    </>
  )
}

function TrashRow({ item, reload }: { item: Trashed; reload: () => Promise<void> }) {
  const place = item.own_path ?? item.path
  const restore = async () => {
    const { path } = await api.post<{ path: string }>(`/api/trash/${item.id}/restore`, {})
    tell(path === place ? 'Restored.' : `Restored as ${path}.`)
    await reload()
  }
  return (
    <li class="row trash-row">
      <Icon name={item.kind === 'folder' ? 'folder' : 'file'} />
      <div class="row-text">
        <span class="break">{place}</span> {item.own_path === null && <Badge>elsewhere on the disk</Badge>}{' '}
        {item.restored_at && <Badge kind="good">restored</Badge>}
        <div class="muted small">
          {item.cause === 'deleted' ? 'Deleted' : 'Overwritten'} <Time at={item.created_at} /> · {fileSize(item.size)}
        </div>
      </div>
      <Button small icon="undo" onClick={() => void restore().catch(complain)}>
        Restore
        <span class="visually-hidden"> {place}</span>
      </Button>
      <IconButton
        label={`Delete ${place} for good`}
        icon="trash"
        onClick={() => void burn(item, reload).catch(complain)}
      />
    </li>
  )
}

async function burn(item: Trashed, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: 'Delete this for good?',
    body: `${item.own_path ?? item.path} cannot be brought back then.`,
    action: 'Delete for good',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/trash/${item.id}`)
  await reload()
}
