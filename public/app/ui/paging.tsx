import type { JSX } from 'preact'
import { counted } from '../format.ts'
import { IconButton } from './button.tsx'

type PagingProps = {
  page: number
  perPage: number
  total: number
  what: string
  many?: string
  onPage: (page: number) => void
}

/** Steps through a long list; absent when everything fits. */
export function Paging({ page, perPage, total, what, many, onPage }: PagingProps): JSX.Element | null {
  const pages = Math.max(1, Math.ceil(total / perPage))
  if (pages === 1) return <p class="paging-total muted">{counted(total, what, many)}</p>
  return (
    <nav class="paging" aria-label="Further pages">
      <IconButton label="Previous page" icon="left" disabled={page <= 1} onClick={() => onPage(page - 1)} />
      <span aria-live="polite">
        Page {page} of {pages} <span class="muted">({counted(total, what, many)})</span>
      </span>
      <IconButton label="Next page" icon="right" disabled={page >= pages} onClick={() => onPage(page + 1)} />
    </nav>
  )
}
