import { randomUUID } from 'node:crypto'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { pause, rss, scratch, startHouse, startModel } from '../processes.ts'
import { compared, limited, median, quantile, type Row } from '../table.ts'

const SCHEDULES = 10_000
const STARTS = 9
const WATCHED_MS = 65_000

/** What ten thousand schedules cost at a start and in memory, and how late what is due is taken up. */
export async function schedules(): Promise<Row[]> {
  await using model = await startModel(10)
  const folder = scratch()
  const [none, many] = [join(folder, 'none'), join(folder, 'many')]
  await (await startHouse(model.url, none)).stop()
  cpSync(none, many, { recursive: true })
  fill(join(many, 'steward.sqlite'), 'due tomorrow')
  const times = { none: [] as number[], many: [] as number[] }
  const memory = { none: 0, many: 0 }
  for (let n = 0; n < STARTS; n++)
    for (const [name, dir] of [
      ['none', none],
      ['many', many],
    ] as const) {
      const started = performance.now()
      const house = await startHouse(model.url, dir, false)
      times[name].push(performance.now() - started)
      if (n === STARTS - 1) {
        await pause(3_000)
        memory[name] = rss(house.process.pid!)
      }
      await house.stop()
    }
  const late = await lateness(model.url, none, join(folder, 'due'))
  const start = { figure: `start with ${SCHEDULES} schedules`, value: median(times.many), control: median(times.none) }
  return [
    compared({ ...start, unit: 'ms' }, { atMost: 1.3 }),
    limited({ figure: 'more memory', value: Math.max(0, memory.many - memory.none), unit: 'MiB' }, 40),
    limited({ figure: `late, p99 of ${late.length}`, value: quantile(late, 0.99), unit: 'ms' }, 200),
  ]
}

/** Each is due once a minute, all seconds alike; a run each. */
async function lateness(modelUrl: string, from: string, dir: string): Promise<number[]> {
  cpSync(from, dir, { recursive: true })
  fill(join(dir, 'steward.sqlite'), 'due now')
  const house = await startHouse(modelUrl, dir, false)
  await pause(WATCHED_MS)
  await house.kill()
  const db = new Database(join(dir, 'steward.sqlite'))
  const rows = db.prepare('SELECT due_at AS due, recorded_at AS at FROM occurrences').all() as {
    due: string
    at: string
  }[]
  db.close()
  return rows.map(({ due, at }) => Date.parse(at) - Date.parse(due))
}

function fill(file: string, when: 'due now' | 'due tomorrow'): void {
  const db = new Database(file)
  const user = db.prepare('SELECT id FROM users').pluck().get()
  const now = Date.now()
  const task = db.prepare(
    `INSERT INTO tasks (id, user_id, name, prompt, integrity, enabled, created_at, updated_at) VALUES (?, ?, 'Tick', 'Tick', 'owner', 1, ?, ?)`,
  )
  const schedule = db.prepare(
    `INSERT INTO schedules (id, user_id, kind, expression, timezone, catch_up, next_at, updated_at) VALUES (?, ?, 'task', ?, 'UTC', 1, ?, ?)`,
  )
  db.transaction(() => {
    for (let n = 0; n < SCHEDULES; n++) {
      const [id, at] = [randomUUID(), new Date(now).toISOString()]
      task.run(id, user, at, at)
      const first = Math.ceil(now / 1_000) * 1_000 + (5 + (n % 60)) * 1_000
      if (when === 'due now')
        schedule.run(id, user, `${new Date(first).getUTCSeconds()} * * * * *`, new Date(first).toISOString(), at)
      else schedule.run(id, user, '0 8 * * *', new Date(now + 86_400_000).toISOString(), at)
    }
  })()
  db.close()
}
