import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { me } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import { MfaDialog, type MfaSecret } from './user-mfa.tsx'
import { UserDialog } from './user-dialog.tsx'
import { removeUser } from './user-removal.tsx'

export type UserEntry = {
  id: string
  username: string
  role: 'admin' | 'user'
  is_active: boolean
  mfa_enabled: boolean
  created_at: string
  last_seen_at: string | null
}

export const userPath = ({ id }: Pick<UserEntry, 'id'>): string => `/api/admin/users/${id}`

/** The people of the house, for administrators. */
export function UsersPage(): JSX.Element {
  const list = useResource<UserEntry[]>('/api/admin/users')
  const [editing, setEditing] = useState<UserEntry | 'new' | null>(null)
  const [secret, setSecret] = useState<(MfaSecret & { username: string }) | null>(null)
  const saved = async () => {
    setEditing(null)
    await list.reload()
  }
  return (
    <SettingsFrame
      actions={
        <Button look="primary" icon="plus" onClick={() => setEditing('new')}>
          Add user
        </Button>
      }
    >
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data?.length === 1 && (
        <p>
          You are the only one here. Whoever you add has conversations, agents, files, keys and lists of their own, and
          sees nothing of yours.
        </p>
      )}
      <ul class="rows plain-list">
        {(list.data ?? []).map((user) => (
          <UserRow
            key={user.id}
            user={user}
            edit={() => setEditing(user)}
            showSecret={(made) => setSecret({ ...made, username: user.username })}
            reload={list.reload}
          />
        ))}
      </ul>
      {editing && (
        <UserDialog
          user={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={() => void saved().catch(complain)}
        />
      )}
      {secret && <MfaDialog {...secret} onClose={() => setSecret(null)} />}
    </SettingsFrame>
  )
}

type RowProps = {
  user: UserEntry
  edit: () => void
  showSecret: (secret: MfaSecret) => void
  reload: () => Promise<void>
}

function UserRow({ user, edit, showSecret, reload }: RowProps) {
  const own = user.id === me.value?.id
  const doing = (work: Promise<void>) => void work.catch(complain)
  const of = <span class="visually-hidden"> {user.username}</span>
  return (
    <li class="row card-row">
      <div class="row-text">
        <strong class="break">{user.username}</strong> {own && <Badge>you</Badge>}{' '}
        {user.role === 'admin' && <Badge kind="ask">administrator</Badge>}{' '}
        {user.mfa_enabled && <Badge kind="good">two-factor</Badge>}{' '}
        {!user.is_active && <Badge kind="bad">deactivated</Badge>}
        <div class="muted small">
          {user.last_seen_at ? (
            <>
              here <Time at={user.last_seen_at} />
            </>
          ) : (
            'never here yet'
          )}{' '}
          · added <Time at={user.created_at} />
        </div>
      </div>
      {own ? (
        <div class="row-actions">
          <a href="/settings/account">Your account</a>
        </div>
      ) : (
        <div class="row-actions">
          <Button small onClick={edit}>
            Change{of}
          </Button>
          {user.mfa_enabled ? (
            <Button small look="quiet" onClick={() => doing(turnMfaOff(user, reload))}>
              Two-factor off{of}
            </Button>
          ) : (
            <Button small look="quiet" onClick={() => doing(setMfaUp(user, showSecret))}>
              Two-factor{of}
            </Button>
          )}
          <Button small look="quiet" icon="trash" onClick={() => doing(removeUser(user, reload))}>
            Remove{of}
          </Button>
        </div>
      )}
    </li>
  )
}

async function setMfaUp(user: UserEntry, show: (secret: MfaSecret) => void): Promise<void> {
  show(await api.post<MfaSecret>(`${userPath(user)}/mfa-setup`, {}))
}

async function turnMfaOff(user: UserEntry, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Turn two-factor sign-in off for ${user.username}?`,
    body: 'Their password alone lets them in then. Do this where they lost their device and their recovery codes.',
    action: 'Turn it off',
    danger: true,
  })
  if (!yes) return
  await api.post(`${userPath(user)}/mfa-disable`, {})
  await reload()
  tell(`Two-factor sign-in is off for ${user.username}.`)
}
