import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'
import { userPath, type UserEntry } from './users.tsx'

const ROLES = [
  ['user', 'User: sees and does what is theirs'],
  ['admin', 'Administrator: looks after the house, too'],
] as const
const PASSWORD_HINT = 'At least 10 characters. They can change it in their account.'

type UserDialogProps = { user: UserEntry | null; onClose: () => void; onSaved: () => void }

/** Adds somebody, or changes what they may. */
export function UserDialog({ user, onClose, onSaved }: UserDialogProps): JSX.Element {
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<UserEntry['role']>(user?.role ?? 'user')
  const [active, setActive] = useState(user?.is_active ?? true)
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      if (user) await api.put(userPath(user), changes(user, { role, active, password }))
      else await api.post('/api/admin/users', { username: username.trim(), password, role })
      tell(user ? 'Saved.' : `${username.trim()} can sign in now.`)
      onSaved()
    })
  return (
    <DialogForm
      title={user ? `Change ${user.username}` : 'Add a user'}
      action={user ? 'Save' : 'Add'}
      onClose={onClose}
      onSubmit={save}
      busy={busy}
    >
      {!user && (
        <TextField
          label="Name to sign in with"
          value={username}
          onInput={setUsername}
          error={fieldError(error, 'username')}
          autocomplete="off"
          required
          autofocus
        />
      )}
      <TextField
        label={user ? 'New password (empty: leave it)' : 'Password'}
        type="password"
        autocomplete="new-password"
        hint={user ? 'A new one ends their sessions.' : PASSWORD_HINT}
        value={password}
        onInput={setPassword}
        error={fieldError(error, 'password')}
        required={!user}
      />
      <SelectField label="Role" options={ROLES} value={role} onChange={setRole} />
      {user && (
        <CheckField
          label="May come in"
          hint="Without it their sessions, keys and connections end at once, what they have going stops, and their schedules rest."
          checked={active}
          onChange={setActive}
        />
      )}
      <Problem error={elsewhere(error, ['username', 'password'])} />
    </DialogForm>
  )
}

type Draft = { role: UserEntry['role']; active: boolean; password: string }

const changes = (user: UserEntry, { role, active, password }: Draft) => ({
  ...(role === user.role ? {} : { role }),
  ...(active === user.is_active ? {} : { is_active: active }),
  ...(password === '' ? {} : { password }),
})
