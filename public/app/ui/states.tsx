import type { ComponentChildren, JSX } from 'preact'
import { sentence } from '../api.ts'
import { fullTime, relativeTime } from '../format.ts'
import { Button } from './button.tsx'
import { Icon, type IconName } from './icons.tsx'

/** Stands where something is still on its way; appears only when that takes a moment. */
export function Loading({ what = 'Loading' }: { what?: string }): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      <span>{what}…</span>
    </div>
  )
}

/** Says that there is nothing yet, and what would put something here. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={26} />
      <p class="empty-title">{title}</p>
      {children && <div class="muted">{children}</div>}
    </div>
  )
}

/** Says what went wrong where the thing itself should stand, with a way to try again. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }): JSX.Element | null {
  const text = sentence(error)
  if (!text) return null
  return (
    <div class="notice problem" role="alert">
      <Icon name="alert" />
      <span>{text}</span>
      {retry && (
        <Button small onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  )
}

/** A time as people say it, with the exact one as a hint. */
export function Time({ at }: { at: string }): JSX.Element {
  return (
    <time dateTime={at} title={fullTime(at)}>
      {relativeTime(at)}
    </time>
  )
}

export function Badge({ children, kind = '' }: { children: ComponentChildren; kind?: '' | 'good' | 'bad' | 'ask' }) {
  return <span class={`badge ${kind}`}>{children}</span>
}
