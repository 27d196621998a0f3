import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startInside, type InsideSteward } from './peers/inside.ts'
import {
  read,
  resultsIn,
  say,
  startModelApi,
  use,
  write,
  type ModelApi,
  type Reply,
  type Request,
} from './peers/model-api.ts'

let api: ModelApi
let steward: InsideSteward

before(async () => {
  api = await startModelApi()
  steward = await startInside(api.env)
})

after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

beforeEach(async () => {
  await steward.owner.post('/api/settings/limits', { max_concurrent_runs: 3 })
  for (const { id } of (await steward.owner.get('/api/agents')).body) await steward.owner.delete(`/api/agents/${id}`)
})

const ask = (agent: string, message: string): Reply => use('agent', { operation: 'ask', agent, message })

async function agent(name: string, more: object = {}): Promise<string> {
  const { body } = await steward.owner.post('/api/agents', {
    name,
    prompt: `I am ${name}.`,
    allowed_tools: ['agent', 'filesystem'],
    ...more,
  })
  return body.id
}

/** Each agent follows its own script: what it says first, and what once it has a result. */
function script(of: Record<string, (request: Request, turn: number) => Reply>): void {
  api.answer((request) => {
    const system = request.system.map(({ text }) => text).join('\n')
    const name = Object.keys(of).find((one) => system.includes(`I am ${one}.`)) ?? 'Steward'
    return of[name]!(request, request.messages.filter(({ role }) => role === 'assistant').length)
  })
}

async function finished(runId: string): Promise<any> {
  for (let left = 500; left > 0; left--) {
    const { body } = await steward.owner.get(`/api/runs/${runId}`)
    if (body.ended_at !== null) return body
    await sleep(10)
  }
  throw new Error('the run never ended')
}

const start = async (id: string): Promise<string> =>
  (await steward.owner.post(`/api/agents/${id}/run`, { message: 'Go' })).body.run_id

describe('an agent that asks another', () => {
  it('gets its report, and gives up its place meanwhile: one place is enough for a depth of three', async () => {
    await steward.owner.post('/api/settings/limits', { max_concurrent_runs: 1 })
    const first = await agent('Alpha')
    for (const name of ['Beta', 'Gamma', 'Delta']) await agent(name)
    const relay = (next: string) => (request: Request, turn: number) =>
      turn === 0 ? ask(next, `From above to ${next}`) : say(`${next} said ${resultsIn(request)[0]!.text}`)
    script({ Alpha: relay('Beta'), Beta: relay('Gamma'), Gamma: relay('Delta'), Delta: () => say('the bottom') })
    const run = await finished(await start(first))
    assert.equal(run.status, 'succeeded')
    assert.equal(run.answer, 'Beta said Gamma said Delta said the bottom')
    assert.equal(run.children.length, 1)
    assert.equal(run.transcript.find(({ type }: any) => type === 'tool').child_run_id, run.children[0].id)
    const child = (await steward.owner.get(`/api/runs/${run.children[0].id}`)).body
    assert.deepEqual([child.origin, child.parent_run_id, child.input], ['agent', run.id, 'From above to Beta'])
  })

  it('is refused a circle, a fourth step down, and one that there is not; it may go on without', async () => {
    const first = await agent('Alpha')
    for (const name of ['Beta', 'Gamma', 'Delta', 'Epsilon']) await agent(name)
    const told: string[] = []
    const note = (request: Request) => (told.push(resultsIn(request)[0]!.text), say('Well.'))
    script({
      Alpha: (_request, turn) => (turn === 0 ? ask('Beta', 'Go') : say('End.')),
      Beta: (request, turn) =>
        [() => ask('Alpha', 'Go'), () => (note(request), ask('Gamma', 'Go'))][turn]?.() ?? say('B'),
      Gamma: (_request, turn) => (turn === 0 ? ask('Delta', 'Go') : say('C')),
      Delta: (request, turn) =>
        [() => ask('Epsilon', 'Go'), () => (note(request), ask('Nobody', 'Go'))][turn]?.() ?? note(request),
      Epsilon: () => say('Never.'),
    })
    assert.equal((await finished(await start(first))).status, 'succeeded')
    assert.match(told[0]!, /in a circle/)
    assert.match(told[1]!, /at most 3 deep/)
    assert.match(told[2]!, /no agent called "Nobody"/)
  })

  it('has read what the other one read; the other had read what it had', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'papers-'))
    writeFileSync(join(folder, 'letter.txt'), 'From a stranger')
    await steward.owner.post('/api/filesystem-whitelist', { path: folder })
    const first = await agent('Alpha')
    await agent('Beta')
    script({
      Alpha: (_request, turn) =>
        [ask('Beta', 'Read it'), write(join(folder, 'copy.txt'), 'Hello')][turn] ?? say('End.'),
      Beta: (_request, turn) => (turn === 0 ? read(join(folder, 'letter.txt')) : say('It says hello.')),
    })
    const id = await start(first)
    let approval: any
    for (let left = 300; left > 0 && !approval; left--) {
      approval = (await steward.owner.get('/api/approvals?state=pending')).body.items.find(
        (one: any) => one.run_id === id,
      )
      await sleep(10)
    }
    assert.equal(approval.tool_name, 'filesystem')
    assert.match(approval.reason, /after reading what others wrote/)
    assert.equal((await steward.owner.get(`/api/runs/${id}`)).body.status, 'waiting')
    await steward.owner.post(`/api/approvals/${approval.id}`, { approved: true })
    assert.equal((await finished(id)).integrity, 'third_party')
  })

  it('once it has read what others wrote, has no tool that the one above does not name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'papers-'))
    writeFileSync(join(folder, 'letter.txt'), 'From a stranger')
    await steward.owner.post('/api/filesystem-whitelist', { path: folder })
    const first = await agent('Alpha', { allowed_tools: ['agent'] })
    await agent('Beta', { allowed_tools: ['filesystem'] })
    let told = ''
    script({
      Alpha: (_request, turn) => (turn === 0 ? ask('Beta', 'Read it twice') : say('End.')),
      Beta: (request, turn) => {
        if (turn === 2) told = resultsIn(request)[0]!.text
        return turn < 2 ? read(join(folder, 'letter.txt')) : say('No.')
      },
    })
    await finished(await start(first))
    assert.match(told, /not among the tools of everybody/)
  })

  it('needs to name the tool; every tool does not mean this one', async () => {
    const first = await agent('Alpha', { allowed_tools: null })
    await agent('Beta')
    let told = ''
    script({
      Alpha: (request, turn) => {
        if (turn === 0) return ask('Beta', 'Go')
        told = resultsIn(request)[0]!.text
        return say('End.')
      },
      Beta: () => say('Never.'),
    })
    await finished(await start(first))
    assert.match(told, /not among the tools/)
  })

  it('takes the other one with it when it is stopped', async () => {
    const first = await agent('Alpha')
    await agent('Beta')
    script({ Alpha: () => ask('Beta', 'Go'), Beta: () => ({ text: ['Thinking'], hang: true }) })
    const id = await start(first)
    let child: any
    for (let left = 300; left > 0 && child?.status !== 'running'; left--) {
      child = (await steward.owner.get(`/api/runs/${id}`)).body.children[0]
      await sleep(10)
    }
    await steward.owner.post(`/api/runs/${id}/stop`)
    assert.equal((await finished(child.id)).status, 'stopped')
    assert.equal((await finished(id)).status, 'stopped')
  })

  it('works for a chat too, whose reader is asked in its place', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'papers-'))
    await steward.owner.post('/api/filesystem-whitelist', { path: folder })
    await agent('Beta')
    script({
      Steward: (request, turn) => (turn === 0 ? ask('Beta', 'Write it') : say(`Beta: ${resultsIn(request)[0]!.text}`)),
      Beta: (_request, turn) => (turn === 0 ? write(join(folder, 'a.txt'), 'Hello') : say('Written.')),
    })
    const chat = await steward.owner.chat(randomUUID())
    chat.send({ type: 'message', content: 'Have it written' })
    const question = await chat.next('confirmation_required')
    chat.send({ type: 'confirm', call_id: question.call_id, approved: true })
    assert.equal((await chat.next('done')).text, 'Beta: Written.')
    await chat.close()
  })
})
