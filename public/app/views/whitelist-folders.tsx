import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { DialogForm } from '../ui/dialog-form.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { FolderPicker } from './folder-picker.tsx'

type WrittenBy = 'me' | 'others'
type Folder = { path: string; note: string | null; written_by: WrittenBy; created_at: string }

const WRITERS = [
  ['others', 'Others too (downloads, shared folders)'],
  ['me', 'Only me'],
] as const
const WRITERS_HINT =
  'Files that others wrote may try to talk Steward into something. After reading one it asks before it acts.'

/** Folders that Steward may read and write in. */
export function FolderList(): JSX.Element {
  const list = useResource<Folder[]>('/api/filesystem-whitelist')
  const [editing, setEditing] = useState<Folder | 'new' | null>(null)
  const saved = async () => {
    setEditing(null)
    await list.reload()
  }
  return (
    <Section
      title="Folders"
      intro="Steward works with files inside these folders and nowhere else. What it overwrites or deletes goes to the trash first."
      actions={
        <Button icon="plus" onClick={() => setEditing('new')}>
          Add folder
        </Button>
      }
    >
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 0 && <Empty icon="folder" title="No folder is allowed yet" />}
      <ul class="rows plain-list">
        {(list.data ?? []).map((folder) => (
          <FolderRow key={folder.path} folder={folder} edit={() => setEditing(folder)} reload={list.reload} />
        ))}
      </ul>
      <p class="small">
        <a href="/files">What Steward overwrote or deleted</a>
      </p>
      {editing && (
        <FolderDialog
          folder={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={() => void saved()}
        />
      )}
    </Section>
  )
}

function FolderRow({ folder, edit, reload }: { folder: Folder; edit: () => void; reload: () => Promise<void> }) {
  return (
    <li class="row">
      <div class="row-text">
        <code class="break">{folder.path}</code>{' '}
        <Badge kind={folder.written_by === 'me' ? 'good' : ''}>
          {folder.written_by === 'me' ? 'written by me' : 'written by others too'}
        </Badge>
        {folder.note && <div class="muted small">{folder.note}</div>}
      </div>
      <IconButton label={`Change ${folder.path}`} icon="pencil" onClick={edit} />
      <IconButton
        label={`Remove ${folder.path}`}
        icon="trash"
        onClick={() => void remove(folder, reload).catch(complain)}
      />
    </li>
  )
}

async function remove(folder: Folder, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: 'Remove this folder from the list?',
    body: `Steward can no longer read or write in ${folder.path}. The folder itself is not touched.`,
    action: 'Remove',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/filesystem-whitelist/${encodeURIComponent(folder.path)}`)
  await reload()
  tell('The folder was removed from the list.')
}

function FolderDialog({
  folder,
  onClose,
  onSaved,
}: {
  folder: Folder | null
  onClose: () => void
  onSaved: () => void
}) {
  const [path, setPath] = useState(folder?.path ?? '')
  const [note, setNote] = useState(folder?.note ?? '')
  const [writtenBy, setWrittenBy] = useState<WrittenBy>(folder?.written_by ?? 'others')
  const { busy, error, run } = useAction()
  const save = () => {
    const fields = { note: note.trim(), written_by: writtenBy }
    void run(async () => {
      if (folder) await api.put(`/api/filesystem-whitelist/${encodeURIComponent(folder.path)}`, fields)
      else await api.post('/api/filesystem-whitelist', { path: path.trim(), ...fields })
      onSaved()
    })
  }
  return (
    <DialogForm
      title={folder ? 'Change the folder' : 'Add a folder'}
      action="Save"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
      disabled={!path.trim()}
    >
      {folder ? (
        <p class="dialog-text">
          <code class="break">{folder.path}</code>
        </p>
      ) : (
        <FolderPicker value={path} onPick={setPath} error={fieldError(error, 'path')} />
      )}
      <SelectField
        label="Who writes the files in it?"
        hint={WRITERS_HINT}
        value={writtenBy}
        options={WRITERS}
        onChange={setWrittenBy}
      />
      <TextField label="Note (optional)" value={note} onInput={setNote} maxLength={500} />
      <Problem error={elsewhere(error, ['path'])} />
    </DialogForm>
  )
}
