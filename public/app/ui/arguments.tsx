import type { JSX } from 'preact'

/** The arguments of a call as a short list of names and values; long texts scroll in their own box. */
export function Arguments({ value }: { value: unknown }): JSX.Element | null {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>).filter(([name]) => name !== 'operation')
  if (!entries.length) return null
  return (
    <dl class="arguments">
      {entries.map(([name, part]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{shown(part)}</dd>
        </div>
      ))}
    </dl>
  )
}

function shown(part: unknown): JSX.Element | string {
  const text = typeof part === 'string' ? part : JSON.stringify(part, null, 2)
  if (text.includes('\n') || text.length > 160) return <pre tabIndex={0}>{text}</pre>
  return <code>{text}</code>
}
