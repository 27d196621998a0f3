import type { JSX } from 'preact'
import { api } from '../api.ts'
import { fileSize } from '../format.ts'
import { IconButton } from '../ui/button.tsx'
import { Icon } from '../ui/icons.tsx'
import { Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { apiOf, downloadOf, pageOf, zipOf, type FileEntry, type Trashed } from './places.ts'

type Props = {
  path: string
  entry: FileEntry
  preview: () => void
  move: () => void
  reload: () => Promise<void>
}

/** A file, which opens its preview, or a folder, which opens; and what can be done with it. */
export function EntryRow({ path, entry, preview, move, reload }: Props): JSX.Element {
  const isFolder = entry.type === 'dir'
  const what = (
    <>
      <Icon name={isFolder ? 'folder' : 'file'} />
      <span class="break">{entry.name}</span>
    </>
  )
  return (
    <li class="row file-row">
      <div class="row-text">
        {isFolder ? (
          <a class="file-name" href={pageOf(path)}>
            {what}
          </a>
        ) : (
          <button type="button" class="file-name" onClick={preview}>
            {what}
          </button>
        )}
        <div class="muted small">
          {isFolder ? 'Folder' : fileSize(entry.size)} · <Time at={entry.modified_at} />
        </div>
      </div>
      <a
        class="icon-button quiet"
        href={isFolder ? zipOf(path) : downloadOf(path)}
        download
        aria-label={`Download ${entry.name}${isFolder ? ' as a zip' : ''}`}
        title={`Download ${entry.name}`}
      >
        <Icon name="download" />
      </a>
      <IconButton label={`Rename or move ${entry.name}`} icon="pencil" onClick={move} />
      <IconButton
        label={`Delete ${entry.name}`}
        icon="trash"
        onClick={() => void remove(path, reload).catch(complain)}
      />
    </li>
  )
}

/** Deletes at once, and offers for a while to take it back. */
async function remove(path: string, reload: () => Promise<void>): Promise<void> {
  await api.remove(apiOf(path))
  await reload()
  const undo = async () => {
    const { items } = await api.get<{ items: Trashed[] }>('/api/trash')
    const kept = items.find(({ own_path, cause }) => own_path === path && cause === 'deleted')
    if (!kept) throw new Error('It is not in the trash any more.')
    await api.post(`/api/trash/${kept.id}/restore`, {})
    await reload()
    tell('It is back.')
  }
  tell(`${path.slice(path.lastIndexOf('/') + 1)} is in the trash.`, {
    label: 'Undo',
    act: () => undo().catch(complain),
  })
}
