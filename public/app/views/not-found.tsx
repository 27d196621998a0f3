import type { JSX } from 'preact'
import { place } from '../router.ts'
import { Page } from '../ui/page.tsx'

/** Any path that is no page. */
export function NotFoundPage(): JSX.Element {
  return (
    <Page title="There is no page here">
      <p>
        Nothing lives at <code>{place.value.path}</code>. It may have moved, or the address has a slip in it.
      </p>
      <p>
        <a href="/">Home</a> · <a href="/chats">Chats</a> · <a href="/settings">Settings</a>
      </p>
    </Page>
  )
}
