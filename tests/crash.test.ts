import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, it } from 'node:test'
import { crash } from './peers/crashing.ts'

/** Set to run the same instants again. */
const SEED = Number(process.env.CRASH_SEED ?? randomInt(2 ** 31))
const SECONDS = Number(process.env.CRASH_SECONDS ?? 90)
const KILLS = 25

describe('a process that is killed at any instant', () => {
  it('loses nothing, does nothing twice, and asks where nobody can know', { timeout: 230_000 }, async (context) => {
    context.diagnostic(`CRASH_SEED=${SEED}`)
    const { fates, ...report } = await crash({ seed: SEED, seconds: SECONDS, kills: KILLS })
    const count = (of: (fate: (typeof fates)[number]) => boolean) => fates.filter(of).length
    context.diagnostic(`${report.kills} kills, ${fates.length} runs, ${count(({ asked }) => asked)} asked about`)
    assert.ok(report.kills >= KILLS && fates.length >= KILLS)
    assert.equal(report.unfinished, 0)
    const succeeded = fates.filter(({ status }) => status === 'succeeded')
    assert.deepEqual(
      fates.filter(({ status }) => status !== 'succeeded' && status !== 'interrupted'),
      [],
    )
    // On a slow machine more runs are killed three times before they get anywhere; most must have got through all the same.
    assert.ok(succeeded.length >= fates.length * 0.6, `${succeeded.length} of ${fates.length} came to their end`)
    assert.deepEqual(
      succeeded.filter(({ files, sent }) => !files.every(Boolean) || sent !== 1),
      [],
    )
    assert.deepEqual(
      fates.filter(({ sent }) => sent > 1),
      [],
    )
    const { strangers, overwritten, gaps, headless, integrity } = report
    assert.deepEqual(
      { strangers, overwritten, gaps, headless, integrity },
      { strangers: 0, overwritten: 0, gaps: 0, headless: 0, integrity: 'ok' },
    )
  })
})
