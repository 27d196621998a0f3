import assert from 'node:assert/strict'
import { mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { tinyProgram } from './peers/mcp.ts'
import { Client, makeKey } from './steward.ts'

let steward: InsideSteward
let owner: Client
let folder: string

before(async () => {
  steward = await startInside()
  owner = steward.owner
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'notes-')))
  writeFileSync(join(folder, 'feeding.txt'), 'At eight.')
  await owner.post('/api/filesystem-whitelist', { path: folder })
})
after(() => steward[Symbol.asyncDispose]())

const execute = (tool: string, args: object, client = owner) =>
  client.post(`/api/tools/${tool}/execute`, { arguments: args })

describe('POST /api/tools/{name}/execute', () => {
  it('does what needs no yes, as a run of its own that is audited', async () => {
    const { status, body } = await execute('filesystem', { operation: 'list_directory', path: folder })
    assert.deepEqual([status, body.success, body.integrity, body.privacy], [200, true, 'third_party', 'private'])
    assert.match(body.content, /feeding\.txt/)
    const run = (await owner.get(`/api/runs/${body.run_id}`)).body
    assert.deepEqual([run.status, run.origin, run.calls[0].tool_name], ['succeeded', 'manual', 'filesystem'])
    const { entries } = (await owner.get('/api/audit?tool_name=filesystem')).body
    assert.deepEqual(
      [entries[0].action, entries[0].decision, entries[0].run_id],
      ['list_directory', 'allow', body.run_id],
    )
  })

  it('is 409 approval_required where the policy asks, and asks nobody', async () => {
    using peer = tinyProgram({ run: {} })
    const server = (await owner.post('/api/mcp-servers', { name: 'tiny', transport: 'stdio', command: peer.command, args: peer.args })).body // prettier-ignore
    const [{ name, hash }] = (await owner.post(`/api/mcp-servers/${server.id}/test`)).body.tools
    await owner.post(`/api/mcp-servers/${server.id}/accept`, { tools: [{ name, hash }] })
    const { status, body } = await execute(name, { text: 'x' })
    assert.deepEqual([status, body.code, body.detail.rule], [409, 'approval_required', '4'])
    assert.deepEqual(peer.calls(), [])
    assert.deepEqual((await owner.get('/api/approvals?state=pending')).body.items, [])
    assert.equal((await owner.get(`/api/runs/${body.detail.run_id}`)).body.status, 'stopped')
    await owner.put(`/api/mcp-servers/${server.id}/tools/${name}`, { effect: 'read' })
    assert.match((await execute(name, { text: 'x' })).body.content, /You said x\./)
    const { items } = (await owner.get('/api/tools')).body
    const shown = items.find((one: any) => one.name === name)
    assert.deepEqual([shown.server, shown.operations[0].effect, shown.operations[0].name], ['tiny', 'read', 'call'])
    const other = await anotherUser(steward)
    assert.equal((await execute(name, { text: 'x' }, other)).status, 404)
  })

  it('goes by who could have written the arguments', async () => {
    const key = await makeKey(owner, ['run'])
    const write = { operation: 'write_file', path: join(folder, 'new.txt'), content: 'Hello' }
    const { status, body } = await execute('filesystem', write, new Client(steward.url, key))
    assert.deepEqual([status, body.code], [409, 'approval_required'])
    assert.equal((await execute('filesystem', write)).status, 200)
  })

  it('refuses what is not allowed, not there, or not of the right form', async () => {
    assert.equal((await execute('filesystem', { operation: 'read_file', path: '/etc/passwd' })).status, 403)
    assert.equal(
      (await execute('whitelist', { operation: 'add_domain', domain: 'example.org' })).body.code,
      'forbidden',
    )
    assert.equal((await execute('filesystem', { operation: 'fly' })).status, 400)
    assert.equal((await execute('nothing', {})).status, 404)
    const key = await makeKey(owner, ['read'])
    assert.equal((await execute('filesystem', {}, new Client(steward.url, key))).status, 403)
    await owner.post('/api/pause')
    assert.equal((await execute('filesystem', { operation: 'list_directory', path: folder })).status, 503)
    await owner.post('/api/resume')
  })
})
