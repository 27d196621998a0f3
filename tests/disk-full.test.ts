import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { startSteward, type Steward } from './steward.ts'

/** What happens when the disk is full: a disk of a few MiB in memory, which only root can make. */

const disk = mkdtempSync(join(tmpdir(), 'small-disk-'))
const made = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=700', 'tmpfs', disk], { encoding: 'utf8' })
const skip =
  made.status === 0 ? false : `no small disk could be made here: ${made.stderr?.trim() ?? made.error?.message}`

after(() => {
  if (skip === false) spawnSync('umount', ['-l', disk])
  rmSync(disk, { recursive: true, force: true })
})

const mustWork = process.env.CI === 'true' && process.getuid?.() === 0
it('has a small disk to try it on', { skip: mustWork ? false : skip }, () => {
  assert.equal(skip, false)
})

describe('a full disk', { skip }, () => {
  const ballast = join(disk, 'ballast')
  let steward: Steward

  before(async () => {
    steward = await startSteward({ dataDir: disk })
  })
  after(() => steward.stop())

  const fill = (): void => {
    for (const size of [1 << 20, 1 << 16, 1 << 12]) while (tryWrite(size));
  }
  let files = 0
  function tryWrite(size: number): boolean {
    const { bavail, bsize } = statfsSync(disk)
    if (bavail * bsize < size) return false
    writeFileSync(`${ballast}-${files++}`, Buffer.alloc(size))
    return true
  }
  const free = (): void => {
    for (; files > 0; files--) rmSync(`${ballast}-${files - 1}`)
  }
  const add = (name: string) =>
    steward.owner.post('/api/credentials', { key: name, value: 'x'.repeat(15_000), description: '' })
  const conversation = '019a9d2e-7c1a-7000-8000-0000000000f1'

  it('is answered with 503 and a sentence, until there is space again', async () => {
    fill()
    const answers = []
    for (let n = 0; n < 100 && answers.at(-1)?.status !== 503; n++) answers.push(await add(`full-${n}`))
    const { status, body } = answers.at(-1)!
    assert.equal(status, 503)
    assert.deepEqual(body, { error: 'The disk is full. Free some space, then try again.', code: 'unavailable' })
    assert.equal((await add('still-full')).status, 503)
  })

  it('still answers what needs no writing, and says on /ready that space is short', async () => {
    assert.equal((await steward.owner.get('/api/auth/me')).status, 200)
    assert.equal((await steward.owner.get('/api/audit')).status, 200)
    const { status, body } = await steward.anybody().get('/ready')
    assert.equal(status, 200)
    assert.equal(body.status, 'degraded')
    assert.match(body.warnings.join(), /space/)
  })

  it('is told in a conversation, which goes on once there is space', async () => {
    const chat = await steward.owner.chat(conversation)
    let refused
    for (let n = 0; n < 20 && refused?.type !== 'error'; n++) refused = await chat.ask('x'.repeat(20_000))
    assert.equal(refused?.type, 'error')
    assert.equal(refused?.code, 'unavailable')
    free()
    assert.equal((await chat.ask('And now?')).type, 'done')
    await chat.close()
  })

  it('does not lose a run in the middle of which the space is over: it ends once there is space', async () => {
    fill()
    const chat = await steward.owner.chat(conversation)
    let told = await chat.ask('Once more, please.')
    while (told.type === 'error' && !steward.output().includes('could not write down how a run ended')) {
      assert.equal(told.code, 'unavailable')
      rmSync(`${ballast}-${--files}`)
      told = await chat.ask('Once more, please.')
    }
    free()
    await chat.close()
    for (const deadline = Date.now() + 20_000; (await openRuns()).length > 0;) {
      assert.ok(Date.now() < deadline, 'a run is still open')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  })

  async function openRuns(): Promise<unknown[]> {
    const { body } = await steward.owner.get(`/api/conversations/${conversation}`)
    return body.messages.filter(({ status = '' }) => /queued|running|waiting/.test(status))
  }

  it('leaves nothing half written', async () => {
    const { body } = await steward.owner.get('/api/credentials')
    for (const { key } of body as { key: string }[]) {
      const shown = await steward.owner.get(`/api/credentials/${key}`)
      assert.equal(shown.body.value, 'x'.repeat(15_000), key)
    }
    assert.ok(!body.some(({ key }: { key: string }) => key === 'still-full'))
    assert.equal((await add('still-full')).status, 200)
  })

  it('leaves a sound database, and the process was the same all along', async () => {
    assert.equal(steward.process.exitCode, null)
    assert.equal(await steward.stop(), 0)
    const db = new Database(join(disk, 'steward.sqlite'), { readonly: true })
    assert.deepEqual(db.pragma('integrity_check'), [{ integrity_check: 'ok' }])
    assert.deepEqual(db.pragma('foreign_key_check'), [])
    db.close()
    const again = await startSteward({ dataDir: disk })
    assert.equal((await again.owner.get('/api/conversations')).body.total, 1)
    await again.stop()
  })
})
