import assert from 'node:assert/strict'
import { createHmac, hkdfSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { OWNER, startSteward, type Steward } from './steward.ts'

let steward: Steward
const folder = mkdtempSync(join(tmpdir(), 'audited-'))
const conversation = crypto.randomUUID()

type Entry = { kind: string; action: string; subject: string; actor: string } & Record<string, any>

const entries = async (query = ''): Promise<Entry[]> => (await steward.owner.get(`/api/audit${query}`)).body.entries

before(async () => {
  steward = await startSteward()
  mkdirSync(folder, { recursive: true })
  await steward.owner.post('/api/filesystem-whitelist', { path: folder, written_by: 'me' })
})
after(() => steward[Symbol.asyncDispose]())

describe('the audit log', () => {
  it('holds every sign-in, good or bad, and every change of secrets, lists and keys', async () => {
    await steward.anybody().post('/api/auth/login', { ...OWNER, password: 'not the password' })
    await steward.owner.post('/api/credentials', { key: 'mine', value: 'a-secret-of-mine' })
    await steward.owner.get('/api/credentials/mine')
    await steward.owner.delete('/api/credentials/mine')
    await steward.owner.post('/api/api-keys', { name: 'script', scopes: ['read'] })
    const told = (await entries()).map(({ kind, action, subject }) =>
      `${kind} ${action} ${kind === 'api_key' ? '' : subject}`.trim(),
    )
    for (const expected of [
      'user owner created anna', 'sign_in signed in anna', 'sign_in refused anna', 'credential set mine', 'credential shown mine',
      'credential removed mine', 'api_key created', `whitelist folder added ${folder}`,
    ]) assert.ok(told.includes(expected), expected) // prettier-ignore
    assert.ok(!JSON.stringify(await entries()).includes('a-secret-of-mine'))
  })

  it('holds every tool call with what was decided, who agreed and how it ended', async () => {
    const chat = await steward.owner.chat(conversation)
    await chat.ask(`/filesystem.list_directory path=${folder}`)
    chat.send({ type: 'message', content: `/filesystem.write_file path=${folder}/a.txt content=hello` })
    const { call_id } = await chat.next('confirmation_required')
    chat.send({ type: 'confirm', call_id, approved: true })
    await chat.next('done')
    await chat.ask('/filesystem.read_file path=/etc/passwd')
    await chat.close()
    const [refused, written, listed] = await entries('?tool_name=filesystem&per_page=50').then((all) =>
      all.filter(({ kind }) => kind === 'tool_call'),
    )
    assert.deepEqual(
      [listed!.action, listed!.decision, listed!.rule, listed!.success, listed!.approved_by],
      ['list_directory', 'allow', '9', true, null],
    )
    assert.deepEqual(
      [written!.action, written!.decision, written!.success, written!.approved_by],
      ['write_file', 'ask', true, 'web:anna'],
    )
    assert.deepEqual(written!.arguments, { operation: 'write_file', path: `${folder}/a.txt`, content: 'hello' })
    assert.deepEqual(
      [refused!.decision, refused!.rule, refused!.success, refused!.integrity],
      ['deny', '3', false, 'owner'],
    )
    assert.ok([listed, written, refused].every((entry) => entry!.session_id === conversation && entry!.run_id))
  })

  it('is filtered and paged as asked', async () => {
    assert.ok((await entries(`?session_id=${conversation}`)).every(({ session_id }) => session_id === conversation))
    assert.deepEqual(
      (await entries('?confirmed_only=true')).map(({ action }) => action),
      ['write_file'],
    )
    assert.deepEqual(await entries('?end=2020-01-01'), [])
    assert.deepEqual(await entries('?start=2099-01-01T00:00:00Z'), [])
    const today = new Date().toISOString().slice(0, 10)
    assert.ok((await entries(`?start=${today}&end=${today}`)).length > 0, 'a day from its beginning to its end')
    const { body } = await steward.owner.get('/api/audit?page=2&per_page=3')
    const all = await entries('?per_page=200')
    assert.deepEqual(
      { page: body.page, per_page: body.per_page, total: body.total },
      { page: 2, per_page: 3, total: all.length },
    )
    assert.deepEqual(
      body.entries.map(({ id }: Entry) => id),
      all.slice(3, 6).map(({ id }) => id),
    )
    for (const query of ['?page=0', '?per_page=1000', '?start=yesterday', '?confirmed_only=maybe']) {
      assert.equal((await steward.owner.get(`/api/audit${query}`)).status, 400, query)
    }
  })

  it('links each entry to the one before it, so that a change shows', async () => {
    const master = Buffer.from(readFileSync(join(steward.dataDir, 'master.key'), 'utf8'), 'base64')
    const key = Buffer.from(hkdfSync('sha256', master, '', 'steward/audit', 32))
    await steward.stop()
    const db = new Database(join(steward.dataDir, 'steward.sqlite'), { readonly: true })
    const rows = db.prepare('SELECT * FROM audit ORDER BY id').all() as Record<string, unknown>[]
    db.close()
    let before = ''
    for (const { id, mac, ...fields } of rows) {
      before = createHmac('sha256', key)
        .update(JSON.stringify([before, ...Object.values(fields)]))
        .digest('base64url')
      assert.equal(mac, before, `entry ${String(id)}`)
    }
    assert.ok(rows.length > 10)
  })
})
