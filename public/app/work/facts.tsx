import type { ComponentChildren, JSX } from 'preact'

export type Fact = [name: string, value: ComponentChildren]

/** Names and values, side by side where there is room. */
export function Facts({ facts }: { facts: (Fact | null)[] }): JSX.Element {
  return (
    <dl class="facts">
      {facts.map(
        (fact) =>
          fact && (
            <div key={fact[0]}>
              <dt>{fact[0]}</dt>
              <dd>{fact[1]}</dd>
            </div>
          ),
      )}
    </dl>
  )
}
