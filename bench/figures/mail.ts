import { join } from 'node:path'
import Database from 'better-sqlite3'
import { newAgent } from '../../tests/peers/agents.ts'
import { startDovecot, type Dovecot } from '../../tests/peers/dovecot.ts'
import { addMailbox, deliver, mail as letter, until } from '../../tests/peers/mails.ts'
import { startProxy } from '../../tests/peers/proxy.ts'
import type { Steward } from '../../tests/steward.ts'
import { pause, rss, scratch, startHouse, startModel } from '../processes.ts'
import { limited, median, printTable, quantile, show, type Row } from '../table.ts'

const WAKES = 40
const ACCOUNTS = 50
const WAITING = 5_000
/** So many show what is held for each mail: the database's cache and V8's heap have come to their bounds before the last quarter. */
const LONG = 20_000
const SETTLE_MS = 5_000

/**
 * How soon a mail has started its run, after the server's word for it and after it was put into the mailbox; what accounts hold
 * that are only listened to; how fast and in how much memory thousands of waiting mails are gone through. At a Dovecot
 * on loopback.
 */
export async function mail(): Promise<Row[]> {
  await using model = await startModel(10)
  await using dovecot = await startDovecot()
  const folder = scratch()
  return [
    ...(await wakes(model.url, join(folder, 'wakes'), dovecot)),
    ...(await idle(model.url, join(folder, 'idle'), dovecot)),
    ...(await waiting(model.url, join(folder, 'waiting'), dovecot)),
  ]
}

async function wakes(modelUrl: string, dir: string, dovecot: Dovecot): Promise<Row[]> {
  const mailbox = dovecot.another()
  await using proxy = await startProxy(dovecot.port)
  await using house = await startHouse(modelUrl, dir)
  await addMailbox(house.owner, mailbox, { imap_port: proxy.port, agent_id: await prepared(house) })
  await bookmarks(dir, 1)
  let announced = 0
  proxy.onData((from, text) => from === 'server' && /\* \d+ EXISTS/.test(text) && (announced ||= Date.now()))
  const [afterExists, afterAppend]: [number[], number[]] = [[], []]
  for (let n = 0; n < WAKES; n++) {
    await pause(200 + ((n * 137) % 700))
    announced = 0
    const put = Date.now()
    deliver(mailbox, letter({ subject: `No. ${n}`, text: 'Please have a look at this. '.repeat(40) }))
    const [started] = await until(
      () => startedRuns(dir, n),
      (rows) => rows.length > 0,
    )
    afterExists.push(started! - announced)
    afterAppend.push(started! - put)
  }
  const range = (values: number[]) => [0.5, 0.9, 1].map((share) => show(quantile(values, share)))
  printTable(
    [`${WAKES} mails`, 'p50 ms', 'p90 ms', 'max ms'],
    [
      ['from EXISTS to the run', ...range(afterExists)],
      ['from the append to the run', ...range(afterAppend)],
    ],
  )
  return [
    limited({ figure: 'run after EXISTS, p50', value: median(afterExists), unit: 'ms' }, 100),
    limited({ figure: 'run after the append, p50', value: median(afterAppend), unit: 'ms' }, 1_000),
  ]
}

async function idle(modelUrl: string, dir: string, dovecot: Dovecot): Promise<Row[]> {
  await using house = await startHouse(modelUrl, dir)
  const agentId = await prepared(house)
  // @NOTE one first: what the client of the protocol takes by itself is no account's.
  await addMailbox(house.owner, dovecot.another(), { agent_id: agentId })
  await bookmarks(dir, 1)
  await pause(SETTLE_MS)
  const before = rss(house.process.pid!)
  const tls = { imap_port: dovecot.tlsPort, secure: 'tls', tls_ca: dovecot.ca, agent_id: agentId }
  for (let n = 0; n < ACCOUNTS; n++) await addMailbox(house.owner, dovecot.another(), { label: `Box ${n}`, ...tls })
  await bookmarks(dir, ACCOUNTS + 1)
  await pause(SETTLE_MS)
  const after = rss(house.process.pid!)
  console.log(`${ACCOUNTS} accounts by TLS: ${show(before)} → ${show(after)} MiB`)
  return [limited({ figure: 'an idle mail account', value: (after - before) / ACCOUNTS, unit: 'MiB' }, 2)]
}

async function waiting(modelUrl: string, dir: string, dovecot: Dovecot): Promise<Row[]> {
  const mailbox = dovecot.another()
  let house = await startHouse(modelUrl, dir)
  await addMailbox(house.owner, mailbox, { agent_id: await prepared(house) })
  await bookmarks(dir, 1)
  await house.owner.post('/api/pause')
  await house.stop()
  for (let n = 0; n < LONG; n++) {
    const from = n % 20 === 0 ? {} : { from: 'Shop <news@shop.example>' }
    deliver(mailbox, letter({ subject: `Offer ${n}`, text: 'Everything must go, today only. '.repeat(100), ...from }))
  }
  house = await startHouse(modelUrl, dir, false)
  const samples: Sample[] = []
  await until(
    () => samples.push({ mails: looked(dir), mib: rss(house.process.pid!) }),
    () => samples.at(-1)!.mails >= LONG,
    900,
  )
  await house.stop()
  const each = millisFor(dir, WAITING) / WAITING
  const most = (from: number, to: number) =>
    Math.max(...samples.filter(({ mails }) => mails > from && mails <= to).map(({ mib }) => mib))
  const grown = (from: number, middle: number, to: number) => Math.max(0, most(middle, to) - most(from, middle))
  printTable(
    ['mails gone through', 'most MiB'],
    [0, 1, 2, 3].map((n) => [`to ${((n + 1) * LONG) / 4}`, show(most((n * LONG) / 4, ((n + 1) * LONG) / 4))]),
  )
  console.log(`${WAITING} mails at ${show(1000 / each)} a second`)
  return [
    limited({ figure: `one of ${WAITING} waiting mails`, value: each, unit: 'ms' }, 10),
    limited(
      {
        figure: `more memory in the second half of ${WAITING} mails`,
        value: grown(0, WAITING / 2, WAITING),
        unit: 'MiB',
      },
      15,
    ),
    limited(
      {
        figure: `more memory in the last quarter of ${LONG} mails`,
        value: grown(LONG / 2, (LONG * 3) / 4, LONG),
        unit: 'MiB',
      },
      15,
    ),
  ]
}

type Sample = { mails: number; mib: number }

async function prepared({ owner }: Steward): Promise<string> {
  await owner.post('/api/settings/limits', { max_autonomous_runs_per_hour: 100_000, max_concurrent_runs: 50 })
  return (await newAgent(owner)).id
}

const bookmarks = (dir: string, count: number): Promise<unknown> =>
  until(
    () => asked<number[]>(dir, 'SELECT count(*) FROM email_folders')[0]!,
    (found) => found >= count,
    120,
  )

const startedRuns = (dir: string, after: number): number[] =>
  asked<string[]>(
    dir,
    `SELECT started_at FROM runs WHERE started_at IS NOT NULL ORDER BY number LIMIT -1 OFFSET ${after}`,
  ).map((at) => Date.parse(at))

const looked = (dir: string): number => asked<number[]>(dir, 'SELECT count(*) FROM email_messages')[0]!

/** From the first mail that was written down to that one. */
function millisFor(dir: string, count: number): number {
  const times = asked<string[]>(dir, `SELECT created_at FROM email_messages ORDER BY id LIMIT ${count}`)
  return Date.parse(times.at(-1)!) - Date.parse(times[0]!)
}

function asked<T extends unknown[]>(dir: string, sql: string): T {
  const db = new Database(join(dir, 'steward.sqlite'), { readonly: true })
  try {
    return db.prepare(sql).pluck().all() as T
  } finally {
    db.close()
  }
}
