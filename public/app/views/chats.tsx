import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { counted } from '../format.ts'
import { newId } from '../ids.ts'
import { refreshRecent, type ConversationList, type ConversationRow } from '../recent.ts'
import { navigate, place } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { Button, IconButton } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { Page } from '../ui/page.tsx'
import { Paging } from '../ui/paging.tsx'
import { useResource } from '../ui/resource.ts'
import { SearchField } from '../ui/search-field.tsx'
import { Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'

const PER_PAGE = 30

/** Every conversation, newest first, to find, rename and delete. */
export function ChatsPage({ query }: PageProps): JSX.Element {
  const q = query.get('q') ?? ''
  const page = Math.max(1, Number(query.get('page')) || 1)
  const list = useResource<ConversationList>(
    `/api/conversations?page=${page}&per_page=${PER_PAGE}${q ? `&q=${encodeURIComponent(q)}` : ''}`,
  )
  return (
    <Page
      title="Chats"
      actions={
        <Button look="primary" icon="plus" onClick={() => navigate(`/chat/${newId()}`)}>
          New chat
        </Button>
      }
    >
      <SearchField label="Search conversations" value={q} onSearch={(text) => show(text, 1)} />
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      {list.data && <Rows list={list.data} q={q} reload={list.reload} />}
      {list.data && (
        <Paging page={page} perPage={PER_PAGE} total={list.data.total} what="chat" onPage={(next) => show(q, next)} />
      )}
    </Page>
  )
}

function show(q: string, page: number): void {
  const query = new URLSearchParams({ ...(q ? { q } : {}), ...(page > 1 ? { page: String(page) } : {}) })
  navigate(query.size ? `/chats?${query}` : '/chats', { replace: place.value.path === '/chats' })
}

type RowsProps = { list: ConversationList; q: string; reload: () => Promise<void> }

function Rows({ list, q, reload }: RowsProps) {
  if (!list.conversations.length) return q ? <NothingFound q={q} /> : <Empty icon="chat" title="No conversations yet" />
  const changed = () => Promise.all([reload(), refreshRecent()])
  return (
    <ul class="rows plain-list">
      {list.conversations.map((row) => (
        <ChatRow key={row.id} row={row} changed={changed} />
      ))}
    </ul>
  )
}

const NothingFound = ({ q }: { q: string }) => <Empty icon="search" title={`Nothing found for “${q}”`} />

function ChatRow({ row, changed }: { row: ConversationRow; changed: () => Promise<unknown> }) {
  const [renaming, setRenaming] = useState(false)
  const title = row.title || 'Untitled'
  if (renaming) return <RenameRow row={row} done={() => setRenaming(false)} changed={changed} />
  return (
    <li class="row">
      <a class="row-link" href={`/chat/${row.id}`}>
        <span class="ellipsis">{title}</span>
        <span class="muted small nowrap">
          {counted(row.message_count, 'message')} · <Time at={row.updated_at} />
        </span>
      </a>
      <IconButton label={`Rename ${title}`} icon="pencil" onClick={() => setRenaming(true)} />
      <IconButton label={`Delete ${title}`} icon="trash" onClick={() => void remove(row, changed).catch(complain)} />
    </li>
  )
}

type RenameProps = { row: ConversationRow; done: () => void; changed: () => Promise<unknown> }

function RenameRow({ row, done, changed }: RenameProps) {
  const [title, setTitle] = useState(row.title)
  const save = async (event: Event) => {
    event.preventDefault()
    try {
      if (title.trim() && title !== row.title) await api.patch(`/api/conversations/${row.id}`, { title: title.trim() })
      await changed()
      done()
    } catch (error) {
      complain(error)
    }
  }
  return (
    <li class="row">
      <form class="rename" onSubmit={(event) => void save(event)}>
        <input
          class="input"
          aria-label={`New name for ${row.title || 'Untitled'}`}
          value={title}
          maxLength={200}
          ref={(input) => void (input && document.activeElement !== input && input.focus())}
          onInput={(event) => setTitle(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && done()}
        />
        <Button type="submit" look="primary">
          Save
        </Button>
        <Button onClick={done}>Cancel</Button>
      </form>
    </li>
  )
}

async function remove(row: ConversationRow, changed: () => Promise<unknown>): Promise<void> {
  const yes = await askConfirm({
    title: 'Delete this conversation?',
    body: `“${row.title || 'Untitled'}” with ${counted(row.message_count, 'message')} will be gone. This cannot be undone.`,
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/conversations/${row.id}`)
  await changed()
  tell('Deleted.')
}
