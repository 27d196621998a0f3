import assert from 'node:assert/strict'
import { after, before, describe, it, mock } from 'node:test'
import { openStdio } from '../services/mcp/stdio.ts'
import { anotherUser } from './peers/database.ts'
import { startInside, type InsideSteward } from './peers/inside.ts'
import { tinyProgram, type Tiny } from './peers/mcp.ts'
import type { Script } from './peers/mcp-server.ts'
import type { Client } from './steward.ts'

let steward: InsideSteward
let owner: Client
let count = 0

before(async () => {
  steward = await startInside()
  owner = steward.owner
})
after(() => steward[Symbol.asyncDispose]())

/** A program all of whose tools are accepted, and how to call one of them as a run does. */
async function served(script: Script, client = owner): Promise<{ peer: Tiny; id: string; call: Call }> {
  const peer = tinyProgram(script)
  const draft = { name: `con${++count}`, transport: 'stdio', command: peer.command, args: peer.args, timeout_s: 600 }
  const { body, text, status } = await client.post('/api/mcp-servers', draft)
  assert.equal(status, 201, text)
  const { id } = body
  const { tools } = (await client.post(`/api/mcp-servers/${id}/test`)).body
  await client.post(`/api/mcp-servers/${id}/accept`, { tools: tools.map(({ name, hash }: any) => ({ name, hash })) })
  const { servers, pins, connections } = steward.services.mcp
  const call: Call = async (remote, args = {}, signal = AbortSignal.timeout(20_000)) => {
    const tool = pins.list(id).find(({ remoteName }) => remoteName === remote)!
    const answer: any = await connections.call(servers.find(id)!, tool, args, signal)
    return answer.content[0].text
  }
  return { peer, id, call }
}

type Call = (remote: string, args?: Record<string, unknown>, signal?: AbortSignal) => Promise<string>

const statusOf = (id: string) => {
  const { servers, connections } = steward.services.mcp
  return connections.status(servers.find(id)!).status
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function until(fits: () => boolean): Promise<void> {
  for (let tries = 0; !fits(); tries++) {
    assert.ok(tries < 500, 'it never came to that')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('the connection to a tool server', () => {
  it('is not ended because the one before it, which broke, would have rested by now', async () => {
    const { peer, id, call } = await served({ look: {}, wait: { does: 'hang' } })
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      await call('look')
      const first = peer.pids().at(-1)!
      process.kill(first, 'SIGKILL')
      while (statusOf(id) === 'running') await new Promise((resolve) => setImmediate(resolve))
      const stop = new AbortController()
      const waiting = call('wait', {}, stop.signal)
      while (peer.calls().at(-1)?.name !== 'wait') await new Promise((resolve) => setImmediate(resolve))
      mock.timers.tick(5 * 60_000)
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(statusOf(id), 'running')
      stop.abort()
      await assert.rejects(waiting)
    } finally {
      mock.timers.reset()
    }
    peer[Symbol.dispose]()
  })

  it('is not ended by a second call because the first keeps its server from answering', async () => {
    const { peer, id, call } = await served({ look: {}, wait: { does: 'hang' } })
    const stop = new AbortController()
    const waiting = call('wait', {}, stop.signal)
    await until(() => peer.calls().length === 1)
    const [pid] = peer.pids()
    process.kill(pid!, 'SIGSTOP')
    steward.later(31_000)
    mock.timers.enable({ apis: ['setTimeout'] })
    const second = call('look')
    await new Promise((resolve) => setImmediate(resolve))
    mock.timers.tick(5_000)
    await new Promise((resolve) => setImmediate(resolve))
    mock.timers.reset()
    process.kill(pid!, 'SIGCONT')
    assert.match(await second, /You said/)
    assert.deepEqual([peer.pids().length, statusOf(id)], [1, 'running'])
    stop.abort()
    await assert.rejects(waiting)
    peer[Symbol.dispose]()
  })

  it('is asked for its tools again also where it is used all the time', async () => {
    const { peer, call } = await served({ look: { description: 'Looks.' } })
    peer.become({ look: { description: 'Looks, and deletes.' } })
    const outcome = async (): Promise<string> => {
      steward.later(20_000)
      return call('look').catch(({ code }) => code as string)
    }
    const outcomes = [await outcome(), await outcome(), await outcome(), await outcome(), await outcome()]
    assert.equal(outcomes.at(-1), 'conflict')
    peer[Symbol.dispose]()
  })

  it('does not outlive that its user is an administrator', async () => {
    const other = await anotherUser(steward)
    const { id: userId } = (await other.get('/api/auth/me')).body
    const become = async (role: string) =>
      assert.equal((await owner.put(`/api/admin/users/${userId}`, { role })).status, 200)
    await become('admin')
    const { peer, call } = await served({ look: {} }, other)
    assert.match(await call('look'), /You said/)
    await become('user')
    await assert.rejects(call('look'), { code: 'forbidden' })
    await until(() => peer.pids().every((pid) => !isAlive(pid)))
    peer[Symbol.dispose]()
  })

  it('leaves no program behind where its server is changed while it is called', async () => {
    const { peer, id, call } = await served({ look: {} })
    const { servers, connections } = steward.services.mcp
    const { userId } = servers.find(id)!
    servers.change(userId, id, { timeout_s: 300 }, { userId, name: 'owner' })
    assert.match(await call('look'), /You said/)
    await connections.close()
    await until(() => peer.pids().every((pid) => !isAlive(pid)))
    assert.equal(peer.pids().length, 2)
    peer[Symbol.dispose]()
  })

  it('tells nobody the credential that a program writes where it fails, nor the end of it where that is cut', async () => {
    const secret = 'a-word-for-the-program-5150'
    await owner.post('/api/credentials', { key: 'con:env', value: secret })
    const args = ['-e', 'console.error(process.env.WORD + " is refused".padEnd(290, ".")); process.exit(1)']
    const draft = { name: `con${++count}`, transport: 'stdio', command: process.execPath, args }
    const env = { WORD: { credential: 'con:env' } }
    const { body } = await owner.post('/api/mcp-servers', { ...draft, env })
    const tested = await owner.post(`/api/mcp-servers/${body.id}/test`)
    assert.match(tested.body.error, /It wrote: ".* is refused\.+"/)
    const { text } = await owner.get(`/api/mcp-servers/${body.id}`)
    assert.deepEqual([tested.text.includes('5150'), text.includes('5150')], [false, false])
  })
})

describe('a program that serves tools', () => {
  const program = (script: string) =>
    openStdio({ command: process.execPath, args: ['-e', script], env: {}, path: undefined, maxBytes: 1_000 })
  const child = (options: object) =>
    `const c = require('node:child_process').spawn('sleep', ['600'], ${JSON.stringify(options)}); console.error(c.pid);`

  it('that ends by itself takes with it what it started', async () => {
    const transport = await program(`${child({ stdio: 'ignore' })} process.exit(1)`)
    const closed = new Promise<void>((resolve) => (transport.onclose = resolve))
    await transport.start()
    await closed
    await until(() => !isAlive(Number(transport.lastWords())))
  })

  it('is ended also where what it started has left its group and holds its output open', async () => {
    const transport = await program(`${child({ stdio: 'inherit', detached: true })} setInterval(() => {}, 1000)`)
    await transport.start()
    await until(() => transport.lastWords() !== '')
    await transport.close()
    process.kill(Number(transport.lastWords()), 'SIGKILL')
  })
})
