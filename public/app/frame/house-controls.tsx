import type { JSX } from 'preact'
import { unread } from '../notices.ts'
import { place } from '../router.ts'
import { isAdmin } from '../session.ts'
import { paused, setPaused, unguarded } from '../status.ts'
import { useAction } from '../ui/action.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { Icon } from '../ui/icons.tsx'
import { complain, tell } from '../ui/toast.tsx'

/** What concerns the whole house: the notifications, and the switch that pauses everything. */
export function HouseControls(): JSX.Element {
  return (
    <div class="house-controls">
      <Bell />
      <PauseSwitch />
    </div>
  )
}

function Bell() {
  const count = unread.value
  const label = count ? `Notifications, ${count} unread` : 'Notifications'
  return (
    <a
      class="icon-button quiet bell"
      href="/notifications"
      aria-label={label}
      title={label}
      aria-current={place.value.path === '/notifications' ? 'page' : undefined}
    >
      <Icon name="ring" />
      {count > 0 && (
        <span class="bell-count" aria-hidden="true">
          {count > 99 ? '99+' : count}
        </span>
      )}
    </a>
  )
}

function PauseSwitch() {
  const on = paused.value
  if (on === null || !isAdmin()) return null
  return (
    <IconButton
      label={on ? 'Resume everything' : 'Pause everything'}
      icon={on ? 'play' : 'pause'}
      onClick={() => void (on ? resume() : pause()).catch(complain)}
    />
  )
}

async function pause(): Promise<void> {
  const yes = await askConfirm({
    title: 'Pause everything?',
    body: 'Chats, agents and tasks wait until you resume: no question goes to a model and no tool is used.',
    action: 'Pause everything',
  })
  if (yes) await setPaused(true)
}

async function resume(): Promise<void> {
  await setPaused(false)
  tell('Steward goes on.')
}

/** Says on every page that the flow guard is off, and where it is turned on. */
export function GuardBanner(): JSX.Element | null {
  if (!unguarded.value || place.value.path === '/settings/security') return null
  return (
    <div class="paused-banner danger" role="status">
      <Icon name="alert" />
      <span>
        The flow guard is off. <a href="/settings/security">Turn it on</a>
      </span>
    </div>
  )
}

/** Says on every page that nothing starts, and how it does again. */
export function PausedBanner(): JSX.Element | null {
  const { busy, run } = useAction()
  if (!paused.value) return null
  return (
    <div class="paused-banner" role="status">
      <Icon name="pause" />
      <span>Paused: nothing starts until you resume</span>
      <Button small busy={busy} onClick={() => void run(() => resume().catch(complain))}>
        Resume
      </Button>
    </div>
  )
}
