import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'
import { apiOf, around, within } from './places.ts'

type Props = { onClose: () => void; onDone: () => void }

/** Asks for the name of a new folder and makes it. */
export function NewFolderDialog({ folder, onClose, onDone }: Props & { folder: string }): JSX.Element {
  const [name, setName] = useState('')
  const { busy, error, run } = useAction()
  const make = () =>
    void run(async () => {
      await api.post('/api/my/folders', { path: within(folder, name) })
      onDone()
    })
  return (
    <DialogForm
      title="New folder"
      action="Make it"
      onClose={onClose}
      onSubmit={make}
      busy={busy}
      disabled={!name.trim()}
    >
      <TextField
        label="Name"
        value={name}
        onInput={setName}
        autofocus
        maxLength={255}
        error={fieldError(error, 'path')}
      />
      <Problem error={elsewhere(error, ['path'])} />
    </DialogForm>
  )
}

/** Asks for another name, or another folder, and moves it there. */
export function MoveDialog({ path, onClose, onDone }: Props & { path: string }): JSX.Element {
  const before = { name: path.slice(path.lastIndexOf('/') + 1), folder: around(path) }
  const [name, setName] = useState(before.name)
  const [folder, setFolder] = useState(before.folder)
  const { busy, error, run } = useAction()
  const move = () =>
    void run(async () => {
      await api.patch(apiOf(path), { name, ...(folder === before.folder ? {} : { folder }) })
      onDone()
    })
  return (
    <DialogForm
      title="Rename or move"
      action="Save"
      onClose={onClose}
      onSubmit={move}
      busy={busy}
      disabled={!name.trim()}
    >
      <TextField
        label="Name"
        value={name}
        onInput={setName}
        autofocus
        maxLength={255}
        error={fieldError(error, 'name')}
      />
      <TextField
        label="Folder"
        hint="From your own folder on: / or /photos/2026."
        value={folder}
        onInput={setFolder}
        error={fieldError(error, 'folder') ?? fieldError(error, 'path')}
      />
      <Problem error={elsewhere(error, ['name', 'folder', 'path'])} />
    </DialogForm>
  )
}
