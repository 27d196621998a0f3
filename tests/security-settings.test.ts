import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { KEY, MODEL } from './peers/model-api.ts'
import { Client, makeKey, OWNER, signInOwner, startSteward, type Steward } from './steward.ts'

const SECURITY = '/api/settings/security'

const DEFAULTS = {
  flow_guard: true,
  sanitize_enhanced: false,
  canary: false,
  llm_screen: false,
  llm_screen_model: null,
  output_validation: true,
  approval_timeout_chat_s: 900,
  approval_timeout_unattended_s: 86_400,
  max_result_chars: 50_000,
  public_only_providers: [],
}

let steward: Steward

before(async () => {
  steward = await startSteward({ env: { ANTHROPIC_API_KEY: KEY } })
})

after(() => steward[Symbol.asyncDispose]())

const read = async () => (await steward.owner.get(SECURITY)).body
const paths = ({ body }: { body: any }): string[] => body.detail.map(({ path }: { path: string }) => path)
const change = (values: object) => steward.owner.post(SECURITY, values)

async function newestChange(): Promise<{ kind: string; actor: string; subject: string }> {
  const { body } = await steward.owner.get('/api/audit')
  return body.entries.find((entry: { action: string }) => entry.action === 'security changed')
}

describe('the security settings', () => {
  it('are safe before anybody sets them, and keep what is left out of a change', async () => {
    assert.deepEqual(await read(), DEFAULTS)
    const answer = await change({ canary: true, approval_timeout_chat_s: 60 })
    assert.deepEqual([answer.status, answer.body], [200, { ok: true }])
    assert.deepEqual(await read(), { ...DEFAULTS, canary: true, approval_timeout_chat_s: 60 })
    await change({ canary: false, approval_timeout_chat_s: 900 })
  })

  it('refuse names they do not know, and change nothing then', async () => {
    const answer = await change({ canary: true, canery: true })
    assert.deepEqual([answer.status, answer.body.code, paths(answer)], [400, 'invalid', ['canery']])
    assert.deepEqual(await read(), DEFAULTS)
  })

  for (const [name, value] of [
    ['flow_guard', 'off'],
    ['canary', null],
    ['llm_screen_model', 'claude'],
    ['llm_screen_model', 'nobody:gpt'],
    ['llm_screen_model', 'openai:gpt-9'],
    ['llm_screen_model', 5],
    ['approval_timeout_chat_s', 0],
    ['approval_timeout_chat_s', 1.5],
    ['approval_timeout_unattended_s', 31 * 86_400],
    ['max_result_chars', 999],
    ['max_result_chars', 500_001],
    ['public_only_providers', ['nobody']],
    ['public_only_providers', 'anthropic'],
  ] as const) {
    it(`refuse ${JSON.stringify(value)} for ${name}, and say which`, async () => {
      const answer = await change({ [name]: value })
      assert.deepEqual([answer.status, paths(answer)], [400, [name]])
      assert.deepEqual(await read(), DEFAULTS)
    })
  }

  it('leave in the audit log what was before', async () => {
    await change({ llm_screen_model: MODEL, public_only_providers: ['openrouter', 'openai'], output_validation: false })
    const { kind, actor, subject } = await newestChange()
    const words = `llm_screen_model: none → ${MODEL}, output_validation: on → off, public_only_providers: none → openai openrouter`
    assert.deepEqual([kind, actor, subject], ['setting', 'web:anna', words])
    await change({ llm_screen_model: null, public_only_providers: [], output_validation: true })
    assert.match((await newestChange()).subject, new RegExp(`^llm_screen_model: ${MODEL} → none, `))
  })

  it('are the administrators’ alone; a key needs admin to change them', async () => {
    const other = await anotherUser(steward)
    assert.equal((await other.get(SECURITY)).status, 403)
    assert.equal((await other.post(SECURITY, { canary: true })).status, 403)
    assert.equal((await steward.anybody().get(SECURITY)).status, 401)
    const reading = steward.anybody(await makeKey(steward.owner, ['read']))
    assert.equal((await reading.get(SECURITY)).status, 200)
    assert.equal((await reading.post(SECURITY, { canary: true })).status, 403)
    const admin = steward.anybody(await makeKey(steward.owner, ['admin']))
    assert.equal((await admin.post(SECURITY, { max_result_chars: 50_000 })).status, 200)
  })
})

describe('the flow guard', () => {
  let inside: InsideSteward

  before(async () => {
    inside = await startInside()
  })

  after(() => inside[Symbol.asyncDispose]())

  const guard = async () => (await inside.owner.get(SECURITY)).body.flow_guard
  const turn = (on: boolean, client = inside.owner) => client.post(SECURITY, { flow_guard: on, canary: false })

  it('cannot be turned off by a key, whatever it may do', async () => {
    const key = new Client(inside.url, await makeKey(inside.owner, ['read', 'run', 'admin'], { input: 'owner' }))
    await inside.owner.post('/api/auth/confirm', { password: OWNER.password })
    assert.deepEqual([(await turn(false, key)).status, await guard()], [403, true])
    inside.later(6 * 60_000)
  })

  it('is turned off only within five minutes after the password was given again', async () => {
    const fresh = new Client(inside.url)
    await signInOwner({ owner: fresh, dataDir: inside.dataDir })
    inside.later(6 * 60_000)
    const refused = await turn(false, fresh)
    assert.deepEqual([refused.status, refused.body.code, await guard()], [403, 'password_required', true])
    await fresh.post('/api/auth/confirm', { password: OWNER.password })
    inside.later(6 * 60_000)
    assert.equal((await turn(false, fresh)).status, 403)
    await fresh.post('/api/auth/confirm', { password: OWNER.password })
    assert.deepEqual([(await turn(false, fresh)).status, await guard()], [200, false])
  })

  it('says so in the audit log and as a warning for as long as it is off', async () => {
    const { body } = await inside.owner.get('/api/audit')
    const entry = body.entries.find(({ action }: { action: string }) => action === 'security changed')
    assert.equal(entry.subject, 'flow_guard: on → off')
    assert.match((await inside.owner.get('/ready')).body.warnings.join(), /flow guard is off/)
    await turn(true)
    assert.doesNotMatch((await inside.owner.get('/ready')).body.warnings.join(), /flow guard/)
  })

  it('is turned on again without a password', async () => {
    await inside.owner.post('/api/auth/confirm', { password: OWNER.password })
    await turn(false)
    inside.later(6 * 60_000)
    assert.deepEqual([(await turn(true)).status, await guard()], [200, true])
  })
})
