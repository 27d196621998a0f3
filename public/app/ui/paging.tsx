import type { JSX } from 'preact'
import { counted } from '../format.ts'
import { IconButton } from './button.tsx'

type PagingProps = {
  page: number
  perPage: number
  total: number
  /** There are more than `total`; how many is not known. */
  atLeast?: boolean
  what: string
  many?: string
  onPage: (page: number) => void
}

/** Steps through a long list; absent when everything fits. */
export function Paging({ page, perPage, total, atLeast = false, what, many, onPage }: PagingProps): JSX.Element | null {
  const pages = Math.max(1, Math.ceil(total / perPage))
  const all = `${atLeast ? 'more than ' : ''}${counted(total, what, many)}`
  if (pages === 1) return <p class="paging-total muted">{all}</p>
  return (
    <nav class="paging" aria-label="Further pages">
      <IconButton label="First page" icon="first" disabled={page <= 1} onClick={() => onPage(1)} />
      <IconButton label="Previous page" icon="left" disabled={page <= 1} onClick={() => onPage(page - 1)} />
      <span aria-live="polite">
        Page {page}
        {!atLeast && ` of ${pages}`} <span class="muted">({all})</span>
      </span>
      <IconButton label="Next page" icon="right" disabled={page >= pages} onClick={() => onPage(page + 1)} />
      {!atLeast && <IconButton label="Last page" icon="last" disabled={page >= pages} onClick={() => onPage(pages)} />}
    </nav>
  )
}
