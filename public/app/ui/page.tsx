import type { ComponentChildren, JSX } from 'preact'

type PageProps = { title: string; intro?: ComponentChildren; actions?: ComponentChildren; children: ComponentChildren }

/** The frame of an ordinary page: one heading that takes the focus, what it is for, and its content. */
export function Page({ title, intro, actions, children }: PageProps): JSX.Element {
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <h1 tabIndex={-1}>{title}</h1>
          {intro && <p class="muted">{intro}</p>}
        </div>
        {actions && <div class="page-actions">{actions}</div>}
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

export function Section({ title, intro, actions, children }: SectionProps): JSX.Element {
  return (
    <section class="section">
      <header class="section-head">
        <div>
          <h2>{title}</h2>
          {intro && <p class="muted">{intro}</p>}
        </div>
        {actions}
      </header>
      {children}
    </section>
  )
}
