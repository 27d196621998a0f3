import type { ComponentChildren, JSX } from 'preact'

type DoorProps = { title: string; intro?: ComponentChildren; children: ComponentChildren }

/** The frame of what one sees before being inside: set-up and sign-in. */
export function Door({ title, intro, children }: DoorProps): JSX.Element {
  return (
    <div class="door">
      <img src="/icons/steward.svg" alt="" width="48" height="48" />
      <h1 tabIndex={-1}>{title}</h1>
      {intro && <p class="muted">{intro}</p>}
      {children}
    </div>
  )
}
