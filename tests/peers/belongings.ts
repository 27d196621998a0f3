import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newId } from '../../services/ids.ts'
import type { Client, Steward } from '../steward.ts'
import { newAgent, reached } from './agents.ts'
import { withDatabase } from './database.ts'

/** Stands in all that the owner has, so that whoever else sees it can be caught. */
export const MARK = 'plumtree'

/** What stands in no list, since only a hash of it is kept. */
export const UNLISTED = ['/api/approvals/links/{token}']

/** What must be asked for beside the path, and is the owner's too. */
export const QUERIES: Record<string, string> = {
  'get /api/my/files/download': `?path=/${MARK}.txt`,
}

/**
 * Gives the owner one of everything, with MARK in it; answers, for each part of a path in the API's document, what stands
 * for it. An endpoint whose path names something new needs that thing here.
 */
export async function giveBelongings({ owner, dataDir }: Steward): Promise<Record<string, string>> {
  const folder = join(tmpdir(), `${MARK}-${randomUUID()}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'old.txt'), `The ${MARK} of yesterday.`)
  const made = async (path: string, body: object) => (await owner.post(path, body)).body
  await made('/api/filesystem-whitelist', { path: folder, note: MARK, written_by: 'me' })
  await made('/api/web-whitelist', { domain: `${MARK}.example`, note: MARK })
  await made('/api/email-whitelist', { email: `${MARK}@example.org`, owner: true })
  await made('/api/my/browser-trusted', { domain: `${MARK}.example`, note: MARK })
  await owner.put(`/api/my/browser-trusted/${MARK}.example/session`, {
    cookies: `${MARK}.example\tTRUE\t/\tTRUE\t0\tsid\tof-this-site-alone`,
  })
  await made('/api/credentials', { key: `house:${MARK}`, value: `${MARK}-secret`, description: MARK })
  await owner.put('/api/settings/personality', { agent_name: MARK, soul: MARK, user: MARK })
  const agent = await newAgent(owner, { name: MARK, prompt: `Think of the ${MARK}.` })
  const task = await made('/api/tasks', { name: MARK, prompt: `Water the ${MARK}.`, agent_id: agent.id })
  const target = await made('/api/webhook-targets', { name: MARK, url: `https://${MARK}.example/hook`, owner: true })
  const toolServer = await made('/api/mcp-servers', {
    name: MARK,
    transport: 'http',
    url: `https://${MARK}.example/mcp`,
  })
  const mailbox = {
    label: MARK,
    imap_host: `${MARK}.example`,
    imap_username: `me@${MARK}.example`,
    imap_password: 'of the mailbox alone',
  }
  const account = await made('/api/email-accounts', { ...mailbox, enabled: false })
  const calendars = await made('/api/dav-accounts', {
    label: MARK,
    url: `https://${MARK}.example/`,
    username: MARK,
    password: 'of the calendars alone',
  })
  await made('/api/telegram/whitelist', { chat_id: '8000', label: MARK })
  const trigger = await made('/api/telegram/triggers', { trigger_word: MARK, agent_id: agent.id })
  const rule = await made(`/api/email-accounts/${account.id}/triggers`, { phrase: MARK, agent_id: agent.id })
  const place = { agent_id: agent.id, operation: 'webhook.send_to_target', destinations: [`webhook:${MARK}`] }
  const grant = await made('/api/grants', place)
  const memory = await made('/api/memory', { text: `Anna waters the ${MARK}.`, tags: [MARK] })
  const person = await made('/api/admin/users', { username: `${MARK}-eater`, password: 'a long sentence is good' })
  const key = await made('/api/api-keys', { name: MARK, scopes: ['read'] })
  const conversation = await talk(owner, folder)
  const { messages } = (await owner.get(`/api/conversations/${conversation}`)).body
  await made('/api/webhook-targets', { name: `${MARK} next door`, url: `https://${MARK}.example/next`, owner: false })
  const approval = await question(owner, agent.id)
  const form = new FormData()
  form.append('file', new Blob([`The ${MARK} in bloom.`]), `${MARK}.txt`)
  await fetch(`${owner.url}/api/my/files`, { method: 'POST', body: form, headers: owner.headers() })
  const first = async (path: string) => (await owner.get(path)).body.items[0].id
  return {
    '/api/auth/sessions/{id}': await first('/api/auth/sessions'),
    '/api/auth/passkeys/{id}': await passkey(owner, dataDir),
    '/api/api-keys/{id}': key.id,
    '/api/admin/users/{id}': person.id,
    '/api/credentials/{key}': `house:${MARK}`,
    '/api/web-whitelist/{domain}': `${MARK}.example`,
    '/api/filesystem-whitelist/{path}': folder,
    '/api/email-whitelist/{email}': `${MARK}@example.org`,
    '/api/my/browser-trusted/{domain}': `${MARK}.example`,
    '/api/webhook-targets/{id}': target.id,
    '/api/mcp-servers/{id}': toolServer.id,
    '/api/mcp-servers/{id}/tools/{tool}': describedTool(dataDir, toolServer.id),
    '/api/email-accounts/{id}': account.id,
    '/api/dav-accounts/{id}': calendars.id,
    '/api/telegram/whitelist/{chat_id}': '8000',
    '/api/telegram/triggers/{id}': trigger.id,
    '/api/email-accounts/{id}/triggers/{trigger_id}': rule.id,
    '/api/agents/{id}': agent.id,
    '/api/tasks/{id}': task.id,
    '/api/runs/{id}': await first('/api/runs'),
    '/api/conversations/{id}': conversation,
    '/api/conversations/{id}/attachments/{attachment_id}': messages[0].attachments[0].id,
    '/api/memory/{id}': memory.id,
    '/api/approvals/{id}': approval,
    '/api/approvals/links/{token}': linkTo(dataDir, approval),
    '/api/grants/{id}': grant.id,
    '/api/tools/{name}': 'filesystem',
    '/api/notifications/{id}': await first('/api/notifications'),
    '/api/trash/{id}': await first('/api/trash'),
  }
}

/** A tool of a tool server, as the example of the document has it. */
function describedTool(dataDir: string, serverId: string): string {
  const row = {
    id: newId(),
    serverId,
    name: 'mcp__notes__search',
    definition: JSON.stringify({ description: `Finds a ${MARK}.`, inputSchema: {}, cleaned: false, problem: null }),
    hash: '1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014',
    at: new Date().toISOString(),
  }
  withDatabase(dataDir, (db) =>
    db
      .prepare(
        `INSERT INTO mcp_tools (id, server_id, name, remote_name, offered, offered_hash, created_at, changed_at)
         VALUES (@id, @serverId, @name, 'search', @definition, @hash, @at, @at)`,
      )
      .run(row),
  )
  return row.name
}

/** A passkey of the owner, whose device is nowhere. */
async function passkey(owner: Client, dataDir: string): Promise<string> {
  const me = (await owner.get('/api/auth/me')).body
  const row = { id: newId(), userId: me.id, credential: randomUUID(), name: MARK, at: new Date().toISOString() }
  withDatabase(dataDir, (db) =>
    db
      .prepare(
        `INSERT INTO passkeys (id, user_id, credential_id, public_key, name, created_at)
         VALUES (@id, @userId, @credential, '', @name, @at)`,
      )
      .run(row),
  )
  return row.id
}

/** The token of a link to a question, as if it had gone out in a mail. */
function linkTo(dataDir: string, approval: string): string {
  const token = randomBytes(32).toString('base64url')
  const hash = createHash('sha256').update(token).digest('hex')
  withDatabase(dataDir, (db) =>
    db
      .prepare(
        `INSERT INTO approval_links (token_hash, approval_id, user_id, expires_at, created_at)
         SELECT ?, id, user_id, expires_at, created_at FROM approvals WHERE id = ?`,
      )
      .run(hash, approval),
  )
  return token
}

/** A conversation with an attachment, in which a file is overwritten, so that the trash has something. */
async function talk(owner: Client, folder: string): Promise<string> {
  const id = randomUUID()
  const chat = await owner.chat(id)
  const attachments = [{ name: `${MARK}.txt`, media_type: 'text/plain', data: Buffer.from(MARK).toString('base64') }]
  await chat.ask(`My ${MARK}`, { attachments })
  chat.send({ type: 'clear' })
  chat.send({
    type: 'message',
    content: `/filesystem.write_file path="${join(folder, 'old.txt')}" content="The new ${MARK}"`,
  })
  const { call_id } = await chat.next('confirmation_required')
  chat.send({ type: 'confirm', call_id, approved: true })
  await chat.next('done')
  await chat.close()
  return id
}

/** A run of the agent by hand that waits for the owner's answer: a question and its notification. */
async function question(owner: Client, agentId: string): Promise<string> {
  const message = `/webhook.send_to_target target="${MARK} next door" body="${MARK}"`
  const { body } = await owner.post(`/api/agents/${agentId}/run`, { message })
  await reached(owner, body.run_id, ({ status }) => status === 'waiting')
  return (await owner.get('/api/approvals?state=pending')).body.items[0].id
}
