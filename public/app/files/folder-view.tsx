import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { counted, fileSize } from '../format.ts'
import { Button } from '../ui/button.tsx'
import { Icon } from '../ui/icons.tsx'
import { More } from '../ui/more.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { complain } from '../ui/toast.tsx'
import { droppedFiles } from './dropped.ts'
import { MoveDialog, NewFolderDialog } from './entry-dialogs.tsx'
import { EntryRow } from './entry-row.tsx'
import { pageOf, within, zipOf, type FileEntry, type Usage } from './places.ts'
import { Preview } from './preview.tsx'
import { UploadList } from './upload-list.tsx'
import { arrived, send, type Chosen } from './uploads.ts'
import { useFolder } from './use-folder.ts'

type Open = { what: 'folder' } | { what: 'move' | 'preview'; entry: FileEntry }

/** One folder: what is in it, and everything that can be done there. Files can be dropped on all of it. */
export function FolderView({ path }: { path: string }): JSX.Element {
  const { folder, error, loading, reload, more } = useFolder(path)
  const usage = useResource<Usage>('/api/my/files/usage')
  const [open, setOpen] = useState<Open | null>(null)
  const seen = arrived.value
  const reloadAll = async () => void (await Promise.all([reload(), usage.reload()]))
  useEffect(() => {
    if (seen > 0) void reloadAll()
  }, [seen])
  const upload = (chosen: readonly Chosen[]) => send(chosen, usage.data?.max_upload_bytes ?? Infinity)
  const close = () => setOpen(null)
  const done = () => {
    close()
    void reloadAll()
  }
  return (
    <DropZone onDrop={(data) => void droppedFiles(data, path).then(upload, complain)}>
      <Crumbs path={path} />
      <div class="file-tools">
        <UploadButton onFiles={(files) => upload(files.map((file) => ({ file, folder: path })))} />
        <Button icon="plus" onClick={() => setOpen({ what: 'folder' })}>
          New folder
        </Button>
        {folder && folder.total > 0 && (
          <a class="button" href={zipOf(path)} download>
            <Icon name="download" size={16} />
            <span>Download all</span>
          </a>
        )}
      </div>
      <UploadList />
      <Problem error={error} retry={() => void reload()} />
      {!folder && loading && <Loading />}
      {folder?.total === 0 && (
        <Empty icon="folder" title="This folder is empty">
          Upload files, or drop them here.
        </Empty>
      )}
      <ul class="rows plain-list" aria-label="Files">
        {(folder?.entries ?? []).map((entry) => (
          <EntryRow
            key={`${entry.type} ${entry.name}`}
            path={within(path, entry.name)}
            entry={entry}
            preview={() => setOpen({ what: 'preview', entry })}
            move={() => setOpen({ what: 'move', entry })}
            reload={reloadAll}
          />
        ))}
      </ul>
      <More more={more} busy={loading} />
      {usage.data && <Disk usage={usage.data} />}
      {open?.what === 'folder' && <NewFolderDialog folder={path} onClose={close} onDone={done} />}
      {open?.what === 'move' && <MoveDialog path={within(path, open.entry.name)} onClose={close} onDone={done} />}
      {open?.what === 'preview' && <Preview path={within(path, open.entry.name)} entry={open.entry} onClose={close} />}
    </DropZone>
  )
}

function Crumbs({ path }: { path: string }) {
  const names = path.split('/').filter(Boolean)
  if (names.length === 0) return null
  const steps = names.map((name, at) => ({ name, to: pageOf(`/${names.slice(0, at + 1).join('/')}`) }))
  return (
    <nav class="crumbs" aria-label="Folders above">
      <ol class="plain-list">
        {[{ name: 'My files', to: '/files' }, ...steps].map(({ name, to }, at) => (
          <li key={to}>
            {at > 0 && <Icon name="right" size={14} />}
            <a href={to} aria-current={at === steps.length ? 'page' : undefined}>
              {name}
            </a>
          </li>
        ))}
      </ol>
    </nav>
  )
}

function UploadButton({ onFiles }: { onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        onChange={({ currentTarget }) => {
          onFiles(Array.from(currentTarget.files ?? []))
          currentTarget.value = ''
        }}
      />
      <Button look="primary" icon="upload" onClick={() => input.current?.click()}>
        Upload
      </Button>
    </>
  )
}

function DropZone({ onDrop, children }: { onDrop: (data: DataTransfer) => void; children: ComponentChildren }) {
  const [over, setOver] = useState(false)
  const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
  return (
    <div
      class={over ? 'drop-zone over' : 'drop-zone'}
      onDragOver={(event) => {
        if (!holdsFiles(event)) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={({ currentTarget, relatedTarget }) =>
        currentTarget.contains(relatedTarget as Node | null) || setOver(false)
      }
      onDrop={(event) => {
        if (!holdsFiles(event)) return
        event.preventDefault()
        setOver(false)
        onDrop(event.dataTransfer!)
      }}
    >
      {children}
    </div>
  )
}

function Disk({ usage }: { usage: Usage }) {
  const trash = usage.trash_bytes > 0 ? `, and ${fileSize(usage.trash_bytes)} in the trash` : ''
  return (
    <p class="muted small disk">
      You keep {counted(usage.files, 'file')} of {fileSize(usage.bytes)} in all{trash}. One upload may have{' '}
      {fileSize(usage.max_upload_bytes)}.
    </p>
  )
}
