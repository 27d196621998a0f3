import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { ended } from './peers/agents.ts'
import { approve, chatThat, pending } from './peers/mail-house.ts'
import { resultsIn, startModelApi, use, type ModelApi, type Request } from './peers/model-api.ts'
import { startReceiver, type Receiver } from './peers/receiver.ts'
import { addUser, signIn } from './peers/sign-ins.ts'
import { startSteward, type Client, type Steward } from './steward.ts'

/** More tools than are sent with every question: the less used ones stand behind a catalogue. */

type Sent = { name: string; description: string; input_schema: { properties: Record<string, any> } }

const toolsIn = (request: Request | undefined) => (request?.tools ?? []) as unknown as Sent[]
const shownIn = (request: Request | undefined) => toolsIn(request).map(({ name }) => name)
const catalogueIn = (request: Request | undefined) => toolsIn(request).find(({ name }) => name === 'tools')
const through = (name: string, args: unknown) => use('tools', { operation: 'call', name, arguments: args })
const lines = (request: Request | undefined) => resultsIn(request).map(({ text }) => text)

/** Everything that can be set up by a few requests. Mail is what takes most words, so it stands behind. */
async function furnish(owner: Client, receiver: Receiver): Promise<void> {
  await owner.post('/api/agents', { name: 'Helper', prompt: 'Help.' })
  await owner.post('/api/webhook-targets', { name: 'Hall', url: receiver.url })
  const smtp = { smtp_host: 'mail.example.com', smtp_username: 'me@example.com', smtp_password: 'x' }
  await owner.post('/api/email-accounts', { label: 'Post', ...smtp })
  await owner.post('/api/email-whitelist', { email: 'pal@friends.example' })
  await owner.post('/api/telegram/whitelist', { chat_id: '42', label: 'My phone' })
}

describe('tools behind the catalogue', () => {
  let api: ModelApi
  let receiver: Receiver
  let dataDir: string
  let steward: Steward
  let owner: Client

  before(async () => {
    api = await startModelApi()
    receiver = await startReceiver()
    dataDir = mkdtempSync(join(tmpdir(), 'catalogue-'))
    await begin()
    await furnish(owner, receiver)
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await receiver[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
    rmSync(dataDir, { recursive: true })
  })
  async function begin(): Promise<void> {
    steward = await startSteward({ env: api.env, dataDir })
    owner = steward.owner
  }

  it('are named in it, and there is none of it while everything is sent', async () => {
    const { body: agent } = await owner.post('/api/agents', { name: 'Reader', prompt: 'Read.', allowed_tools: ['web'] })
    api.answer({ text: ['The end.'] })
    await ended(owner, (await owner.post(`/api/agents/${agent.id}/run`, {})).body.run_id)
    assert.deepEqual(shownIn(api.requests[0]), ['web'])
    await (await chatThat(owner, api)).next('done')
    const [request] = api.requests
    assert.ok(!shownIn(request).includes('email'))
    assert.match(catalogueIn(request)!.description, /There are: .*"email"/)
    assert.ok(Buffer.byteLength(JSON.stringify(request!.tools)) / 4 < 1_000)
  })

  it('come forward in later conversations once they are used more, and stay where they are in this one', async () => {
    const id = randomUUID()
    const chat = await owner.chat(id)
    await chat.next('models')
    api.answer(...Array.from({ length: 6 }, () => through('email', { operation: 'list_whitelist' })), { text: ['.'] })
    chat.send({ type: 'message', content: 'Go on' })
    await chat.next('done')
    const before = shownIn(api.requests[0])
    assert.ok(!before.includes('email'))
    api.answer({ text: ['.'] })
    await chat.ask('And now?')
    assert.deepEqual(shownIn(api.requests[0]), before)
    await (await chatThat(owner, api)).next('done')
    assert.equal(shownIn(api.requests[0]).includes('email'), true)
  })

  it('are found by words, described whole, and called as if they had been sent', async () => {
    const chat = await chatThat(
      owner,
      api,
      use('tools', { operation: 'find', query: 'Which MAILS may I send?' }),
      use('tools', { operation: 'describe', name: 'email.send_email' }),
      through('email', { operation: 'list_whitelist' }),
    )
    await chat.next('done')
    const [, found, described, listed] = api.requests
    assert.match(lines(found)[0]!, /^email: .*\nlist_emails\(/)
    assert.match(lines(described)[0]!, /"subject":\{/)
    assert.match(lines(listed)[0]!, /pal@friends\.example/)
    const starts = chat.frames.filter(({ type }) => type === 'tool_start')
    assert.deepEqual(
      starts.map(({ tool_name, arguments: args }) => [tool_name, args.operation]),
      [
        ['tools', 'find'],
        ['tools', 'describe'],
        ['email', 'list_whitelist'],
      ],
    )
    const { body } = await owner.get('/api/audit?tool_name=email')
    assert.deepEqual([body.entries[0].action, body.entries[0].decision], ['list_whitelist', 'allow'])
  })

  it('are shown to the model again as it called them', async () => {
    const [, , , last] = api.requests
    const [block] = last!.messages.at(-2)!.content.filter(({ type }) => type === 'tool_use')
    assert.equal(block.name, 'tools')
    assert.deepEqual(block.input, { operation: 'call', name: 'email', arguments: { operation: 'list_whitelist' } })
    assert.deepEqual(Object.keys(block.input), ['operation', 'name', 'arguments'])
  })

  it('may be named with their operation, or with arguments that are a text', async () => {
    const chat = await chatThat(
      owner,
      api,
      through('whitelist.list_domains', {}),
      through('whitelist', '{"operation": "list_domains"}'),
    )
    await chat.next('done')
    for (const request of api.requests.slice(1)) assert.match(lines(request)[0]!, /wikipedia\.org/)
  })

  it('are told apart from what is no tool', async () => {
    const chat = await chatThat(
      owner,
      api,
      use('tools', { operation: 'describe', name: 'oven' }),
      use('tools', { operation: 'find', query: 'oven' }),
      through('tools', { operation: 'find', query: 'web' }),
      through('whitelist', { operation: 'bake' }),
    )
    await chat.next('done')
    const texts = api.requests.slice(1).map((request) => lines(request)[0]!)
    assert.match(texts[0]!, /There is no tool "oven"\. There are: .*"whitelist"/)
    assert.match(texts[1]!, /There is no such tool/)
    assert.match(texts[2]!, /Call the tool itself/)
    assert.match(texts[3]!, /whitelist needs an operation, one of: list_domains/)
  })

  it('ask as they would ask directly, also when the server is killed while the question stands', async () => {
    const add = through('whitelist', { operation: 'add_domain', domain: 'https.example.org', note: 'Ours' })
    const chat = await chatThat(owner, api, add)
    const question = await chat.next('confirmation_required')
    assert.equal(question.tool_name, 'whitelist')
    assert.match(question.description, /"https\.example\.org" on the list of trusted sites/)
    await steward.kill()
    await begin()
    const [approval] = await pending(owner)
    assert.deepEqual(
      [approval.tool_name, approval.arguments.domain, approval.call_id],
      ['whitelist', 'https.example.org', question.call_id],
    )
    const again = await owner.chat(approval.conversation_id)
    assert.equal((await owner.post(`/api/approvals/${approval.id}`, { approved: true })).status, 200)
    await again.next('done')
    const { body } = await owner.get('/api/web-whitelist')
    assert.ok(body.some(({ domain, note }: any) => domain === 'https.example.org' && note === 'Ours'))
  })

  it('are only those that an agent may use', async () => {
    const { body: agent } = await owner.post('/api/agents', {
      name: 'Watcher',
      prompt: 'Watch.',
      allowed_tools: ['web', 'email', 'telegram', 'webhook', 'filesystem'],
    })
    api.answer(use('tools', { operation: 'find', query: '' }), through('whitelist', { operation: 'list_domains' }), {
      text: ['The end.'],
    })
    const { body: run } = await owner.post(`/api/agents/${agent.id}/run`, {})
    const chat = await ended(owner, run.run_id)
    assert.equal(chat.status, 'succeeded')
    assert.doesNotMatch(lines(api.requests[1])[0]!, /whitelist:/)
    assert.match(lines(api.requests[2])[0]!, /whitelist\.list_domains is not among the tools of this run/)
  })
})

describe('the tool whitelist', () => {
  let api: ModelApi
  let steward: Steward

  before(async () => {
    api = await startModelApi()
    steward = await startSteward({ env: api.env })
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    await api[Symbol.asyncDispose]()
  })

  const sites = async () => (await steward.owner.get('/api/web-whitelist')).body.map(({ domain }: any) => domain)
  const add = (domain: string) => use('whitelist', { operation: 'add_domain', domain })

  it('always asks, puts the site on the list, and says in the audit log which run did it', async () => {
    for (const domain of ['*.Bücher.example.org', 'other.example.org']) {
      const chat = await chatThat(steward.owner, api, add(domain))
      const question = await approve(steward.owner, chat)
      assert.equal(question.remember, undefined)
      await chat.next('done')
    }
    assert.ok((await sites()).includes('xn--bcher-kva.example.org'))
    const { body } = await steward.owner.get('/api/audit?kind=whitelist')
    const entry = body.entries.find(({ subject }: any) => subject === 'xn--bcher-kva.example.org')
    assert.match(entry.actor, /^run:/)
  })

  it('takes a site off after a yes, and not after a no', async () => {
    const no = await chatThat(
      steward.owner,
      api,
      use('whitelist', { operation: 'remove_domain', domain: 'wikipedia.org' }),
    )
    const { call_id } = await no.next('confirmation_required')
    await steward.owner.post(`/api/approvals/${call_id}`, { approved: false })
    await no.next('done')
    assert.ok((await sites()).includes('wikipedia.org'))
    const yes = await chatThat(
      steward.owner,
      api,
      use('whitelist', { operation: 'remove_domain', domain: 'wikipedia.org' }),
    )
    await approve(steward.owner, yes)
    await yes.next('done')
    assert.ok(!(await sites()).includes('wikipedia.org'))
  })

  it('says what is wrong with a name before it asks, and what is on the list already', async () => {
    const chat = await chatThat(steward.owner, api, add('github.io'), add('not a site'), add('duckduckgo.com'))
    await approve(steward.owner, chat)
    await chat.next('done')
    const texts = api.requests.slice(1).map((request) => lines(request)[0]!)
    assert.match(texts[0]!, /github\.io is shared by many owners/)
    assert.match(texts[1]!, /not a domain/)
    assert.match(texts[2]!, /already on the list/)
  })

  it('is not there for runs that nobody watches, nor for people who do not look after the house', async () => {
    const { body: agent } = await steward.owner.post('/api/agents', {
      name: 'Mole',
      prompt: 'Dig.',
      allowed_tools: ['whitelist', 'web'],
    })
    api.answer(add('evil.example'), { text: ['The end.'] })
    const { body: run } = await steward.owner.post(`/api/agents/${agent.id}/run`, {})
    await ended(steward.owner, run.run_id)
    const [tool] = toolsIn(api.requests[0]).filter(({ name }) => name === 'whitelist')
    assert.deepEqual(tool!.input_schema.properties.operation.enum, ['list_domains'])
    assert.match(lines(api.requests[1])[0]!, /only done while the owner is there/)
    addUser(steward, 'berta')
    const berta = await signIn(steward, 'berta')
    const chat = await chatThat(berta, api, add('evil.example'))
    await chat.next('done')
    assert.ok(!shownIn(api.requests[0]).includes('whitelist'))
    assert.match(lines(api.requests[1])[0]!, /Only an administrator/)
    assert.ok(!(await sites()).includes('evil.example'))
  })
})
