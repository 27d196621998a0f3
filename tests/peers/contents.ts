import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** What moves by being looked at: it says when somebody was there, not what they did. */
const RESTLESS: Record<string, string[]> = {
  http_sessions: ['data', 'last_seen_at', 'expires_at'],
  api_keys: ['last_used_at'],
}
/** Rows that come by being there: that a key was used or everything was taken out, and which audit entry is the newest. */
const RESTLESS_ROWS: Record<string, string> = {
  audit: `(kind = 'api_key' AND action = 'used') OR (kind = 'account' AND action = 'exported')`,
  settings: `name = 'audit_head'`,
}

/**
 * Says, each time it is called, which tables and files changed since the call before; rows and files of the user `except` do
 * not count. Of the index of memories, whose words are everybody's together, the memories themselves are looked at.
 */
export function watchContents(dataDir: string, except = ''): { changed: () => string[]; close: () => void } {
  const db = new Database(join(dataDir, 'steward.sqlite'), { readonly: true })
  const tables = db
    .prepare<[], { name: string }>(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%'
         AND name NOT LIKE 'memories_text_%'`,
    )
    .all()
    .map(({ name }) => ({
      name,
      rows: db
        .prepare(
          `SELECT ${columnsOf(db, name)} FROM "${name}" WHERE ${ownerOf(db, name, except)} IS NOT '${except}' AND NOT (${RESTLESS_ROWS[name] ?? '0'})`,
        )
        .raw(),
    }))
  const look = () => ({
    ...Object.fromEntries(tables.map(({ name, rows }) => [name, digest(rows.all())])),
    files: filesIn(dataDir, except),
  })
  let last: Record<string, string> = look()

  return {
    changed() {
      const before = last
      last = look()
      return Object.keys(last).filter((name) => last[name] !== before[name])
    },
    close: () => db.close(),
  }
}

function columnsOf(db: Database.Database, table: string): string {
  const names = (db.pragma(`table_info("${table}")`) as { name: string }[]).map(({ name }) => name)
  return names
    .filter((name) => !RESTLESS[table]?.includes(name))
    .map((name) => `"${name}"`)
    .join()
}

/** The column that says whose a row is; a constant where it is nobody's. */
function ownerOf(db: Database.Database, table: string, asked: string): string {
  if (table === 'users') return 'id'
  if (table === 'file_labels') return `iif(instr(path, '/files/${asked}/'), '${asked}', 'the house')`
  const names = (db.pragma(`table_info("${table}")`) as { name: string }[]).map(({ name }) => name)
  return names.includes('user_id') ? 'user_id' : "'the house'"
}

function filesIn(dataDir: string, except: string): string {
  const names = readdirSync(dataDir, { recursive: true }).map(String)
  return names
    .filter((name) => !name.startsWith('steward.') && !(except !== '' && name.startsWith(join('files', except))))
    .sort()
    .join('\n')
}

function digest(rows: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex')
}
