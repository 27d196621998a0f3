import { api } from '../api.ts'
import { counted } from '../format.ts'
import { askConfirm } from '../ui/confirm.tsx'
import { tell } from '../ui/toast.tsx'
import { userPath, type UserEntry } from './users.tsx'

type Detail = UserEntry & {
  belongings: { conversations: number; agents: number; tasks: number; api_keys: number; files: number }
}

/** Says what would go, asks once, and removes somebody with all of it. */
export async function removeUser(user: UserEntry, reload: () => Promise<void>): Promise<void> {
  const { belongings } = await api.get<Detail>(userPath(user))
  const yes = await askConfirm({
    title: `Remove ${user.username}?`,
    body: (
      <>
        <p>{`With ${user.username} go ${inWords(belongings)}, their lists and settings, and what the trash keeps of their files.`}</p>
        <p>
          It cannot be taken back. What they did stays in the audit log. To keep everything and only shut them out,
          change them and take “May come in” away.
        </p>
      </>
    ),
    action: 'Remove for good',
    danger: true,
  })
  if (!yes) return
  await api.remove(userPath(user))
  await reload()
  tell(`${user.username} was removed.`)
}

const inWords = ({ conversations, agents, tasks, api_keys, files }: Detail['belongings']): string =>
  [
    counted(conversations, 'conversation'),
    counted(agents, 'agent'),
    counted(tasks, 'task'),
    counted(api_keys, 'API key'),
    counted(files, 'file'),
  ].join(', ')
