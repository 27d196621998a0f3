import type { ComponentChildren, JSX } from 'preact'

type PageProps = {
  title: string
  intro?: ComponentChildren
  actions?: ComponentChildren
  wide?: boolean
  children: ComponentChildren
}

/** The frame of an ordinary page: one heading that takes the focus, what it is for, and its content. */
export function Page({ title, intro, actions, wide, children }: PageProps): JSX.Element {
  return (
    <div class={wide ? 'page wide' : 'page'}>
      <header class="head">
        <h1 tabIndex={-1}>{title}</h1>
        {actions}
        {intro && <p class="muted">{intro}</p>}
      </header>
      {children}
    </div>
  )
}

type SectionProps = {
  title: string
  intro?: ComponentChildren
  actions?: ComponentChildren
  children: ComponentChildren
}

/** A part of a page under its own heading. */
export function Section({ title, intro, actions, children }: SectionProps): JSX.Element {
  return (
    <section class="section">
      <header class="head">
        <h2>{title}</h2>
        {actions}
        {intro && <p class="muted">{intro}</p>}
      </header>
      {children}
    </section>
  )
}
