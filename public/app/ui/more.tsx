import type { JSX } from 'preact'
import { Button } from './button.tsx'

/** Fetches the next piece of a list; absent at its end. */
export function More({ more, busy }: { more: (() => Promise<void>) | null; busy: boolean }): JSX.Element | null {
  if (!more) return null
  return (
    <p class="more">
      <Button busy={busy} onClick={() => void more()}>
        Show more
      </Button>
    </p>
  )
}
