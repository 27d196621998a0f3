import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import openapiTypescript, { astToString } from 'openapi-typescript'
import { makeKey, startSteward, type Steward } from './steward.ts'

/** A client made from the API's document, as somebody else would make it: it compiles strictly, and runs. */

const ROOT = join(import.meta.dirname, '..')
const run = promisify(execFile)

/** What a stranger to this code would write with it. */
const PROGRAM = `
import createClient from 'openapi-fetch'
import type { components, paths } from './steward.ts'

type Agent = components['schemas']['Agent']
const [baseUrl = '', key = ''] = process.argv.slice(2)
const steward = createClient<paths>({ baseUrl, headers: { 'X-API-Key': key } })

const made = await steward.POST('/api/agents', {
  params: { header: { 'Idempotency-Key': 'made by a client' } },
  body: { name: 'Generated', prompt: 'Say hello.', schedule: '0 8 * * *' },
})
if (made.error) throw new Error(made.error.error)
const agent: Agent = made.data

const started = await steward.POST('/api/agents/{id}/run', { params: { path: { id: agent.id } }, body: { message: 'Hello' } })
if (started.error) throw new Error(started.error.error)
const path = { id: started.data.run_id }

let status: components['schemas']['Run']['status'] = 'queued'
while (status === 'queued' || status === 'running') {
  const { data } = await steward.GET('/api/runs/{id}', { params: { path } })
  status = data?.status ?? 'failed'
  await new Promise((resolve) => setTimeout(resolve, 50))
}
const events = await steward.GET('/api/runs/{id}/events', { params: { path, query: { after: 0, limit: 100 } } })
const list = await steward.GET('/api/agents')
const runs = await steward.GET('/api/runs', { params: { query: { agent_id: agent.id, status: 'succeeded' } } })
const missing = await steward.GET('/api/agents/{id}', { params: { path: { id: 'none' } } })
const code: components['schemas']['Error']['code'] | undefined = missing.error?.code
const health = await steward.GET('/health')

// @ts-expect-error there is no such path
void steward.GET('/api/nothing')
// @ts-expect-error a name is needed
void steward.POST('/api/agents', { body: { prompt: 'Nobody.' } }).catch(() => {})
// @ts-expect-error an agent has no such field
void agent.colour

console.log(JSON.stringify({
  status, code, health: health.data?.status, names: list.data?.map(({ name }) => name), total: runs.data?.total,
  types: typeof events.data === 'object' ? events.data.events.map(({ type }) => type) : [],
}))
`

const CONFIG = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    target: 'es2023',
    module: 'nodenext',
    moduleResolution: 'nodenext',
    allowImportingTsExtensions: true,
    noEmit: true,
    types: ['node'],
    skipLibCheck: true,
  },
  files: ['program.ts'],
}

describe('a client generated from the document', () => {
  const folder = mkdtempSync(join(tmpdir(), 'client-'))
  let steward: Steward

  before(async () => {
    steward = await startSteward()
    const document = (await steward.owner.get('/openapi.json')).body
    writeFileSync(join(folder, 'steward.ts'), astToString(await openapiTypescript(document)))
    writeFileSync(join(folder, 'program.ts'), PROGRAM)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  })
  after(async () => {
    await steward[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  it('compiles strictly', async () => {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error) => error as { stdout: string })
    assert.equal(stdout, '')
  })

  it('makes an agent, lets it work, reads what it did, and knows errors by their type', async () => {
    const key = await makeKey(steward.owner, ['admin'])
    const { stdout } = await run(process.execPath, [join(folder, 'program.ts'), steward.url, key])
    const said = JSON.parse(stdout)
    assert.deepEqual([said.status, said.code, said.health], ['succeeded', 'not_found', 'ok'])
    assert.deepEqual([said.names, said.total], [['Generated'], 1])
    for (const type of ['user_message', 'run', 'done']) assert.ok(said.types.includes(type), type)
  })
})
