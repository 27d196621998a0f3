import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, after, describe, it } from 'node:test'
import { codeAt } from './peers/authenticator.ts'
import { giveBelongings, MARK } from './peers/belongings.ts'
import { withDatabase } from './peers/database.ts'
import { filled, readOperations, sentBy, type Operation } from './peers/operations.ts'
import { makeKey, OWNER, startSteward, type Steward } from './steward.ts'

/** Every operation that changes something, as the API's document has them, and the entry it leaves in the audit log. */
const LEAVES: Record<string, string> = {
  'post /api/auth/login': 'sign_in signed in',
  'post /api/auth/logout': 'sign_out signed out',
  'post /api/auth/confirm': 'sign_in password given again',
  'post /api/auth/change-password': 'user password changed',
  'delete /api/auth/sessions/{id}': 'sign_out session ended',
  'post /api/auth/sessions/end-others': 'sign_out other sessions ended',
  'put /api/account': 'user email changed',
  'patch /api/auth/passkeys/{id}': 'user passkey renamed',
  'delete /api/auth/passkeys/{id}': 'user passkey removed',
  'post /api/auth/totp/setup': 'user two-factor set up',
  'post /api/auth/totp/enable': 'user two-factor enabled',
  'post /api/auth/totp/recovery-codes': 'user recovery codes made',
  'post /api/auth/totp/disable': 'user two-factor disabled',
  'post /api/api-keys': 'api_key created',
  'post /api/api-keys/{id}/rotate': 'api_key rotated',
  'delete /api/api-keys/{id}': 'api_key removed',
  'post /api/admin/users': 'user created',
  'put /api/admin/users/{id}': 'user changed',
  'delete /api/admin/users/{id}': 'user removed',
  'post /api/admin/users/{id}/mfa-setup': 'user two-factor set up',
  'post /api/admin/users/{id}/mfa-disable': 'user two-factor disabled',
  'post /api/credentials': 'credential set',
  'delete /api/credentials/{key}': 'credential removed',
  'post /api/credentials/rotate-master-key': 'credential rotated',
  'post /api/web-whitelist': 'whitelist web added',
  'put /api/web-whitelist/{domain}': 'whitelist web changed',
  'delete /api/web-whitelist/{domain}': 'whitelist web removed',
  'post /api/filesystem-whitelist': 'whitelist folder added',
  'put /api/filesystem-whitelist/{path}': 'whitelist folder changed',
  'delete /api/filesystem-whitelist/{path}': 'whitelist folder removed',
  'post /api/email-whitelist': 'whitelist address added',
  'put /api/email-whitelist/{email}': 'whitelist address changed',
  'delete /api/email-whitelist/{email}': 'whitelist address removed',
  'post /api/my/browser-trusted': 'whitelist browser site added',
  'post /api/settings/browser': 'setting browser changed',
  'post /api/settings/browser/test': 'setting browser tested',
  'put /api/my/browser-trusted/{domain}/session': 'whitelist browser session kept',
  'delete /api/my/browser-trusted/{domain}/session': 'whitelist browser session ended',
  'delete /api/my/browser-trusted/{domain}': 'whitelist browser site removed',
  'post /api/webhook-targets': 'webhook_target created',
  'put /api/webhook-targets/{id}': 'webhook_target changed',
  'post /api/webhook-targets/{id}/rotate': 'webhook_target rotated',
  'post /api/webhook-targets/{id}/test': 'webhook_target tested',
  'delete /api/webhook-targets/{id}': 'webhook_target removed',
  'post /api/mcp-servers': 'mcp_server created',
  'put /api/mcp-servers/{id}': 'mcp_server changed',
  'post /api/mcp-servers/{id}/test': 'mcp_server tested',
  'post /api/mcp-servers/{id}/accept': 'mcp_server tool accepted',
  'put /api/mcp-servers/{id}/tools/{tool}': 'mcp_server tool changed',
  'delete /api/mcp-servers/{id}': 'mcp_server removed',
  'post /api/email-accounts': 'email_account created',
  'put /api/email-accounts/{id}': 'email_account changed',
  'post /api/email-accounts/{id}/test': 'email_account tested',
  'delete /api/email-accounts/{id}': 'email_account removed',
  'post /api/dav-accounts': 'dav_account created',
  'put /api/dav-accounts/{id}': 'dav_account changed',
  'post /api/dav-accounts/{id}/test': 'dav_account tested',
  'delete /api/dav-accounts/{id}': 'dav_account removed',
  'post /api/telegram/config': 'telegram bot changed',
  'post /api/telegram/test': 'telegram chat tested',
  'post /api/telegram/whitelist': 'whitelist telegram chat added',
  'put /api/telegram/whitelist/{chat_id}': 'whitelist telegram chat changed',
  'delete /api/telegram/whitelist/{chat_id}': 'whitelist telegram chat removed',
  'post /api/telegram/triggers': 'telegram trigger created',
  'put /api/telegram/triggers/{id}': 'telegram trigger changed',
  'delete /api/telegram/triggers/{id}': 'telegram trigger removed',
  'post /api/email-accounts/{id}/triggers': 'email_account rule added',
  'put /api/email-accounts/{id}/triggers/{trigger_id}': 'email_account rule changed',
  'delete /api/email-accounts/{id}/triggers/{trigger_id}': 'email_account rule removed',
  'post /api/settings/limits': 'setting limits changed',
  'put /api/settings/mail': 'setting mail changed',
  'post /api/settings/provider': 'setting default model changed',
  'post /api/settings/security': 'setting security changed',
  'post /api/settings/shell': 'setting changed',
  'post /api/settings/audit-retention': 'setting audit retention changed',
  'post /api/settings/backup': 'setting backup changed',
  'post /api/backups': 'backup started',
  'post /api/backups/drill': 'backup drill started',
  'post /api/settings/retention': 'setting retention changed',
  'put /api/settings/personality': 'setting personality changed',
  'put /api/settings/notices': 'setting notices by mail changed',
  'delete /api/settings/notices': 'setting notices by mail stopped',
  'post /api/pause': 'setting paused',
  'post /api/resume': 'setting resumed',
  'post /api/agents': 'agent created',
  'put /api/agents/{id}': 'agent changed',
  'post /api/agents/{id}/pause': 'agent paused',
  'post /api/agents/{id}/resume': 'agent resumed',
  'delete /api/agents/{id}': 'agent removed',
  'post /api/tasks': 'task created',
  'put /api/tasks/{id}': 'task changed',
  'post /api/tasks/{id}/toggle': 'task changed',
  'delete /api/tasks/{id}': 'task removed',
  'post /api/approvals/{id}': 'approval approved',
  'post /api/grants': 'grant created',
  'delete /api/grants/{id}': 'grant revoked',
  'post /api/trash/{id}/restore': 'trash restored',
  'delete /api/trash/{id}': 'trash removed',
  'post /api/my/files': 'file uploaded',
  'patch /api/my/files': 'file moved',
  'delete /api/my/files': 'file deleted',
  'post /api/my/folders': 'file folder made',
  'post /api/settings/files': 'setting files changed',
  'post /api/memory': 'memory created',
  'patch /api/memory/{id}': 'memory changed',
  'delete /api/memory/{id}': 'memory removed',
  'post /api/memory/import': 'memory imported',
  'post /api/settings/memory': 'setting memory changed',
  'delete /api/conversations/{id}': 'conversation removed',
}

/** Those that leave none, and why. */
const LEAVES_NONE: Record<string, string> = {
  'post /api/settings/shell/test': 'changes nothing',
  'post /mcp': 'starts runs, which leave their own; tests/mcp-door.test.ts',
  'post /api/setup': 'can be done once; tried below',
  'post /api/auth/forgot-password': 'sends nothing without mail; tests/password-reset.test.ts',
  'post /api/auth/reset-password': 'needs the token of a mail; tests/password-reset.test.ts',
  'post /api/auth/passkeys/register/options': 'changes nothing',
  'post /api/auth/passkeys/register/verify': 'needs a device; tests/passkeys.test.ts',
  'post /api/auth/passkeys/authenticate/options': 'changes nothing',
  'post /api/auth/passkeys/authenticate/verify': 'needs a device; tests/passkeys.test.ts',
  'post /api/telegram/start': 'needs a bot; tests/telegram.test.ts',
  'post /api/telegram/stop': 'needs a bot; tests/telegram.test.ts',
  'post /api/telegram/restart': 'needs a bot; tests/telegram.test.ts',
  'post /api/telegram/link': 'needs a code; tests/telegram-talking.test.ts',
  'post /api/telegram/triggers/test': 'changes nothing',
  'delete /api/audit': 'leaves a checkpoint for what it removes; tests/audit-retention.test.ts',
  'post /api/cron/retention':
    'removes what the settings say, and says so where transcripts went; tests/retention.test.ts',
  'post /api/approvals/links/{token}': 'needs the token of a mail; tests/email-notices.test.ts',
  'post /api/tasks/{id}/run': 'starts a run, which is a record of its own',
  'post /api/agents/{id}/run': 'starts a run, which is a record of its own',
  'post /api/agents/{id}/message': 'starts a run, which is a record of its own',
  'post /api/agents/{id}/stop': 'ends runs, which say so themselves',
  'post /api/runs/{id}/stop': 'ends a run, which says so itself',
  'post /api/tools/{name}/execute': 'is a run, whose call is audited as such; tests/tools-execute.test.ts',
  'post /api/schedules/preview': 'changes nothing',
  'post /api/email-accounts/{id}/triggers/test': 'changes nothing',
  'post /api/ws-ticket': 'is worth what the asker has already, for a minute',
  'post /api/notifications/{id}/read': 'is a mark for the eye',
  'post /api/notifications/read-all': 'is a mark for the eye',
  'post /api/settings/embeddings': 'needs a provider; tests/memory-embeddings.test.ts',
  'patch /api/conversations/{id}': 'is a title for the eye',
}

let steward: Steward
let operations: Operation[]
let things: Record<string, string>
/** Of the two-factor sign-in that is set up on the way. */
let secret = ''

before(async () => {
  steward = await startSteward()
  operations = (await readOperations(steward)).filter(({ changes }) => changes)
  things = await giveBelongings(steward)
})
after(() => steward[Symbol.asyncDispose]())

const lastId = () =>
  withDatabase(steward.dataDir, (db) => db.prepare('SELECT max(id) FROM audit').pluck().get() as number)

/** What was written since, as `kind action`, and by whom. */
const since = (id: number): string[] =>
  withDatabase(steward.dataDir, (db) =>
    db
      .prepare(`SELECT kind || ' ' || action FROM audit WHERE id > ? AND actor IN ('web', 'web:anna') ORDER BY id`)
      .pluck()
      .all(id),
  ) as string[]

/** Where the example of the document is not true of this house. */
const bodies = (): Record<string, object> => ({
  'put /api/my/browser-trusted/{domain}/session': {
    cookies: `${MARK}.example\tTRUE\t/\tTRUE\t0\tsid\tof-this-site-alone`,
  },
  'post /api/auth/login': OWNER,
  'post /api/auth/confirm': { password: OWNER.password },
  'post /api/auth/totp/enable': { code: secret && codeAt(secret) },
  'post /api/auth/totp/recovery-codes': { password: OWNER.password },
  'post /api/auth/totp/disable': { password: OWNER.password },
  'post /api/auth/change-password': { current_password: OWNER.password, new_password: 'a new and long sentence' },
  'post /api/filesystem-whitelist': { path: mkdtempSync(join(tmpdir(), 'opened-')) },
  'post /api/approvals/{id}': { approved: true },
  'post /api/tools/{name}/execute': {
    arguments: { operation: 'list_directory', path: things['/api/filesystem-whitelist/{path}'] },
  },
  'put /api/admin/users/{id}': { is_active: false },
  'post /api/telegram/test': { chat_id: '8000' },
  'post /api/telegram/triggers': { trigger_word: 'a word', agent_id: things['/api/agents/{id}'] },
  'post /api/email-accounts/{id}/triggers': { phrase: 'invoice', agent_id: things['/api/agents/{id}'] },
  'put /api/settings/notices': { address: `${MARK}@example.org` },
  'post /api/grants': {
    agent_id: things['/api/agents/{id}'],
    operation: 'webhook.send_to_target',
    destinations: ['webhook:kitchen display'],
  },
})

const queries: Record<string, string> = {
  'patch /api/my/files': '?path=/a.txt',
  'delete /api/my/files': '?path=/north-sea.jpg',
}

function sendUpload(operation: Operation) {
  const { type, body } = sentBy(operation)
  return steward.owner.post(operation.path, undefined, { raw: body, headers: { 'content-type': type } })
}

/** Removing comes last, and the owner's own session at the very end. */
function inOrder(all: Operation[]): Operation[] {
  const last = [
    'delete /api/my/browser-trusted/{domain}',
    'delete /api/email-accounts/{id}',
    'delete /api/agents/{id}',
    'post /api/auth/change-password',
    'post /api/auth/logout',
  ]
  const rank = ({ name, method }: Operation) =>
    last.includes(name) ? 2 + last.indexOf(name) : method === 'DELETE' ? 1 : 0
  return all.toSorted((a, b) => rank(a) - rank(b))
}

describe('the audit log', () => {
  it('knows of every operation that changes something', () => {
    const known = [...Object.keys(LEAVES), ...Object.keys(LEAVES_NONE)].toSorted()
    const all = operations.map(({ name }) => name).toSorted()
    assert.deepEqual(known, all, 'Say in LEAVES or LEAVES_NONE what the operation leaves in the audit log.')
  })

  it('holds each change that is made', async () => {
    const missing: string[] = []
    for (const operation of inOrder(operations)) {
      const { name, method, path, exampleBody } = operation
      const expected = LEAVES[name]
      if (expected === undefined) continue
      const before = lastId()
      if (name === 'post /api/resume') await steward.owner.post('/api/pause')
      if (name === 'delete /api/auth/sessions/{id}') await anotherSession()
      const body = method === 'DELETE' ? undefined : (bodies()[name] ?? exampleBody ?? {})
      const answer =
        operation.upload === undefined
          ? await steward.owner.request(method, filled(path, things) + (queries[name] ?? ''), body)
          : await sendUpload(operation)
      if (name === 'post /api/auth/totp/setup') secret = answer.body.secret
      if (!since(before).includes(expected))
        missing.push(`${name}: ${answer.status} ${answer.text} left ${since(before).join(', ') || 'nothing'}`)
      if (name === 'post /api/pause') await steward.owner.post('/api/resume')
    }
    assert.deepEqual(missing, [])
  })

  it('holds refused passwords and set-ups, with where they came from', async () => {
    await using fresh = await startSteward({ setUp: false })
    const tried = { token: 'not the token', username: 'eve', password: 'a long sentence' }
    assert.equal((await fresh.anybody().post('/api/setup', tried)).status, 403)
    const entry = withDatabase(fresh.dataDir, (db) =>
      db.prepare(`SELECT * FROM audit WHERE kind = 'sign_in'`).get(),
    ) as any
    assert.deepEqual([entry.action, entry.subject, entry.success], ['set-up refused', 'eve', 0])
    assert.match(entry.outcome, /127\.0\.0\.1$/)
    await steward.owner.post('/api/auth/login', { ...OWNER, password: 'a new and long sentence' })
    await steward.owner.post('/api/auth/confirm', { password: 'not that one' })
    const [refused] = (await steward.owner.get('/api/audit?kind=sign_in')).body.entries
    assert.deepEqual([refused.action, refused.actor, refused.success], ['password refused', 'web:anna', false])
  })

  it('says once a day what a key is used for', async () => {
    const script = steward.anybody(await makeKey(steward.owner, ['run', 'approve']))
    for (let n = 0; n < 3; n++) await script.get('/api/runs')
    for (let n = 0; n < 2; n++) await script.post('/api/agents/none/run', {})
    await script.post('/api/credentials', { key: 'x', value: 'y' })
    const chat = await script.chat(randomUUID())
    await chat.close()
    const used = (await steward.owner.get('/api/audit?kind=api_key')).body.entries.filter(
      ({ action, actor }: any) => action === 'used' && actor === `key:${script.key!.slice(4, 12)}`,
    )
    assert.deepEqual(
      used.map(({ subject }: any) => subject),
      ['for starting work', 'for reading'],
    )
  })

  it('says what an entry of a list allows from now on', async () => {
    await steward.owner.post('/api/web-whitelist', { domain: 'open.example', private_ok: true })
    const [added] = (await steward.owner.get('/api/audit?kind=whitelist')).body.entries
    assert.deepEqual([added.action, added.subject, added.outcome], ['web added', 'open.example', 'private_ok: true'])
  })
})

/** The one that will be ended; the walk goes on with its own. */
async function anotherSession(): Promise<void> {
  await steward.anybody().post('/api/auth/login', OWNER)
  const { items } = (await steward.owner.get('/api/auth/sessions')).body
  things['/api/auth/sessions/{id}'] = items.find(({ current }: any) => !current).id
}
