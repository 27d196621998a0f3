import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type Database from 'better-sqlite3'
import { withDatabase } from './peers/database.ts'
import { say, startModelApi, use } from './peers/model-api.ts'
import { startSteward } from './steward.ts'

/** A process that dies in the middle of keeping something in mind. */

const TEXT = 'The ladder is lent to Piet.'

/** Kills the process after a capture, makes its file what `crashed` says, and lets the next process end the run. */
async function dieAfterCapture(crashed: (db: Database.Database) => void): Promise<{ texts: string[]; told: string }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
  await using api = await startModelApi()
  const first = await startSteward({ dataDir, env: api.env })
  await first.owner.post('/api/settings/memory', { brain_auto_approve: true })
  api.answer(use('brain', { operation: 'capture', text: TEXT }), { hang: true })
  const id = randomUUID()
  const chat = await first.owner.chat(id)
  chat.send({ type: 'message', content: 'Remember who has the ladder' })
  await chat.next('tool_done')
  while (api.requests.length < 2) await sleep(20)
  await first.kill()
  withDatabase(dataDir, (db) => {
    db.exec(`UPDATE steps SET status = 'started', content = '', success = NULL, finished_at = NULL WHERE kind = 'tool'`)
    crashed(db)
  })
  api.answer(say('Noted.'))
  await using second = await startSteward({ dataDir, env: api.env })
  const again = await second.owner.chat(id, { after: 0 })
  await again.next('done')
  await again.close()
  const { items } = (await second.owner.get('/api/memory')).body
  const told = withDatabase(dataDir, (db) => db.prepare(`SELECT content FROM steps WHERE kind = 'tool'`).pluck().get())
  rmSync(dataDir, { recursive: true, force: true })
  return { texts: items.map(({ text }: { text: string }) => text), told: String(told) }
}

describe('keeping something in mind', () => {
  it('is done once where the process dies between keeping it and writing down that it did', async () => {
    const { texts, told } = await dieAfterCapture(() => {})
    assert.deepEqual(texts, [TEXT])
    assert.match(told, /^Done; the server restarted/)
  })

  it('is done by the next process where it was not done yet', async () => {
    const { texts, told } = await dieAfterCapture((db) => db.exec('DELETE FROM memories'))
    assert.deepEqual(texts, [TEXT])
    assert.match(told, /^Kept in mind, as /)
  })
})
