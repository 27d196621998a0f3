import { signal } from '@preact/signals'
import { parseUrl } from './urls.ts'

/** Where the reader is: the page's own tiny router over real paths. */
export type Place = { path: string; query: URLSearchParams }

export const place = signal<Place>(read())

const OUTSIDE = /^\/(api|docs|openapi\.json|ws|health|hooks)(\/|$)/

function read(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) }
}

/** Goes to a path of this page. `replace` leaves no step in the history, for redirects. */
export function navigate(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  place.value = read()
}

/** Answers clicks on links of this page without loading it again. Call once. */
export function followLinks(): void {
  addEventListener('popstate', () => (place.value = read()))
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link || !isOurs(event, link)) return
    event.preventDefault()
    navigate(link.pathname + link.search + link.hash)
  })
}

function isOurs(event: MouseEvent, link: HTMLAnchorElement): boolean {
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey
  const here = link.origin === location.origin && !link.target && !link.hasAttribute('download')
  return plain && here && !event.defaultPrevented && !OUTSIDE.test(link.pathname)
}

/** The path to come back to after signing in; anything that is not a path of this site becomes `/`. */
export function safeReturn(next: string | null): string {
  if (!next) return '/'
  const url = parseUrl(next, location.origin)
  const ours = url?.origin === location.origin && next.startsWith('/') && !OUTSIDE.test(url.pathname)
  const dead = /^\/(login|setup|forgot-password|reset-password)$/.test(url?.pathname ?? '')
  return url && ours && !dead ? url.pathname + url.search + url.hash : '/'
}
