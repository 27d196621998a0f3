import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { say, startModelApi, use, type ModelApi } from './peers/model-api.ts'
import { OWNER, startSteward, type Client, type Steward } from './steward.ts'

/** Secrets are planted in every way in; then everything that is stored, logged and answered is searched for them. */

const MODEL = 'anthropic:claude-haiku-4-5'
const planted = (): string => `planted-${randomBytes(15).toString('base64url')}`
const SECRETS = { 'my:echoed': planted(), 'my:typed': planted(), 'my:spoken': planted(), 'my:kept': planted() }

/** What only one answer may ever show: its value, when the owner asked for it. */
const MAY_SHOW = ['/api/credentials/{key}', '/api/account/recovery-key']

let api: ModelApi
let steward: Steward
const found: Record<string, string> = { ...SECRETS }

before(async () => {
  api = await startModelApi()
  steward = await startSteward({ env: { ...api.env, LOG_LEVEL: 'trace' } })
  const { owner } = steward
  for (const [key, value] of Object.entries(SECRETS))
    assert.equal((await owner.post('/api/credentials', { key, value, description: `It is ${value}` })).status, 200)
  found.password = OWNER.password
  found['api key'] = (await owner.post('/api/api-keys', { name: 'mine', scopes: ['read'] })).body.key
  found.cookie = decodeURIComponent(owner.cookie.split('=')[1]!)
  const target = { name: 'home', url: 'http://127.0.0.1:9/x', description: SECRETS['my:typed'] }
  found.webhook = (await owner.post('/api/webhook-targets', target)).body.secret
  await plantInTalk(owner)
  await plantInForms(owner)
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

/** In what the owner types, a file that a tool reads, arguments, the model's words cut anywhere, and its faults. */
async function plantInTalk(owner: Client): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'planted-'))
  const { 'my:typed': typed, 'my:echoed': echoed, 'my:spoken': spoken } = SECRETS
  writeFileSync(join(folder, 'page.txt'), `plain ${echoed} and ${Buffer.from(echoed).toString('base64')}`)
  await owner.post('/api/filesystem-whitelist', { path: folder, written_by: 'me', note: typed })
  const pieces = ['It is ', spoken.slice(0, 5), spoken.slice(5, 19), spoken.slice(19), ` and ${found['api key']}.`]
  api.answer(
    use('filesystem', { operation: 'read_file', path: join(folder, 'page.txt') }),
    use('filesystem', { operation: 'read_file', path: join(folder, spoken) }),
    say(...pieces),
  )
  const id = randomUUID()
  const chat = await owner.chat(id)
  const done = await chat.ask(`My key is ${typed}, and ${found['api key']}`, { model: MODEL })
  assert.equal(done.type, 'done')
  const told = chat.frames.filter(({ type }) => type === 'text').map(({ content }) => content as string)
  assert.ok(!told.join('').includes(spoken.slice(4)), told.join(''))
  api.answer({ status: 400, error: `the key ${spoken} is refused` })
  assert.equal((await chat.ask(`Once more ${typed}`, { model: MODEL })).type, 'error')
  assertClean(JSON.stringify(chat.frames), 'the frames of the socket')
  await chat.close()
  await owner.patch(`/api/conversations/${id}`, { title: `About ${typed}` })
}

async function plantInForms(owner: Client): Promise<void> {
  const { 'my:typed': typed, 'my:kept': kept } = SECRETS
  const agent = { name: `Agent ${typed}`, prompt: `Use ${kept}.`, model: 'rehearsal:offline' }
  const { body } = await owner.request('POST', '/api/agents', agent, { headers: { 'idempotency-key': 'once' } })
  await owner.post(`/api/agents/${body.id}/run`, { message: `now with ${typed}` })
  await owner.post('/api/tasks', { name: 'Task', prompt: `Say ${kept}.`, schedule: '0 9 * * *' })
  await owner.put('/api/settings/personality', { agent_name: 'S', soul: `Know ${kept}.`, user: typed })
  await owner.post('/api/auth/login', { username: OWNER.username, password: 'wrong password' })
  for (const bad of [typed, kept]) await owner.post('/api/web-whitelist', { domain: `${bad}/x`, note: bad })
}

/** A secret as it is, in base64 wherever it begins, and in hex. */
function formsOf(secret: string): string[] {
  const cores = [0, 1, 2].map((at) =>
    Buffer.from('x'.repeat(at) + secret)
      .toString('base64')
      .slice(at + 1, -4),
  )
  return [secret, ...cores, Buffer.from(secret).toString('hex'), encodeURIComponent(secret)]
}

function assertClean(text: string, where: string): void {
  for (const [name, secret] of Object.entries(found))
    for (const form of formsOf(secret))
      if (text.includes(form)) assert.fail(`${name} stands in ${where}: …${around(text, form)}…`)
}

const around = (text: string, form: string): string => {
  const at = text.indexOf(form)
  return text.slice(Math.max(0, at - 120), at + form.length + 20).replace(/[^\x20-\x7e]+/g, ' ')
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((file) => statSync(file).isFile())
}

describe('planted secrets', () => {
  it('stand in no answer of any GET in the document', async () => {
    const { body: document } = await steward.owner.get('/openapi.json')
    const paths = Object.entries(document.paths as Record<string, { get?: unknown }>).filter(([, path]) => path.get)
    assert.ok(paths.length > 25)
    const ids = await idsFor(steward.owner)
    for (const [path] of paths) {
      if (MAY_SHOW.includes(path)) continue
      for (const url of urlsOf(path, ids)) assertClean((await steward.owner.get(url)).text, `GET ${url}`)
    }
  })

  it('stand in no file of the data folder: not in the database, its log, or what is kept beside it', async () => {
    const before = filesIn(steward.dataDir)
    assert.ok(before.some((file) => file.endsWith('steward.sqlite-wal')))
    for (const file of before) assertClean(readFileSync(file).toString('latin1'), file)
    await steward.stop()
    for (const file of filesIn(steward.dataDir)) assertClean(readFileSync(file).toString('latin1'), file)
  })

  it('stand in nothing that the process wrote', () => {
    assert.ok(steward.output().length > 100)
    assertClean(steward.output(), 'the log')
  })
})

type Ids = Record<string, string[]>

async function idsFor(owner: Client): Promise<Ids> {
  const { body: talks } = await owner.get('/api/conversations')
  const lists = { runs: '/api/runs', agents: '/api/agents', tasks: '/api/tasks', targets: '/api/webhook-targets' }
  const entries = Object.entries(lists).map(async ([name, path]): Promise<[string, string[]]> => {
    const { body } = await owner.get(path)
    return [name, (body.items ?? body.runs ?? body).map(({ id }: { id: string }) => id)]
  })
  return {
    talks: talks.conversations.map(({ id }: { id: string }) => id),
    ...Object.fromEntries(await Promise.all(entries)),
  }
}

/** A path with each of the ids it could mean; all of them where its place does not tell. */
function urlsOf(path: string, ids: Ids): string[] {
  if (!path.includes('{')) return [path]
  const all = [...new Set(Object.values(ids).flat())]
  return all.map((id) => path.replaceAll(/\{\w+\}/g, id))
}
