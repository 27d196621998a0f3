import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { openDb, type Db } from '../db/open.ts'
import { AppError } from '../services/errors.ts'
import { assertExpression, assertTimezone, loadValidator } from '../services/schedules/check.ts'
import { MOST_SINGLES } from '../services/schedules/due.ts'
import { countOccurrences, nextOccurrence, nthOccurrence } from '../services/schedules/next.ts'
import { createScheduler } from '../services/schedules/scheduler.ts'
import { createSchedules, type ScheduleDraft } from '../services/schedules/schedules.ts'
import type { Intake } from '../services/shapes/intake.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const iso = (text: string) => new Date(text).toISOString()

function times(expression: string, zone: string, after: string, count: number): (string | undefined)[] {
  const found: (string | undefined)[] = []
  let at: Date | null = new Date(after)
  while (found.length < count && at) found.push((at = nextOccurrence(expression, zone, at))?.toISOString())
  return found
}

describe('the next time of a schedule', () => {
  const table: [what: string, expression: string, zone: string, after: string, expected: string[]][] = [
    ['a fixed time', '30 8 * * *', 'Europe/Berlin', '2026-01-10T12:00Z', ['2026-01-11T07:30Z', '2026-01-12T07:30Z']],
    [
      'a fixed time in the gap: right after it, once',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T01:30Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'several fixed times in one gap: one occurrence',
      '0,30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T01:30Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'fixed times in and right after the gap: one occurrence',
      '30 2,3 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z', '2026-03-29T01:30Z', '2026-03-30T00:30Z'],
    ],
    [
      'a doubled fixed time: once, the first time',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'a fixed time asked for within the second pass: the next day',
      '45 2 * * *',
      'Europe/Berlin',
      '2026-10-25T01:15Z',
      ['2026-10-26T01:45Z'],
    ],
    [
      'an interval in the gap: what does not exist is left out',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:00Z',
      ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z'],
    ],
    [
      'an interval over the doubled hour: both passes',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:45Z',
      ['2026-10-25T00:00Z', '2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z', '2026-10-25T02:00Z'],
    ],
    [
      'every second hour over the gap',
      '0 */2 * * *',
      'Europe/Berlin',
      '2026-03-28T22:00Z',
      ['2026-03-28T23:00Z', '2026-03-29T02:00Z', '2026-03-29T04:00Z'],
    ],
    [
      'every second hour over the doubled hour',
      '0 */2 * * *',
      'Europe/Berlin',
      '2026-10-24T21:00Z',
      ['2026-10-24T22:00Z', '2026-10-25T00:00Z', '2026-10-25T01:00Z', '2026-10-25T03:00Z'],
    ],
    [
      'New York: the gap',
      '15 2 * * *',
      'America/New_York',
      '2026-03-07T12:00Z',
      ['2026-03-08T07:00Z', '2026-03-09T06:15Z'],
    ],
    [
      'New York: the doubled hour',
      '15 1 * * *',
      'America/New_York',
      '2026-10-31T12:00Z',
      ['2026-11-01T05:15Z', '2026-11-02T06:15Z'],
    ],
    [
      'Lord Howe, which moves by half an hour: the gap',
      '10,20,40 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T10:00Z',
      ['2026-10-03T15:30Z', '2026-10-03T15:40Z', '2026-10-04T15:10Z'],
    ],
    [
      'Lord Howe: the doubled half hour',
      '*/15 * * * *',
      'Australia/Lord_Howe',
      '2026-04-04T14:30Z',
      ['2026-04-04T14:45Z', '2026-04-04T15:00Z', '2026-04-04T15:15Z', '2026-04-04T15:30Z'],
    ],
    [
      'Lord Howe: a fixed time in the doubled half hour',
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-04T10:00Z',
      ['2026-04-04T14:45Z', '2026-04-05T15:15Z'],
    ],
    [
      'Apia, which left out a whole day: its noon comes at the end of it',
      '0 12 * * *',
      'Pacific/Apia',
      '2011-12-29T12:00Z',
      ['2011-12-29T22:00Z', '2011-12-30T10:00Z', '2011-12-30T22:00Z'],
    ],
    [
      'Apia: midnight of the day left out and of the next are one',
      '0 0 * * *',
      'Pacific/Apia',
      '2011-12-29T09:00Z',
      ['2011-12-29T10:00Z', '2011-12-30T10:00Z', '2011-12-31T10:00Z'],
    ],
    ['Apia: an interval', '0 */12 * * *', 'Pacific/Apia', '2011-12-29T23:00Z', ['2011-12-30T10:00Z']],
    ['the leap day', '0 12 29 2 *', 'Europe/Berlin', '2026-01-01T00:00Z', ['2028-02-29T11:00Z', '2032-02-29T11:00Z']],
    ['the leap day over 2100', '0 12 29 2 *', 'UTC', '2096-03-01T00:00Z', ['2104-02-29T12:00Z']],
    ['the last day of the month', '0 0 L * *', 'UTC', '2026-01-31T00:00Z', ['2026-02-28T00:00Z', '2026-03-31T00:00Z']],
    [
      'seconds',
      '*/20 59 23 31 12 *',
      'Asia/Kolkata',
      '2026-12-31T18:29:00.500Z',
      ['2026-12-31T18:29:20Z', '2026-12-31T18:29:40Z', '2027-12-31T18:29:00Z'],
    ],
    ['a weekday by name', '0 9 * * MON', 'UTC', '2026-11-24T00:00Z', ['2026-11-30T09:00Z', '2026-12-07T09:00Z']],
    [
      'a day and a weekday: either',
      '0 0 13 * 5',
      'UTC',
      '2026-11-10T00:00Z',
      ['2026-11-13T00:00Z', '2026-11-20T00:00Z'],
    ],
  ]
  for (const [what, expression, zone, after, expected] of table)
    it(`knows ${what}`, () => assert.deepEqual(times(expression, zone, after, expected.length), expected.map(iso)))

  it('is none where the day never comes', () => assert.equal(nextOccurrence('0 0 30 2 *', 'UTC', new Date()), null))

  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'Africa/Casablanca', 'UTC']
  const field = (most: number) =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min: 2, max: 13 }).map((step) => `*/${step}`),
      fc.uniqueArray(fc.integer({ min: 0, max: most }), { minLength: 1, maxLength: 4 }).map((list) => list.join(',')),
    )
  /** Around every change of the clocks in these zones. */
  const moments = [
    '2026-03-08',
    '2026-03-29',
    '2026-04-05',
    '2026-10-04',
    '2026-10-25',
    '2026-11-01',
    '2011-12-30',
    '2026-02-15',
    '2026-03-22',
  ]

  it('is what the clock on the wall says, minute by minute', () => {
    fc.assert(
      fc.property(
        field(59),
        field(23),
        fc.constantFrom(...zones),
        fc.constantFrom(...moments),
        (minute, hour, zone, day) => {
          const from = Date.parse(`${day}T00:00Z`) - 2 * DAY
          const expression = `${minute} ${hour} * * *`
          assert.deepEqual(
            between(expression, zone, from, from + 4 * DAY),
            byTheWall(minute, hour, zone, from, from + 4 * DAY),
          )
        },
      ),
      { numRuns: 150 },
    )
  })

  it('rises strictly, and counting says what enumerating says', () => {
    const expression = fc
      .tuple(fc.constantFrom('0', '*/20', '59', '7,8'), field(59), field(23))
      .map((parts) => `${parts.join(' ')} * * *`)
    fc.assert(
      fc.property(
        expression,
        fc.constantFrom(...zones),
        fc.constantFrom(...moments),
        fc.nat(2 * DAY),
        (text, zone, day, shift) => {
          const from = Date.parse(`${day}T00:00Z`) - shift
          const until = from + DAY + shift
          const all = between(text, zone, from, until)
          assert.ok(all.every((at, index) => index === 0 || at > all[index - 1]!))
          assert.equal(countOccurrences(text, zone, new Date(from), new Date(until)), all.length)
          const middle = Math.ceil(all.length / 2)
          if (middle > 0)
            assert.equal(nthOccurrence(text, zone, new Date(from), middle, new Date(until)).getTime(), all[middle - 1])
        },
      ),
      { numRuns: 150 },
    )
  })
})

function between(expression: string, zone: string, from: number, until: number): number[] {
  const found: number[] = []
  let at = nextOccurrence(expression, zone, new Date(from))
  while (at && at.getTime() <= until) {
    found.push(at.getTime())
    at = nextOccurrence(expression, zone, at)
  }
  return found
}

/** The same, from a clock that is read minute by minute. */
function byTheWall(minute: string, hour: string, zone: string, from: number, until: number): number[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' })
  const wall = (at: number) => format.format(at)
  const fits = (text: string) =>
    matches(hour, Number(text.slice(11, 13))) && matches(minute, Number(text.slice(14, 16)))
  const walls = new Map<number, string>()
  for (let at = from - 2 * DAY; at <= until + DAY; at += MINUTE) walls.set(at, wall(at))
  const inSpan = (at: number) => at > from && at <= until
  if (hour.startsWith('*')) return [...walls].filter(([at, text]) => inSpan(at) && fits(text)).map(([at]) => at)
  const found = new Set<number>()
  let reached = ''
  for (const [at, text] of walls) {
    if (reached !== '' && text > reached && minutesBetween(reached, text).some(fits)) found.add(at)
    if (text > reached) reached = text
  }
  return [...found].filter(inSpan)
}

function matches(field: string, value: number): boolean {
  if (field === '*') return true
  return field.startsWith('*/') ? value % Number(field.slice(2)) === 0 : field.split(',').map(Number).includes(value)
}

/** The minutes of the wall after the first and up to the second of these. */
function minutesBetween(from: string, to: string): string[] {
  const found: string[] = []
  const at = (text: string) => Date.parse(`${text.replace(' ', 'T')}Z`)
  for (let time = at(from) + MINUTE; time <= at(to); time += MINUTE)
    found.push(new Date(time).toISOString().slice(0, 16).replace('T', ' '))
  return found
}

describe('what is refused', () => {
  before(loadValidator)
  const wrong = [
    '',
    'every day',
    '* * * *',
    '0 0 0 1 1 * 2030',
    '60 * * * *',
    '0 25 * * *',
    '5/15 * * * *',
    '? * * * *',
    '@daily',
    '0 9 * * sunday',
    '0 22-2 * * *',
    '*/0 * * * *',
    '0 0 30 2 *',
    '0 0 31 4,6 *',
  ]
  for (const expression of wrong)
    it(`is the expression ${JSON.stringify(expression)}, in a sentence with an example`, () => {
      assert.throws(
        () => assertExpression(expression),
        (error: AppError) =>
          error.code === 'invalid' &&
          (error.detail as [{ path: string }])[0].path === 'schedule' &&
          error.message.includes('For example'),
      )
    })

  it('is neither what has spaces to spare nor what ends a month', () => {
    assert.equal(assertExpression('  0\t8 * *   1-5 '), '0 8 * * 1-5')
    assert.equal(assertExpression('*/10 0 8 L * *'), '*/10 0 8 L * *')
  })

  it('is a zone that does not exist', () => {
    for (const zone of ['Europe/Atlantis', '+01:00', '', 'Berlin'])
      assert.throws(
        () => assertTimezone(zone),
        (error: AppError) => (error.detail as [{ path: string }])[0].path === 'timezone',
      )
    assert.equal(assertTimezone('Europe/Berlin'), 'Europe/Berlin')
  })
})

type House = ReturnType<typeof openHouse>
const USER = 'anna'

/** Schedules and a scheduler on a real database file, with a clock that is moved by hand and runs that end when told. */
function openHouse(start = '2026-01-15T10:00:00Z') {
  const dir = mkdtempSync(join(tmpdir(), 'schedules-'))
  const clock = { at: Date.parse(start) }
  const over = new Set<string>()
  const notices: { kind: string; title: string }[] = []
  const faults: (Error | undefined)[] = []
  const now = () => new Date(clock.at)
  const open = () =>
    openDb(join(dir, 'test.sqlite'), { schemaDir: join(import.meta.dirname, '..', 'db'), backupDir: dir })
  const doer = (id: string) => ({
    id,
    userId: USER,
    name: id,
    prompt: 'Do it',
    promptMode: 'combined',
    integrity: 'owner' as const,
    agentId: null,
    deletedAt: null,
  })

  /** As the real one in this: what was handed in is written in the transaction it is called in. */
  function submit(intake: Intake): { id: string } {
    const fault = faults.shift()
    if (fault) throw fault
    const id = `run of ${intake.externalId}`
    house.db.prepare(`INSERT INTO seen VALUES ('scheduler', ?, ?, '')`).run(intake.externalId, id)
    return { id }
  }

  function build(db: Db) {
    const schedules = createSchedules({ db, now, timezone: 'Europe/Berlin' })
    const scheduler = createScheduler({
      db,
      now,
      schedules,
      submit,
      agents: { find: doer },
      tasks: { find: doer },
      mayWork: () => true,
      isUnfinished: (id) => !over.has(id),
      notify: ({ kind, title }) => void notices.push({ kind, title }),
      log: { error: () => {} } as never,
    })
    return { db, schedules, scheduler }
  }

  const db = open()
  db.prepare(
    `INSERT INTO users (id, username, password_hash, role, created_at, updated_at) VALUES (?, ?, '', 'admin', '', '')`,
  ).run(USER, USER)
  const house = {
    ...build(db),
    clock,
    notices,
    faults,
    set: (draft: Partial<ScheduleDraft> & { id: string }) =>
      house.db.transact(() =>
        house.schedules.set({
          userId: USER,
          kind: 'task',
          schedule: null,
          runAt: null,
          timezone: 'UTC',
          catchUp: true,
          enabled: true,
          ...draft,
        }),
      ),
    /** Moves the clock and looks. */
    async later(ms: number) {
      clock.at += ms
      await house.scheduler.tick()
    },
    submitted: () =>
      house.db
        .prepare<[], { id: string }>('SELECT external_id AS id FROM seen')
        .all()
        .map(({ id }) => id),
    endRuns: () => house.submitted().forEach((id) => over.add(`run of ${id}`)),
    restart() {
      house.scheduler.stop()
      house.db.close()
      Object.assign(house, build(open()))
    },
    ledger: (id: string) => house.schedules.occurrences(id, { limit: 100_000 }).items.toReversed(),
    [Symbol.dispose]() {
      house.db.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return house
}

const states = (house: House, id: string) => house.ledger(id).map(({ due_at, state }) => [due_at.slice(0, 16), state])

describe('the scheduler', () => {
  it('runs what is due once, and nothing before its time', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '*/10 * * * *' })
    await house.later(10 * MINUTE - 1)
    assert.deepEqual(house.ledger('a'), [])
    await house.later(1)
    await house.later(1000)
    assert.deepEqual(house.submitted(), ['a@2026-01-15T10:10:00.000Z'])
    assert.equal(house.schedules.find('a')!.next_run_at, '2026-01-15T10:20:00.000Z')
    assert.equal(house.ledger('a')[0]!.reason, '')
  })

  it('runs the newest of what it slept through and merges the others into it', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '0 * * * *' })
    await house.later(3 * HOUR + 5 * MINUTE)
    assert.deepEqual(states(house, 'a'), [
      ['2026-01-15T11:00', 'merged'],
      ['2026-01-15T12:00', 'merged'],
      ['2026-01-15T13:00', 'ran'],
    ])
    assert.deepEqual(
      new Set(house.ledger('a').map(({ run_id }) => run_id)),
      new Set(['run of a@2026-01-15T13:00:00.000Z']),
    )
    assert.equal(house.ledger('a')[2]!.reason, 'Ran 5 minutes late.')
    assert.deepEqual(house.notices, [])
  })

  it('misses what is late where that is not caught up, says so once, and runs what is on time', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '0 * * * *', catchUp: false })
    await house.later(3 * HOUR)
    assert.deepEqual(states(house, 'a'), [
      ['2026-01-15T11:00', 'missed'],
      ['2026-01-15T12:00', 'missed'],
      ['2026-01-15T13:00', 'ran'],
    ])
    assert.deepEqual(house.notices, [{ kind: 'missed', title: 'a missed 2 times' }])
  })

  it('skips while the run before is unfinished, with the reason', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '0 * * * *' })
    await house.later(HOUR)
    await house.later(HOUR)
    assert.deepEqual(states(house, 'a'), [
      ['2026-01-15T11:00', 'ran'],
      ['2026-01-15T12:00', 'skipped'],
    ])
    assert.match(house.ledger('a')[1]!.reason, /not over/)
    house.endRuns()
    await house.later(HOUR)
    assert.equal(house.ledger('a')[2]!.state, 'ran')
  })

  it('skips what cannot be submitted, and says so', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '0 * * * *' })
    house.faults.push(new AppError('invalid', 'There is no such model.'))
    await house.later(HOUR)
    assert.deepEqual(
      house.ledger('a').map(({ state, reason }) => [state, reason]),
      [['skipped', 'There is no such model.']],
    )
    assert.deepEqual(house.notices, [{ kind: 'trouble', title: 'a could not start' }])
  })

  it('tries again at the next beat after any other fault, which keeps no other schedule from running', async () => {
    using house = openHouse()
    for (const id of ['a', 'b', 'c']) house.set({ id, schedule: '0 * * * *' })
    house.faults.push(undefined, new Error('the disk is full'), undefined, new Error('the disk is full'))
    await house.later(HOUR)
    assert.deepEqual(
      ['a', 'b', 'c'].map((id) => house.ledger(id).length),
      [1, 0, 1],
    )
    await house.later(1000)
    assert.deepEqual(states(house, 'b'), [['2026-01-15T11:00', 'ran']])
  })

  it('runs one time once, and a time that is over is refused', async () => {
    using house = openHouse()
    house.set({ id: 'a', runAt: '2026-01-15T10:00:07Z' })
    await house.later(6_999)
    assert.equal(house.submitted().length, 0)
    await house.later(1)
    house.set({ id: 'a', runAt: '2026-01-15T10:00:07Z', catchUp: false })
    await house.later(DAY)
    assert.deepEqual(
      house.ledger('a').map(({ due_at, state }) => [due_at, state]),
      [['2026-01-15T10:00:07.000Z', 'ran']],
    )
    assert.equal(house.schedules.find('a')!.next_run_at, null)
    const path = (error: AppError) => (error.detail as [{ path: string }])[0].path === 'run_at'
    assert.throws(() => house.set({ id: 'b', runAt: '2026-01-15T09:59:59Z' }), path)
    assert.throws(() => house.set({ id: 'b', runAt: '2026-02-15T09:59:59Z', schedule: '0 * * * *' }), path)
  })

  it('repeats nothing when the clock is set back', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '*/10 * * * *' })
    await house.later(HOUR)
    house.endRuns()
    await house.later(-HOUR)
    await house.later(30 * MINUTE)
    house.set({ id: 'a', schedule: '*/5 * * * *' })
    await house.later(30 * MINUTE)
    assert.equal(house.submitted().length, 1)
    assert.equal(house.schedules.find('a')!.next_run_at, '2026-01-15T11:05:00.000Z')
  })

  it('does not fire twice after a restart in the same second', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '* * * * * *' })
    await house.later(1000)
    house.endRuns()
    house.restart()
    await house.later(0)
    assert.equal(house.submitted().length, 1)
  })

  it('keeps what was due before a change, and counts from the change on', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '*/10 * * * *' })
    house.clock.at += 25 * MINUTE
    house.set({ id: 'a', schedule: '0 * * * *' })
    assert.deepEqual(states(house, 'a'), [
      ['2026-01-15T10:10', 'skipped'],
      ['2026-01-15T10:20', 'skipped'],
    ])
    house.set({ id: 'a', schedule: '0 * * * *', enabled: false })
    assert.equal(house.schedules.find('a')!.next_run_at, null)
    await house.later(DAY)
    house.set({ id: 'a', schedule: '0 * * * *' })
    assert.equal(house.schedules.find('a')!.next_run_at, '2026-01-16T11:00:00.000Z')
    assert.equal(house.ledger('a').length, 2)
  })

  it('tells a long silence of a fast schedule in one row with its count', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '* * * * * *' })
    await house.later(365 * DAY)
    const rows = house.ledger('a')
    const seconds = (365 * DAY) / 1000
    assert.equal(rows.length, MOST_SINGLES + 1)
    assert.equal(rows[0]!.count, seconds - MOST_SINGLES)
    assert.equal(Date.parse(rows[0]!.until_at) + 1000, Date.parse(rows[1]!.due_at))
    assert.equal(
      rows.reduce((sum, { count }) => sum + count, 0),
      seconds,
    )
    const { counts } = house.schedules.occurrences('a', { limit: 1 })
    assert.deepEqual(counts, { ran: 1, skipped: 0, missed: 0, merged: seconds - 1 })
  })

  it('lets everything else have its turn while thousands are due at once', async () => {
    using house = openHouse()
    house.db.transact(() => {
      for (let n = 0; n < 2_000; n++) house.set({ id: `s${n}`, schedule: '0 * * * *' })
    })
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await house.later(HOUR)
    clearInterval(timer)
    assert.equal(house.submitted().length, 2_000)
    assert.ok(turns >= 5, `${turns} turns`)
  })

  it('pages through the ledger and cuts a span out of it, reaching into a row of many', async () => {
    using house = openHouse()
    house.set({ id: 'a', schedule: '* * * * * *', catchUp: false })
    await house.later(DAY)
    const page = house.schedules.occurrences('a', { limit: 2 })
    assert.equal(page.total, MOST_SINGLES + 1)
    const next = house.schedules.occurrences('a', { limit: 2, cursor: page.next_cursor! })
    assert.ok(next.items[0]!.due_at < page.items[1]!.due_at)
    const span = house.schedules.occurrences('a', {
      limit: 10,
      from: '2026-01-15T12:00:00.000Z',
      to: '2026-01-15T13:00:00.000Z',
    })
    assert.deepEqual([span.items.length, span.items[0]!.state], [1, 'missed'])
    assert.equal(house.schedules.occurrences('a', { limit: 10, to: '2026-01-15T09:00:00.000Z' }).total, 0)
  })
})

describe('the ledger', () => {
  const MOST = 20_000
  const EXPRESSIONS = [
    '*/30 * * * * *',
    '*/7 * * * *',
    '0 * * * *',
    '0,30 2 * * *',
    '30 2 * * *',
    '15 1-3 * * *',
    '0 */6 * * *',
    '0 0 29 2 *',
    '0 12 L * *',
    '10 8 * * 1-5',
    '* 2 * * *',
  ]
  const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Auckland']
  const IDS = ['a', 'b', 'c']

  type Act =
    | { do: 'later'; ms: number }
    | { do: 'beats'; ms: number; times: number }
    | { do: 'clock'; ms: number }
    | { do: 'set'; id: string; expression: string; zone: string; enabled: boolean; catchUp: boolean; between: number }
    | { do: 'once'; id: string; ms: number }
    | { do: 'end' }
    | { do: 'restart' }
    | { do: 'refuse' }
    | { do: 'fail' }

  const span = fc.oneof(
    fc.integer({ min: 0, max: 5_000 }),
    fc.integer({ min: 0, max: 2 * HOUR }),
    fc.integer({ min: 0, max: 40 * DAY }),
    fc.integer({ min: 0, max: 400 * DAY }),
  )
  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('later' as const), ms: span }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('beats' as const),
        ms: fc.constantFrom(1_000, 7_777, 20 * MINUTE),
        times: fc.integer({ min: 1, max: 60 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('clock' as const), ms: span.map((ms) => -ms) }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('set' as const),
        id: fc.constantFrom(...IDS),
        expression: fc.constantFrom(...EXPRESSIONS),
        zone: fc.constantFrom(...ZONES),
        enabled: fc.constantFrom(true, true, true, false),
        catchUp: fc.boolean(),
        between: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: DAY })),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('once' as const),
        id: fc.constantFrom(...IDS),
        ms: fc.integer({ min: 1, max: 3 * DAY }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const) }) },
  )

  /** What a schedule should be accounted for: spans under one expression, and what they hold. */
  type Model = {
    expression: string | null
    once: number | null
    zone: string
    enabled: boolean
    from: number
    looked: number
    expected: number[]
  }

  function close(model: Model): void {
    if (!model.enabled) return
    const { expression, once, zone, from, looked } = model
    const more =
      expression !== null
        ? between(expression, zone, from, looked)
        : once !== null && once > from && once <= looked
          ? [once]
          : []
    model.expected.push(...more)
    model.from = Math.max(model.from, looked)
  }

  function begin(model: Model, at: number, change: Pick<Model, 'expression' | 'once' | 'zone' | 'enabled'>): void {
    const same =
      model.expression === change.expression &&
      model.once === change.once &&
      model.zone === change.zone &&
      model.enabled === change.enabled
    if (same && change.expression !== null) return
    model.looked = Math.max(model.looked, at)
    close(model)
    Object.assign(model, change, { from: Math.max(at, model.expected.at(-1) ?? 0), looked: at })
  }

  /** How much would still be expected if this much time went by. */
  const ahead = (models: Map<string, Model>, until: number) =>
    [...models.values()].reduce((total, { enabled, expression, zone, from, expected }) => {
      const more =
        enabled && expression !== null ? countOccurrences(expression, zone, new Date(from), new Date(until)) : 0
      return total + expected.length + more
    }, 0)

  async function live(acts: Act[]): Promise<void> {
    using house = openHouse('2026-03-20T10:00:00.123Z')
    const models = new Map<string, Model>()

    async function look(ms: number): Promise<void> {
      if (ahead(models, house.clock.at + ms) > MOST) return
      const faulty = house.faults.length > 0
      await house.later(ms)
      // A fault that is nobody's fault is over at the next beat.
      if (faulty) {
        house.faults.length = 0
        await house.later(0)
      }
      for (const model of models.values()) model.looked = Math.max(model.looked, house.clock.at)
    }

    function set(id: string, draft: Partial<ScheduleDraft>): void {
      const at = house.clock.at
      house.set({ id, ...draft })
      const change = {
        expression: draft.schedule ?? null,
        once: draft.runAt ? Date.parse(draft.runAt) : null,
        zone: draft.timezone ?? 'UTC',
        enabled: draft.enabled ?? true,
      }
      const model = models.get(id)
      if (model) begin(model, at, change)
      else models.set(id, { ...change, from: at, looked: at, expected: [] })
    }

    for (const one of acts) {
      if (one.do === 'later') await look(one.ms)
      else if (one.do === 'beats') for (let n = 0; n < one.times; n++) await look(one.ms)
      else if (one.do === 'clock') await look(one.ms)
      else if (one.do === 'end') house.endRuns()
      else if (one.do === 'restart') house.restart()
      else if (one.do === 'refuse') house.faults.push(new AppError('invalid', 'It is refused.'))
      else if (one.do === 'fail') house.faults.push(new Error('It failed.'))
      else if (one.do === 'once') set(one.id, { runAt: new Date(house.clock.at + one.ms).toISOString() })
      else if (ahead(models, house.clock.at + one.between) <= MOST) {
        house.clock.at += one.between
        set(one.id, { schedule: one.expression, timezone: one.zone, enabled: one.enabled, catchUp: one.catchUp })
      }
    }
    await look(0)
    for (const [id, model] of models) {
      close(model)
      compare(house, id, model.expected)
    }
    const ran = IDS.flatMap((id) =>
      house
        .ledger(id)
        .filter(({ state }) => state === 'ran')
        .map(({ due_at }) => `${id}@${due_at}`),
    )
    assert.deepEqual(house.submitted().sort(), ran.sort())
  }

  /** Every expected time stands in exactly one row, and no row stands for anything else. */
  function compare(house: House, id: string, expected: number[]): void {
    let at = 0
    for (const row of house.ledger(id)) {
      const part = expected.slice(at, at + row.count)
      assert.deepEqual(
        [row.due_at, row.until_at],
        [part[0], part.at(-1)].map((time) => time && new Date(time).toISOString()),
      )
      at += row.count
    }
    assert.equal(at, expected.length)
  }

  it('holds every time that was due exactly once, over years of clocks that jump, sleep, edits and restarts', async () => {
    await fc.assert(fc.asyncProperty(fc.array(act, { minLength: 30, maxLength: 60 }), live), { numRuns: 50 })
  })
})
