import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Icon } from './icons.tsx'

const PAUSE = 250

type SearchFieldProps = { label: string; value: string; onSearch: (text: string) => void }

/** Searches while one types, after a short pause. */
export function SearchField({ label, value, onSearch }: SearchFieldProps): JSX.Element {
  const [text, setText] = useState(value)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const input = (next: string) => {
    setText(next)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => onSearch(next.trim()), PAUSE)
  }
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        onInput={(event) => input(event.currentTarget.value)}
      />
    </div>
  )
}
