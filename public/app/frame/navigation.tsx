import type { ComponentChildren, JSX } from 'preact'
import { newId } from '../ids.ts'
import { pending } from '../pending.ts'
import { recent } from '../recent.ts'
import { navigate, place } from '../router.ts'
import { me, signOut } from '../session.ts'
import { IconButton } from '../ui/button.tsx'
import { Icon, type IconName } from '../ui/icons.tsx'
import { complain } from '../ui/toast.tsx'
import { HouseControls } from './house-controls.tsx'
import { ThemeSwitch } from './theme-switch.tsx'

type NavigationProps = { fold: () => void; inDrawer?: boolean }

/** What the sidebar and the drawer both hold: where one can go, and what was talked about last. */
export function Navigation({ fold, inDrawer }: NavigationProps): JSX.Element {
  return (
    <div class="navigation">
      <div class="navigation-head">
        <a class="brand" href="/">
          <img src="/icons/steward.svg" alt="" width="26" height="26" />
          Steward
        </a>
        <HouseControls />
        <IconButton
          label={inDrawer ? 'Close navigation' : 'Hide sidebar'}
          icon={inDrawer ? 'close' : 'sidebar'}
          onClick={fold}
        />
      </div>
      <button type="button" class="button new-chat" onClick={() => navigate(`/chat/${newId()}`)}>
        <Icon name="plus" size={16} />
        <span>New chat</span>
      </button>
      <nav aria-label="Main">
        <ul>
          <Entry href="/" icon="home">
            Home
          </Entry>
          <Entry href="/chats" icon="chat">
            Chats
          </Entry>
          <Entry href="/agents" icon="robot" also="/agents/">
            Agents
          </Entry>
          <Entry href="/tasks" icon="task" also="/tasks/">
            Tasks
          </Entry>
          <Entry href="/runs" icon="pulse" also="/runs/">
            Activity
          </Entry>
          <Entry href="/approvals" icon="shield">
            Approvals
            <PendingCount />
          </Entry>
          <Entry href="/usage" icon="chart">
            Usage
          </Entry>
          <Entry href="/files" icon="folder">
            Files
          </Entry>
          <Entry href="/audit" icon="log">
            Audit log
          </Entry>
          <Entry href="/settings" icon="gear" also={['/settings/', '/models', '/admin/']}>
            Settings
          </Entry>
        </ul>
      </nav>
      <RecentChats />
      <Foot />
    </div>
  )
}

type EntryProps = { href: string; icon: IconName; also?: string | string[]; children: ComponentChildren }

function Entry({ href, icon, also, children }: EntryProps) {
  const { path } = place.value
  const here = path === href || [also ?? []].flat().some((start) => path.startsWith(start))
  return (
    <li>
      <a class="nav-entry" href={href} aria-current={here ? 'page' : undefined}>
        <Icon name={icon} />
        {children}
      </a>
    </li>
  )
}

function PendingCount() {
  const count = pending.value?.length ?? 0
  if (!count) return null
  return (
    <span class="count">
      {count}
      <span class="visually-hidden"> waiting</span>
    </span>
  )
}

function RecentChats() {
  const list = recent.value ?? []
  if (!list.length) return <div class="recent" />
  return (
    <nav class="recent" aria-labelledby="recent-title">
      <h2 id="recent-title">Recent</h2>
      <ul>
        {list.map(({ id, title }) => (
          <li key={id}>
            <a
              class="nav-entry"
              href={`/chat/${id}`}
              aria-current={place.value.path === `/chat/${id}` ? 'page' : undefined}
            >
              <span class="ellipsis">{title || 'Untitled'}</span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

function Foot() {
  return (
    <div class="navigation-foot">
      <a class="nav-entry" href="/settings/account">
        <Icon name="person" />
        <span class="ellipsis">{me.value?.username}</span>
      </a>
      <ThemeSwitch />
      <IconButton label="Sign out" icon="out" onClick={() => void signOut().catch(complain)} />
    </div>
  )
}
