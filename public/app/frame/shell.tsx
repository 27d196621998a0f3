import { signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { place } from '../router.ts'
import { IconButton } from '../ui/button.tsx'
import { watchUnread } from '../notices.ts'
import { watchStatus } from '../status.ts'
import { GuardBanner, HouseControls, PausedBanner } from './house-controls.tsx'
import { Navigation } from './navigation.tsx'
import { watchPending } from '../pending.ts'
import { refreshRecent } from '../recent.ts'

const KEY = 'steward.sidebar'
const folded = signal(document.documentElement.dataset['sidebar'] === 'folded')
const drawer = signal(false)

/** Navigation beside the page on wide windows, in a drawer on a phone. */
export function Shell({ full, children }: { full: boolean; children: ComponentChildren }): JSX.Element {
  useEffect(() => {
    void refreshRecent()
    const ends = [watchPending(), watchStatus(), watchUnread()]
    return () => ends.forEach((end) => end())
  }, [])
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to the content
      </a>
      <aside class="sidebar" aria-label="Navigation" hidden={folded.value}>
        <Navigation fold={() => setFolded(true)} />
      </aside>
      <div class="stage">
        <div>
          {!full && <TopBar />}
          <PausedBanner />
          <GuardBanner />
        </div>
        <main id="main" class={full ? 'main full' : 'main'} tabIndex={-1}>
          {children}
        </main>
      </div>
      {drawer.value && <Drawer />}
    </div>
  )
}

function skipToMain(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}

function setFolded(on: boolean): void {
  folded.value = on
  if (on) localStorage.setItem(KEY, 'folded')
  else localStorage.removeItem(KEY)
  document.documentElement.dataset['sidebar'] = on ? 'folded' : ''
}

function TopBar() {
  return (
    <header class={folded.value ? 'topbar shown' : 'topbar'}>
      <NavigationButtons />
      <a class="brand" href="/">
        Steward
      </a>
      <span class="grow" />
      <HouseControls />
    </header>
  )
}

/** Opens the drawer on a phone, or brings the sidebar back; pages that fill the window put it into their own head. */
export function NavigationButtons(): JSX.Element {
  return (
    <>
      <IconButton class="open-drawer" label="Open navigation" icon="menu" onClick={() => (drawer.value = true)} />
      {folded.value && (
        <IconButton class="unfold" label="Show sidebar" icon="sidebar" onClick={() => setFolded(false)} />
      )}
    </>
  )
}

function Drawer() {
  const dialog = useRef<HTMLDialogElement>(null)
  const at = place.value
  const opened = useRef(at)
  const close = () => (drawer.value = false)
  useEffect(() => dialog.current?.showModal(), [])
  useEffect(() => {
    if (at !== opened.current) close()
  }, [at])
  return (
    <dialog
      ref={dialog}
      class="drawer"
      aria-label="Navigation"
      onCancel={close}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <div class="drawer-body">
        <Navigation fold={close} inDrawer />
      </div>
    </dialog>
  )
}
