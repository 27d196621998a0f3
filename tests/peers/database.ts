import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Client, OWNER, type Steward } from '../steward.ts'

/** Looks into Steward's database, or changes it behind its back; the server may be running or not. */
export function withDatabase<T>(dataDir: string, work: (db: Database.Database) => T): T {
  const db = new Database(join(dataDir, 'steward.sqlite'))
  try {
    return work(db)
  } finally {
    db.close()
  }
}

/** A second person of the house, signed in; there is no route for that yet. They have the owner's password. */
export async function anotherUser({ url, dataDir }: Pick<Steward, 'url' | 'dataDir'>): Promise<Client> {
  const username = `user-${randomUUID().slice(0, 8)}`
  const copy = `INSERT INTO users (id, username, password_hash, role, created_at, updated_at)
    SELECT ?, ?, password_hash, 'user', created_at, updated_at FROM users WHERE username = ?`
  withDatabase(dataDir, (db) => db.prepare(copy).run(randomUUID(), username, OWNER.username))
  const client = new Client(url)
  await client.post('/api/auth/login', { username, password: OWNER.password })
  return client
}
