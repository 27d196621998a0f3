import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startSteward } from './steward.ts'

const ODD = [
  ['my:chat_id', '123456789'],
  ['odd-key', 'quoted-value-1'],
  ['lines', 'first line\nsecond line'],
  ['slash', 'ends-in-backslash\\'],
]

describe('secrets and sockets', () => {
  it('a credential of any form never breaks a conversation', async () => {
    await using steward = await startSteward()
    const folder = mkdtempSync(join(tmpdir(), 'odd-'))
    await steward.owner.post('/api/filesystem-whitelist', { path: folder, written_by: 'me' })
    for (const [key, value] of ODD) {
      assert.equal((await steward.owner.post('/api/credentials', { key, value })).status, 200)
    }
    const id = crypto.randomUUID()
    const chat = await steward.owner.chat(id)
    const one = await chat.ask(`/filesystem.read_file path=${folder}/quoted-value-1 offset=123456789`)
    const two = await chat.ask('Hello again')
    await chat.close()
    assert.deepEqual([one.type, two.type], ['done', 'done'])
    assert.equal((await steward.owner.get(`/api/conversations/${id}`)).status, 200)
    assert.equal((await steward.owner.get('/api/audit')).status, 200)
    const start = chat.frames.find(({ type }) => type === 'tool_start')
    assert.equal(start?.arguments.offset, '[my:chat_id]')
    const kept = chat.frames.filter(({ seq }) => seq !== undefined)
    assert.ok(!JSON.stringify(kept).includes('quoted-value-1'))
  })

  it('opens no socket to a key that may not read', async () => {
    await using steward = await startSteward()
    const key = (await steward.owner.post('/api/api-keys', { name: 'decider', scopes: ['approve'] })).body.key as string
    await assert.rejects(steward.anybody(key).chat(crypto.randomUUID()), { status: 403 })
  })
})
