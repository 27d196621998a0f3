import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Client as McpClient, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { newAgent, ended } from './peers/agents.ts'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { makeKey, type Client } from './steward.ts'

let api: ModelApi
let steward: InsideSteward
let owner: Client

before(async () => {
  api = await startModelApi()
  steward = await startInside(api.env)
  owner = steward.owner
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

async function connected(key: string, mode: 'legacy' | 'auto' = 'legacy'): Promise<McpClient> {
  const client = new McpClient({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
  const headers = { authorization: `Bearer ${key}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${steward.url}/mcp`), { requestInit: { headers } }))
  return client
}

async function call(client: McpClient, name: string, args: Record<string, unknown> = {}) {
  const answer: any = await client.callTool({ name, arguments: args })
  const { text } = answer.content[0]
  return { failed: answer.isError === true, text, value: answer.isError ? undefined : JSON.parse(text) }
}

const names = async (client: McpClient) => (await client.listTools()).tools.map(({ name }) => name).sort()

describe('/mcp', () => {
  it('offers what the key opens, and nothing that decides a question', async () => {
    const reading = ['get_run', 'list_agents', 'list_approvals', 'list_conversations', 'read_conversation']
    for (const mode of ['legacy', 'auto'] as const) {
      const reader = await connected(await makeKey(owner, ['read']), mode)
      assert.deepEqual(await names(reader), reading)
      await reader.close()
    }
    const all = await connected(await makeKey(owner, ['read', 'run', 'approve', 'admin']))
    assert.deepEqual(await names(all), [...reading, 'run_agent', 'send_message'].sort())
    await all.close()
  })

  it('makes runs that are unattended and written by others, also with a key for the owner’s own words', async () => {
    const client = await connected(await makeKey(owner, ['read', 'run'], { input: 'owner' }))
    const agent = await newAgent(owner)
    api.answer(say('Done, and done well.'))
    const { value } = await call(client, 'run_agent', { id: agent.id, message: 'Look after it' })
    const run = await ended(owner, value.run_id)
    assert.deepEqual([run.status, run.integrity], ['succeeded', 'third_party'])
    assert.equal(steward.services.runStore.get(run.id).attended, false)
    assert.equal((await call(client, 'get_run', { id: run.id })).value.answer, 'Done, and done well.')
    const sent = (await call(client, 'send_message', { content: 'Hello there' })).value
    assert.equal((await ended(owner, sent.run_id)).integrity, 'third_party')
    assert.match((await call(client, 'read_conversation', { id: sent.conversation_id })).text, /Hello there/)
    assert.equal((await call(client, 'list_conversations', {})).value.total >= 1, true)
    await client.close()
  })

  it('shows nothing of another user', async () => {
    const agent = await newAgent(owner, { name: 'Secretary' })
    const other = await anotherUser(steward)
    const client = await connected(await makeKey(other, ['read', 'run']))
    assert.deepEqual((await call(client, 'list_agents')).value, [])
    const { failed, text } = await call(client, 'run_agent', { id: agent.id })
    assert.deepEqual([failed, text], [true, 'There is no such agent.'])
    await client.close()
  })

  it('is closed to pages of other sites, strangers, and whoever asks too much', async () => {
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
    const key = await makeKey(owner, ['read'])
    const ask = (headers: Record<string, string>) =>
      fetch(`${steward.url}/mcp`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
        body: JSON.stringify(ping),
      })
    assert.equal((await ask({ 'x-api-key': 'stw_wrong' })).status, 401)
    assert.equal((await ask({ 'x-api-key': key, origin: 'https://evil.example' })).status, 403)
    assert.equal((await ask({ 'x-api-key': await makeKey(owner, ['approve']) })).status, 403)
    const answers = await Promise.all(Array.from({ length: 125 }, () => ask({ 'x-api-key': key })))
    assert.ok(answers.some(({ status }) => status === 429))
    assert.equal((await fetch(`${steward.url}/mcp`, { headers: { 'x-api-key': key } })).status, 405)
  })
})
