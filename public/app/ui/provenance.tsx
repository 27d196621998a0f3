import type { JSX } from 'preact'
import type { Provenance } from '../pending.ts'
import { Icon } from './icons.tsx'

const MARKS = { owner: 'check', third_party: 'alert', steward: 'tool', model: 'chat' } as const

/** Where each value of a call came from; what others wrote stands first and stands out. */
export function ProvenanceList({ rows }: { rows: readonly Provenance[] | undefined }): JSX.Element | null {
  if (!rows?.length) return null
  const others = rows.filter(({ origin }) => origin === 'third_party')
  const rest = rows.filter(({ origin }) => origin !== 'third_party')
  return (
    <section class="provenance" aria-label="Where this comes from">
      <List rows={others} />
      {rest.length > 0 && (
        <details>
          <summary>{others.length > 0 ? 'Where the rest comes from' : 'Where this comes from'}</summary>
          <List rows={rest} />
        </details>
      )}
    </section>
  )
}

function List({ rows }: { rows: readonly Provenance[] }) {
  if (!rows.length) return null
  return (
    <ul class="plain-list">
      {rows.map(({ path, value, origin, sentence }) => (
        <li key={`${path} ${value}`} class={origin === 'third_party' ? 'from-others' : ''}>
          <Icon name={MARKS[origin]} size={16} />
          <span>
            <span class="muted">{path}</span> <code class="break">{value}</code>
            <br />
            {sentence}
          </span>
        </li>
      ))}
    </ul>
  )
}
