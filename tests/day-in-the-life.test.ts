import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ended } from './peers/agents.ts'
import { read, resultsIn, say, startModelApi, use } from './peers/model-api.ts'
import { startReceiver } from './peers/receiver.ts'
import { startSteward } from './steward.ts'

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let left = 500; left > 0; left--) {
    const found = await look()
    if (found !== undefined) return found
    await sleep(20)
  }
  throw new Error('it never came')
}

describe('a day in the life', () => {
  it('a schedule fires, its run waits for a yes, the server dies and comes back, and the message goes out once', async () => {
    await using api = await startModelApi()
    await using receiver = await startReceiver()
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const folder = mkdtempSync(join(tmpdir(), 'papers-'))
    writeFileSync(join(folder, 'letter.txt'), 'The plumber comes at nine.')

    // In the evening the owner sets it up.
    let steward = await startSteward({ dataDir, env: api.env })
    await steward.owner.post('/api/filesystem-whitelist', { path: folder })
    await steward.owner.post('/api/webhook-targets', { name: 'neighbour', url: receiver.url })
    api.answer(
      read(join(folder, 'letter.txt')),
      use('webhook', { operation: 'send_to_target', target: 'neighbour', body: 'The plumber comes at nine.' }),
      say('I told the neighbour.'),
    )
    const { body: task } = await steward.owner.post('/api/tasks', {
      name: 'Morning letter',
      prompt: 'Read the letter and tell the neighbour.',
      allowed_tools: ['filesystem.read_file', 'webhook'],
      run_at: new Date(Date.now() + 1_500).toISOString(),
    })

    // In the morning it is due. It reads what others wrote, so it must ask before it tells anybody.
    const approval = await until(async () => {
      const { items } = (await steward.owner.get('/api/approvals?state=pending')).body
      return items[0]
    })
    assert.equal(approval.tool_name, 'webhook')
    const waiting = (await steward.owner.get(`/api/runs/${approval.run_id}`)).body
    assert.deepEqual([waiting.status, waiting.origin, waiting.task_id], ['waiting', 'schedule', task.id])
    const { items } = (await steward.owner.get('/api/notifications?unread=true')).body
    assert.deepEqual([items[0].kind, items[0].approval_id], ['approval', approval.id])
    assert.equal(receiver.received.length, 0)

    // The power fails.
    await steward.kill()
    steward = await startSteward({ dataDir, env: api.env })
    assert.equal((await steward.owner.get(`/api/runs/${approval.run_id}`)).body.status, 'waiting')
    assert.equal(api.requests.length, 2)

    // At breakfast the owner says yes.
    const answer = await steward.owner.post(`/api/approvals/${approval.id}`, { approved: true })
    assert.equal(answer.body.state, 'approved')
    const run = await ended(steward.owner, approval.run_id)
    assert.deepEqual([run.status, run.answer], ['succeeded', 'I told the neighbour.'])
    assert.deepEqual(
      receiver.received.map(({ id, body }) => [id, body.data]),
      [[approval.call_id, 'The plumber comes at nine.']],
    )
    assert.match(resultsIn(api.requests.at(-1))[0]!.text, /took it/)

    // The books are in order.
    const ledger = (await steward.owner.get(`/api/tasks/${task.id}/occurrences`)).body
    assert.deepEqual(
      ledger.items.map((one: any) => [one.state, one.run_id]),
      [['ran', run.id]],
    )
    const told = (await steward.owner.get('/api/notifications?kind=result')).body.items
    assert.deepEqual(
      told.map((one: any) => [one.title, one.text]),
      [['Morning letter is done', 'I told the neighbour.']],
    )
    await steward.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
})
