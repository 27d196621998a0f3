import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { IconButton } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Icon } from '../ui/icons.tsx'
import { useResource } from '../ui/resource.ts'
import { Problem } from '../ui/states.tsx'

type Listing = { path: string; entries: { name: string; type: 'dir' | 'file' }[] }
type FolderPickerProps = { value: string; onPick: (path: string) => void; error: string | undefined }

/** Picks a folder of the server by walking through it, or by typing its path. */
export function FolderPicker({ value, onPick, error }: FolderPickerProps): JSX.Element {
  const [at, setAt] = useState<string | null>(null)
  const listing = useResource<Listing>(
    at === null ? '/api/filesystem-browser' : `/api/filesystem-browser?path=${encodeURIComponent(at)}`,
  )
  const here = listing.data?.path ?? at ?? ''
  const go = (path: string) => {
    setAt(path)
    onPick(path)
  }
  const folders = (listing.data?.entries ?? []).filter(({ type }) => type === 'dir')
  return (
    <>
      <TextField
        label="Folder"
        hint="Walk to it below, or type its path."
        value={value}
        onInput={onPick}
        error={error}
        mono
        required
      />
      <div class="picker" role="group" aria-label="Folders on the server">
        <div class="picker-head">
          <IconButton
            label="One folder up"
            icon="left"
            disabled={!here || here === '/'}
            onClick={() => go(parent(here))}
          />
          <code class="ellipsis">{here || '…'}</code>
        </div>
        <Problem error={listing.error} />
        <ul class="plain-list" aria-busy={listing.loading}>
          {folders.map(({ name }) => (
            <li key={name}>
              <button type="button" class="picker-entry" onClick={() => go(join(here, name))}>
                <Icon name="folder" size={16} />
                <span class="ellipsis">{name}</span>
              </button>
            </li>
          ))}
          {!folders.length && !listing.loading && <li class="muted small picker-none">No folders in here</li>}
        </ul>
      </div>
    </>
  )
}

const join = (path: string, name: string): string => (path.endsWith('/') ? path + name : `${path}/${name}`)

const parent = (path: string): string => path.replace(/\/[^/]+\/?$/, '') || '/'
