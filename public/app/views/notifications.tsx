import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { linkOf, markAllRead, markRead, unread, type Notice, type NoticeList } from '../notices.ts'
import { Button } from '../ui/button.tsx'
import { Icon, type IconName } from '../ui/icons.tsx'
import { More } from '../ui/more.tsx'
import { Page } from '../ui/page.tsx'
import { Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain } from '../ui/toast.tsx'
import { Segments } from '../work/segments.tsx'
import { useList } from '../work/use-list.ts'

const SHOWN = [
  ['all', 'All'],
  ['unread', 'Unread'],
] as const

/** What Steward wanted the owner to know. */
export function NotificationsPage(): JSX.Element {
  const [which, setWhich] = useState<'all' | 'unread'>('all')
  const list = useList<Notice, NoticeList>(`/api/notifications${which === 'unread' ? '?unread=true' : ''}`)
  useEffect(() => void list.reload(), [unread.value])
  const items = list.list?.items ?? []
  const all = (
    <Button disabled={unread.value === 0} onClick={() => void markAllRead().then(list.reload).catch(complain)}>
      Mark all as read
    </Button>
  )
  return (
    <Page title="Notifications" actions={all}>
      <div class="chart-head">
        <Segments label="Which" value={which} options={SHOWN} onChange={setWhich} />
      </div>
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.list && list.loading && <Loading />}
      {list.list && !items.length && (
        <Empty icon="ring" title={which === 'unread' ? 'Everything is read' : 'No notifications yet'} />
      )}
      <ul class="rows plain-list">
        {items.map((notice) => (
          <NoticeRow key={notice.id} notice={notice} reload={list.reload} />
        ))}
      </ul>
      <More more={list.more} busy={list.loading} />
    </Page>
  )
}

const ICONS: Record<Notice['kind'], IconName> = {
  approval: 'shield',
  result: 'check',
  trouble: 'alert',
  missed: 'clock',
  budget: 'chart',
  delivery: 'hook',
}

function NoticeRow({ notice, reload }: { notice: Notice; reload: () => Promise<void> }) {
  const to = linkOf(notice)
  const fresh = notice.read_at === null
  const read = () => markRead(notice.id).then(reload).catch(complain)
  return (
    <li class={fresh ? 'row notification fresh' : 'row notification'}>
      <Icon name={ICONS[notice.kind] ?? 'ring'} />
      <div class="row-text">
        {fresh && <span class="visually-hidden">Unread: </span>}
        {to ? (
          <a class="work-name" href={to} onClick={() => void (fresh && read())}>
            {notice.title}
          </a>
        ) : (
          <span class="work-name">{notice.title}</span>
        )}
        {notice.text && <div class="break">{notice.text}</div>}
        <div class="muted small">
          <Time at={notice.created_at} />
        </div>
      </div>
      {fresh && (
        <Button small look="quiet" onClick={() => void read()}>
          Mark as read<span class="visually-hidden">: {notice.title}</span>
        </Button>
      )}
    </li>
  )
}
