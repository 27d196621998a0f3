import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { OWNER, type Client, type Steward } from '../steward.ts'
import { withDatabase } from './database.ts'

/** Callers that come in by themselves; Steward must run with TRUST_PROXY=loopback for their addresses to count. */

let addresses = 0
/** A caller from an address that nobody else here has, so that their failures are counted apart. */
export const from = (address = `203.0.113.${++addresses}`) => ({ headers: { 'x-forwarded-for': address } })

/** A user without the role admin, with the owner's password, whose hash is used again since making one takes long. */
export function addUser(steward: Steward, username: string): string {
  const id = randomUUID()
  withDatabase(steward.dataDir, (db) =>
    db
      .prepare(
        `INSERT INTO users (id, username, password_hash, role, created_at, updated_at)
         SELECT ?, ?, password_hash, 'user', created_at, updated_at FROM users LIMIT 1`,
      )
      .run(id, username),
  )
  return id
}

export async function signIn(steward: Steward, username = OWNER.username): Promise<Client> {
  const client = steward.anybody()
  const answer = await client.post('/api/auth/login', { username, password: OWNER.password }, from())
  assert.equal(answer.status, 200, answer.text)
  return client
}
