import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { mayTakeLong, refuseBroken } from '../routes/connections.ts'
import { withDatabase } from './peers/database.ts'
import { openUpload, upload } from './peers/uploads.ts'
import { makeKey, startSteward, type Client, type Steward } from './steward.ts'

/** What becomes of files when the process dies, when somebody takes their time, and when a run reads them. */

const content = async (owner: Client, path: string) => (await owner.get(`/api/my/files/download?path=${path}`)).text
const homeOf = async ({ owner, dataDir }: Steward) => join(dataDir, 'files', (await owner.get('/api/auth/me')).body.id)

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !holds();) {
    assert.ok(Date.now() < deadline, 'that did not come to pass')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('a process that is killed', () => {
  it('in the middle of an upload leaves the old file, and nothing else', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const first = await startSteward({ dataDir })
    await upload(first.owner, '/', { 'a.txt': 'old' })
    const uploads = join(dataDir, 'files', '.uploads')
    const going = await openUpload(first.url, first.owner, '/', 'a.txt')
    going.write(Buffer.alloc(3_000_000))
    await until(() => readdirSync(uploads).length === 1)
    await first.kill()
    assert.equal(readdirSync(uploads).length, 1, 'the kill came in the middle')
    await using again = await startSteward({ dataDir })
    assert.deepEqual(readdirSync(uploads), [])
    assert.equal(await content(again.owner, '/a.txt'), 'old')
    assert.equal((await again.owner.get('/api/trash')).body.total, 0)
    assert.equal((await upload(again.owner, '/', { 'a.txt': 'new' })).status, 201)
    assert.equal(await content(again.owner, '/a.txt'), 'new')
    await again.stop()
    rmSync(dataDir, { recursive: true })
  })

  it('between the first and the last step into the trash has not begun it', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'steward-'))
    const first = await startSteward({ dataDir })
    await upload(first.owner, '/', { 'a.txt': 'kept', 'b.txt': 'gone' })
    const home = await homeOf(first)
    await first.owner.delete('/api/my/files?path=/b.txt')
    await first.kill()
    const [linked, unmoved] = [randomUUID(), randomUUID()]
    withDatabase(dataDir, (db) => {
      const copy = db.prepare(
        `INSERT INTO trash (id, user_id, path, size, mode, cause, created_at) SELECT ?, user_id, ?, 4, 384, ?, created_at FROM trash LIMIT 1`,
      )
      copy.run(linked, join(home, 'a.txt'), 'overwritten')
      copy.run(unmoved, join(home, 'a.txt'), 'deleted')
    })
    linkSync(join(home, 'a.txt'), join(dataDir, 'trash', linked))
    await using again = await startSteward({ dataDir })
    await until(() => readdirSync(join(dataDir, 'trash')).length === 1)
    const { items } = (await again.owner.get('/api/trash')).body
    assert.deepEqual(items.map((one: any) => one.own_path), ['/b.txt']) // prettier-ignore
    assert.equal(await content(again.owner, '/a.txt'), 'kept')
    await again.stop()
    rmSync(dataDir, { recursive: true })
  })
})

describe('time to arrive', () => {
  /** A server that is as patient as ours, only in milliseconds. */
  async function hurried(work: (server: Server, url: string) => Promise<void>): Promise<void> {
    const server = createServer({ headersTimeout: 200, requestTimeout: 300, connectionsCheckingInterval: 50 })
    refuseBroken(server)
    server.on('request', (req, res) => {
      if (req.url === '/upload') mayTakeLong(req)
      let bytes = 0
      req.on('data', (chunk) => (bytes += chunk.length)).on('end', () => res.end(String(bytes)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    await work(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    server.closeAllConnections()
    server.close()
  }

  function slowly(url: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const call = request(url, { method: 'POST' }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += String(chunk)))
        response.on('end', () => resolve({ status: response.statusCode!, text }))
      })
      call.on('error', reject)
      let sent = 0
      const timer = setInterval(() => {
        if (sent++ < 20) return void call.write('0123456789')
        clearInterval(timer)
        call.end()
      }, 50)
    })
  }

  it('is given to an upload that keeps coming', () =>
    hurried(async (_server, url) => {
      assert.deepEqual(await slowly(`${url}/upload`), { status: 200, text: '200' })
    }))

  it('is not given to any other request', () =>
    hurried(async (_server, url) => {
      const answer = await slowly(`${url}/other`).catch((error: NodeJS.ErrnoException) => error)
      assert.ok(answer instanceof Error || answer.status === 408)
    }))

  it('does not make what is no HTTP any more welcome', () =>
    hurried(async (server) => {
      const { connect } = await import('node:net')
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () =>
        socket.write('nonsense\r\n\r\n'),
      )
      const text = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))))
      assert.match(text, /^HTTP\/1.1 400 Bad Request\r\n/)
      socket.destroy()
    }))
})

describe('a run', () => {
  const read = (path: string) => `/filesystem.read_file path="${path}"`

  it('may read its user’s own folder, and takes what was uploaded for the words of others', async () => {
    await using steward = await startSteward()
    const { owner } = steward
    const key = steward.anybody(await makeKey(owner, ['run', 'read'], { input: 'owner' }))
    await upload(key, '/inbox', { 'letter.txt': 'Dear Anna, this was uploaded.' })
    const path = join(await homeOf(steward), 'inbox', 'letter.txt')
    const id = randomUUID()
    const chat = await owner.chat(id)
    await chat.ask('Hello')
    assert.equal((await owner.get(`/api/conversations/${id}`)).body.integrity, 'owner')
    await chat.ask(read(path))
    assert.match(JSON.stringify(chat.frames), /29 characters of/)
    assert.equal((await owner.get(`/api/conversations/${id}`)).body.integrity, 'third_party')
    const labels = withDatabase(steward.dataDir, (db) => db.prepare('SELECT path, integrity FROM file_labels').all())
    assert.deepEqual(labels, [{ path, integrity: 'third_party' }])
    await chat.close()
  })

  it('may not read anybody else’s, nor hidden names in it', async () => {
    await using steward = await startSteward()
    await upload(steward.owner, '/', { '.env': 'secret', 'a.txt': 'a' })
    const home = await homeOf(steward)
    const chat = await steward.owner.chat(randomUUID())
    for (const path of [
      join(home, '.env'),
      join(steward.dataDir, 'files', randomUUID(), 'a.txt'),
      join(steward.dataDir, 'files'),
    ]) {
      chat.send({ type: 'message', content: read(path) })
      const done = await chat.next('tool_done')
      assert.equal(done.success, false, path)
      await chat.next('done')
    }
    assert.doesNotMatch(JSON.stringify(chat.frames), /"secret"/)
    await chat.close()
  })

  it('knows labels by content, wherever a file is moved or restored to', async () => {
    await using steward = await startSteward()
    const { owner, dataDir } = steward
    await upload(owner, '/a', { 'x.txt': 'words' })
    await owner.patch('/api/my/files?path=/a', { name: 'b' })
    const paths = () =>
      withDatabase(dataDir, (db) => db.prepare('SELECT path FROM file_labels').pluck().all()) as string[]
    const home = await homeOf(steward)
    assert.deepEqual(paths(), [join(home, 'b/x.txt')])
    await owner.delete('/api/my/files?path=/b')
    const [{ id }] = (await owner.get('/api/trash')).body.items
    assert.deepEqual(paths(), [join(dataDir, 'trash', id, 'x.txt')])
    await owner.post(`/api/trash/${id}/restore`)
    assert.deepEqual(paths(), [join(home, 'b/x.txt')])
    assert.equal(readFileSync(paths()[0]!, 'utf8'), 'words')
  })
})
