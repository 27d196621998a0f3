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

/** A second person of the house, signed in. They have the owner's password. */
export async function anotherUser({ url, owner }: Pick<Steward, 'url' | 'owner'>): Promise<Client> {
  const who = { username: `user-${randomUUID().slice(0, 8)}`, password: OWNER.password }
  const { status, text } = await owner.post('/api/admin/users', who)
  if (status !== 201) throw new Error(`no user: ${text}`)
  const client = new Client(url)
  await client.post('/api/auth/login', who)
  return client
}
