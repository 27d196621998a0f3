import { cursorsOf } from './cursors.ts'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import type { Events } from './events.ts'
import { newId } from './ids.ts'
import type { NotificationKind } from './shapes/frames.ts'

export type NotificationDraft = {
  userId: string
  kind: NotificationKind
  title: string
  text?: string
  runId?: string | null
  agentId?: string | null
  taskId?: string | null
  approvalId?: string | null
  /** Stays on the page. */
  onlyHere?: boolean
}

export type Notification = {
  id: string
  kind: NotificationKind
  title: string
  text: string
  run_id: string | null
  agent_id: string | null
  task_id: string | null
  approval_id: string | null
  created_at: string
  read_at: string | null
}

export type NotificationFilter = {
  unread?: boolean | undefined
  kind?: NotificationKind | undefined
  limit: number
  cursor?: string | undefined
}

const COLUMNS = 'id, kind, title, text, run_id, agent_id, task_id, approval_id, created_at, read_at'
const TITLE_LENGTH = 200
const TEXT_LENGTH = 2_000

const CURSORS = cursorsOf('notifications')

/** Above so many matches the count stops. */
const MOST_COUNTED = 10_000

export type Notifications = ReturnType<typeof createNotifications>

/** What the owner should know of. `add` joins the caller's transaction; sockets are told after the commit. */
export function createNotifications({
  db,
  now,
  events,
  mask,
  mail,
}: Deps & {
  events: Pick<Events, 'keep'>
  mask: (text: string) => string
  /** Told of each but those that say otherwise, in the transaction of the notification. */
  mail: () => { tell(userId: string, notification: Notification): void }
}) {
  const insert = db.prepare(
    `INSERT INTO notifications (id, user_id, kind, title, text, run_id, agent_id, task_id, approval_id, created_at)
     VALUES (@id, @userId, @kind, @title, @text, @run_id, @agent_id, @task_id, @approval_id, @at)`,
  )
  const unread = db.prepare<[string], { n: number }>(
    'SELECT count(*) AS n FROM notifications WHERE user_id = ? AND read_at IS NULL',
  )
  const read = db.prepare('UPDATE notifications SET read_at = coalesce(read_at, ?) WHERE id = ? AND user_id = ?')
  const readAll = db.prepare('UPDATE notifications SET read_at = ? WHERE user_id = ? AND read_at IS NULL')
  const readFor = db.prepare('UPDATE notifications SET read_at = ? WHERE approval_id = ? AND read_at IS NULL')
  const sweep = db.prepare(
    `DELETE FROM notifications WHERE id IN (
       SELECT id FROM notifications WHERE created_at < ? AND read_at IS NOT NULL ORDER BY created_at LIMIT ?)`,
  )

  const unreadCount = (userId: string): number => unread.get(userId)!.n

  function page(userId: string, { limit, cursor, ...filter }: NotificationFilter): Notification[] {
    const { where, values } = conditions(userId, filter)
    return db
      .prepare<unknown[], Notification>(
        `SELECT ${COLUMNS} FROM notifications ${where} AND id < ? ORDER BY id DESC LIMIT ?`,
      )
      .all(...values, CURSORS.from(cursor) ?? '~', limit + 1)
  }

  function count(userId: string, filter: Pick<NotificationFilter, 'unread' | 'kind'>): number {
    const { where, values } = conditions(userId, filter)
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM notifications ${where} LIMIT ${MOST_COUNTED})`
    return db.prepare<unknown[], { n: number }>(sql).get(...values)!.n
  }

  return {
    /** Writes it down, known secrets masked and long texts cut, and puts a `notification` frame into the event log. */
    add(draft: NotificationDraft): void {
      const notification = {
        id: newId(),
        kind: draft.kind,
        title: cut(mask(draft.title), TITLE_LENGTH),
        text: cut(mask(draft.text ?? ''), TEXT_LENGTH),
        run_id: draft.runId ?? null,
        agent_id: draft.agentId ?? null,
        task_id: draft.taskId ?? null,
        approval_id: draft.approvalId ?? null,
      }
      db.transact(() => {
        const at = now().toISOString()
        insert.run({ ...notification, userId: draft.userId, at })
        const nowhere = { userId: draft.userId, conversationId: null, runId: null }
        events.keep(nowhere, { type: 'notification', ...notification })
        if (!draft.onlyHere) mail().tell(draft.userId, { ...notification, created_at: at, read_at: null })
      })
    },

    list(userId: string, filter: NotificationFilter) {
      const rows = page(userId, filter)
      const items = rows.slice(0, filter.limit)
      const total = count(userId, filter)
      return {
        items,
        next_cursor: rows.length > items.length ? CURSORS.to(items.at(-1)!.id) : null,
        total,
        ...(total === MOST_COUNTED ? { total_is_min: true } : {}),
        unread_count: unreadCount(userId),
      }
    },

    unreadCount,

    /** Throws `not_found` also for another user's. */
    read(userId: string, id: string): void {
      if (read.run(now().toISOString(), id, userId).changes === 0)
        throw new AppError('not_found', 'There is no such notification.')
    },

    readAll: (userId: string): void => void readAll.run(now().toISOString(), userId),

    /** The question was decided: nobody needs to be told of it any more. */
    readFor: (approvalId: string): void => void readFor.run(now().toISOString(), approvalId),

    /** Lets go of what was read and came before that, so much at most. Says how many went. */
    sweep: (before: string, limit = -1): number => sweep.run(before, limit).changes,
  }
}

function conditions(userId: string, { unread, kind }: Pick<NotificationFilter, 'unread' | 'kind'>) {
  const parts = ['user_id = (SELECT ?)']
  const values: unknown[] = [userId]
  if (unread !== undefined) parts.push(unread ? 'read_at IS NULL' : 'read_at IS NOT NULL')
  if (kind !== undefined) {
    parts.push('kind = ?')
    values.push(kind)
  }
  return { where: `WHERE ${parts.join(' AND ')}`, values }
}

/** At most so many characters, and no half of one. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text
  return `${text.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
