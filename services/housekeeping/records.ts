import type { Deps } from '../deps.ts'

/** The first id (UUIDv7) that can be of that instant; text that sorts among them. */
function firstIdOf(instant: string): string {
  const hex = Date.parse(instant).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}`
}

const UNFINISHED = `(SELECT id FROM runs WHERE status IN ('queued', 'running', 'waiting', 'paused'))`

/** What has settled and is older than an instant goes, some of it at a time: each answers how many rows went. */
export function createOldRecords({ db }: Pick<Deps, 'db'>) {
  const settled = db.prepare(
    `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id < ? AND state IN ('delivered', 'failed') AND updated_at < ?
       AND (run_id IS NULL OR run_id NOT IN ${UNFINISHED}) ORDER BY id LIMIT ?)`,
  )
  const nextSchedule = db.prepare<[string], { id: string | null }>(
    'SELECT min(schedule_id) AS id FROM occurrences WHERE schedule_id > ?',
  )
  const dueBefore = db.prepare(
    `DELETE FROM occurrences WHERE schedule_id = @scheduleId AND due_at IN (SELECT due_at FROM occurrences
       WHERE schedule_id = @scheduleId AND due_at < @before AND until_at < @before AND (run_id IS NULL OR run_id NOT IN ${UNFINISHED}) LIMIT @limit)`,
  )
  const uses = db.prepare('DELETE FROM grant_uses WHERE day < ?')

  const links = db.prepare('DELETE FROM approval_links WHERE expires_at < ?')
  const reservations = db.prepare('DELETE FROM email_reservations WHERE day < ?')
  const updates = db.prepare('DELETE FROM telegram_seen WHERE created_at < ?')
  const told = db.prepare('DELETE FROM telegram_told WHERE told_at < ?')

  return {
    /** Links of mails whose questions were over before that. */
    links: (before: string): number => links.run(before).changes,

    /** Counts of mails by the day, which only today's is read of. */
    reservations: (before: string): number => reservations.run(before.slice(0, 10)).changes,

    /** Which updates were taken; Telegram itself keeps what was not confirmed for a day. And what chats were told, once a day. */
    telegram: (before: string): number => updates.run(before).changes + told.run(before).changes,

    /** What left the house and arrived, or certainly did not. */
    deliveries: (before: string, limit: number): number => settled.run(firstIdOf(before), before, limit).changes,

    /** The ids of the schedules that have a ledger. */
    *schedules(): Generator<string> {
      for (let id = nextSchedule.get('')!.id; id !== null; id = nextSchedule.get(id)!.id) yield id
    },
    occurrences: (scheduleId: string, before: string, limit: number): number =>
      dueBefore.run({ scheduleId, before, limit }).changes,

    /** Counts of grants by the day, which only today's is read of. */
    grantUses: (before: string): number => uses.run(before.slice(0, 10)).changes,
  }
}
