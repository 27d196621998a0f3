import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as soon } from 'node:timers/promises'
import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { Usage } from '../usage.ts'
import type { Administration } from './administration.ts'

export type RemovalDeps = Deps & {
  audit: Pick<Audit, 'record'>
  administration: Administration
  usage: Pick<Usage, 'keepOf'>
  /** Resolves once nothing of a user goes any more. */
  workEnded: (userId: string) => Promise<void>
  folder: { files: string; trash: string }
}

/** So many conversations share a transaction; between two of these everybody else has their turn. */
const CHUNK = 50
/** So many frames of the event log are looked at in one go. */
const FRAMES = 20_000

export type Removal = ReturnType<typeof createRemoval>

/**
 * Takes a user with all that is theirs: conversations, agents, tasks and their schedules, keys, lists, files and what the
 * trash kept of them. What they did stays in the audit log, and what their runs cost in the house's books. Every step
 * can be done again, so that whatever breaks it off leaves a deactivated user who can be removed once more.
 */
export function createRemoval(deps: RemovalDeps) {
  const { db, audit, administration, usage, workEnded } = deps
  const conversations = db.prepare<[string, string, number], { id: string }>(
    'SELECT id FROM conversations WHERE id > ? AND user_id = ? ORDER BY id LIMIT ?',
  )
  const dropConversation = db.prepare('DELETE FROM conversations WHERE id = ?')
  const lastFrame = db.prepare<[], { seq: number | null }>('SELECT max(seq) AS seq FROM events')
  const dropFrames = db.prepare('DELETE FROM events WHERE seq > ? AND seq <= ? AND user_id = ?')
  const dropOccurrences = db.prepare(
    'DELETE FROM occurrences WHERE schedule_id IN (SELECT id FROM schedules WHERE user_id = ?)',
  )
  const dropSchedules = db.prepare('DELETE FROM schedules WHERE user_id = ?')
  const inTrash = db.prepare<[string], { id: string }>('SELECT id FROM trash WHERE user_id = ?')
  const dropLabels = db.prepare(
    `DELETE FROM file_labels WHERE path = @at OR substr(path, 1, length(@at) + 1) = @at || '/'`,
  )
  const drop = db.prepare('DELETE FROM users WHERE id = ?')

  const folderOf = (id: string) => join(deps.folder.files, id)

  /** Nobody acts for them any more, and nothing begins by itself. */
  function close(id: string, by: Actor): void {
    db.transact(() => {
      const user = administration.get(id)
      administration.keepAnAdmin(user)
      administration.change(id, { isActive: false }, by)
      dropOccurrences.run(id)
      dropSchedules.run(id)
    })
  }

  async function dropConversations(id: string): Promise<void> {
    let last = ''
    for (;;) {
      const rows = conversations.all(last, id, CHUNK)
      if (rows.length === 0) return
      db.transact(() => rows.forEach((row) => dropConversation.run(row.id)))
      last = rows.at(-1)!.id
      await soon()
    }
  }

  async function dropEvents(id: string): Promise<void> {
    const end = lastFrame.get()?.seq ?? 0
    for (let from = 0; from < end; from += FRAMES) {
      dropFrames.run(from, from + FRAMES, id)
      await soon()
    }
  }

  async function dropFiles(id: string): Promise<void> {
    const places = [folderOf(id), ...inTrash.all(id).map((row) => join(deps.folder.trash, row.id))]
    for (const at of places) {
      await rm(at, { recursive: true, force: true })
      dropLabels.run({ at })
    }
  }

  return {
    /** Throws `not_found`, and `conflict` for the only active administrator. */
    async remove(id: string, by: Actor): Promise<void> {
      const { username } = administration.get(id)
      close(id, by)
      await workEnded(id)
      await dropConversations(id)
      await dropEvents(id)
      await dropFiles(id)
      db.transact(() => {
        usage.keepOf(id, by.userId)
        if (drop.run(id).changes === 0) throw new AppError('not_found', 'There is no such user.')
        audit.record({ kind: 'user', action: 'removed', subject: username, by })
      })
    },

    /** How many files are in a user's folder. */
    async files(id: string): Promise<number> {
      const entries = await readdir(folderOf(id), { recursive: true, withFileTypes: true }).catch(() => [])
      return entries.filter((entry) => entry.isFile()).length
    },
  }
}
