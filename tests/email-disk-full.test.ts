import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { newAgent } from './peers/agents.ts'
import { DOVECOT_MISSING, startDovecot, type Dovecot } from './peers/dovecot.ts'
import { addMailbox, deliver, inState, lookedAt, mail, until } from './peers/mails.ts'
import { say, startModelApi, type ModelApi } from './peers/model-api.ts'
import { startSteward, type Steward } from './steward.ts'

/** Mails that come in while the disk is full: a disk of a few MiB in memory, which only root can make. */

const MAILS = 6
const disk = mkdtempSync(join(tmpdir(), 'small-disk-'))
const made = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', disk], { encoding: 'utf8' })
const skip = made.status === 0 ? false : `no small disk could be made here: ${made.stderr?.trim()}`

after(() => {
  if (skip === false) spawnSync('umount', ['-l', disk])
  rmSync(disk, { recursive: true, force: true })
})

describe('mails that come in while the disk is full', { skip: skip || DOVECOT_MISSING }, () => {
  let dovecot: Dovecot
  let api: ModelApi
  let steward: Steward
  before(async () => {
    ;[dovecot, api] = await Promise.all([startDovecot(), startModelApi(say('Done.'))])
    steward = await startSteward({ env: api.env, dataDir: disk })
  })
  after(async () => {
    await steward?.stop()
    await Promise.all([dovecot, api].map((peer) => peer?.[Symbol.asyncDispose]()))
  })

  let files = 0
  function fill(): void {
    for (const size of [1 << 20, 1 << 16, 1 << 12])
      for (;;) {
        const { bavail, bsize } = statfsSync(disk)
        if (bavail * bsize < size) break
        writeFileSync(join(disk, `ballast-${files++}`), Buffer.alloc(size))
      }
  }
  const free = (): void => {
    for (; files > 0; files--) rmSync(join(disk, `ballast-${files - 1}`))
  }

  it('are neither lost nor counted twice: it is told, and goes on by itself once there is space', async () => {
    const { owner } = steward
    await owner.post('/api/settings/limits', { max_autonomous_runs_per_hour: 1_000 })
    const { id: agent_id } = await newAgent(owner)
    const { id } = await addMailbox(owner, dovecot, { agent_id })
    await inState(owner, id, 'connected')
    deliver(dovecot, mail({ subject: 'Before' }))
    await lookedAt(owner, id, 1)
    await until(
      async () => (await owner.get('/api/runs?origin=email&status=succeeded')).body.total,
      (total) => total === 1,
    )
    fill()
    const long = 'x'.repeat(40_000)
    const numbered = Array.from({ length: MAILS }, (_, n) => `No. ${n}`)
    for (const subject of numbered) deliver(dovecot, mail({ subject, text: long }))
    const account = await inState(owner, id, 'error', 60)
    assert.match(account.last_error, /cannot be written down: is the disk full\?/)
    free()
    const mails = await lookedAt(owner, id, 1 + MAILS, 90)
    assert.deepEqual(
      mails.map(({ subject, run_ids }) => [subject, run_ids.length]),
      ['Before', ...numbered].map((subject) => [subject, 1]),
    )
    await inState(owner, id, 'connected')
    await until(
      async () => (await owner.get('/api/runs?origin=email&status=succeeded')).body.total,
      (total) => total === 1 + MAILS,
      60,
    )
    assert.equal((await owner.get('/api/runs?origin=email')).body.total, 1 + MAILS)
    const told = (await owner.get('/api/notifications?kind=trouble')).body.items
    assert.match(JSON.stringify(told), /listened to/)
    assert.match(JSON.stringify(told), /is the disk full\?/)
    assert.equal(steward.process.exitCode, null)
  })
})
