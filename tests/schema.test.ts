import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import Database from 'better-sqlite3'
import { openDb, SCHEMA_VERSION } from '../db/open.ts'

const SCHEMA_DIR = join(import.meta.dirname, '..', 'db')
const SCHEMA_1 = readFileSync(join(import.meta.dirname, 'fixtures', 'schema-1.sql'), 'utf8')
const AT = '2026-11-01T08:00:00.000Z'

type Item = { type: string; name: string; tbl_name: string; sql: string | null }

/** What a database is, apart from the order in which it came about: columns, keys, checks, indexes, triggers. */
function shapeOf(db: Database.Database): Record<string, unknown> {
  const items = db
    .prepare<[], Item>(`SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'`)
    .all()
  return Object.fromEntries(
    items.map((item) => [
      `${item.type} ${item.name}`,
      item.type === 'table' ? tableOf(db, item) : plain(item.sql ?? ''),
    ]),
  )
}

function tableOf(db: Database.Database, { name, sql }: Item): unknown {
  const columns = db.prepare<[string], { name: string; cid?: number }>('SELECT * FROM pragma_table_xinfo(?)').all(name)
  const keys = db.prepare<[string], { id?: number; from: string }>('SELECT * FROM pragma_foreign_key_list(?)').all(name)
  const uniques = db
    .prepare<[string], { name: string }>(`SELECT * FROM pragma_index_list(?) WHERE origin <> 'c'`)
    .all(name)
    .map((index) => db.prepare('SELECT name FROM pragma_index_info(?)').all(index.name))
  const [{ strict, wr } = { strict: 0, wr: 0 }] = db
    .prepare<[string], { strict: number; wr: number }>('SELECT strict, wr FROM pragma_table_list(?)')
    .all(name)
  return {
    columns: columns.map(({ cid: _cid, ...column }) => column).sort((a, b) => a.name.localeCompare(b.name)),
    keys: keys.map(({ id: _id, ...key }) => key).sort((a, b) => a.from.localeCompare(b.from)),
    uniques: uniques.map((columns) => JSON.stringify(columns)).sort(),
    checks: checksIn(sql ?? '').sort(),
    strict,
    wr,
  }
}

/** Without comments, quotes around names and the breaks of lines. */
const plain = (sql: string) =>
  sql
    .replace(/--[^\n]*/g, '')
    .replaceAll('"', '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([(),]) ?/g, '$1')
    .trim()

/** The expressions of all CHECKs, brackets within them counted. */
function checksIn(sql: string): string[] {
  const text = plain(sql)
  return [...text.matchAll(/\bCHECK ?\(/gi)].map(({ index, 0: head }) => {
    const start = index + head.length
    let end = start
    for (let depth = 1; depth > 0; end++) depth += text[end] === '(' ? 1 : text[end] === ')' ? -1 : 0
    return text.slice(start, end - 1)
  })
}

let dir: string
before(() => void (dir = mkdtempSync(join(tmpdir(), 'schema-'))))
after(() => rmSync(dir, { recursive: true, force: true }))

/** A file as version 1 left it. */
function fileOfVersion1(name: string): string {
  const file = join(dir, name)
  const db = new Database(file)
  db.exec(SCHEMA_1)
  db.pragma('user_version = 1')
  const insert = (sql: string, ...values: unknown[]) => db.prepare(sql).run(...values)
  insert(`INSERT INTO users VALUES ('anna', 'anna', 'hash', 'admin', 1, ?, ?)`, AT, AT)
  insert(
    `INSERT INTO conversations (id, user_id, title, model, started_at, updated_at) VALUES ('c1', 'anna', 'Hello', 'rehearsal:offline', ?, ?)`,
    AT,
    AT,
  )
  const run = `INSERT INTO runs (id, user_id, conversation_id, origin, door, attended, status, input, input_integrity, model, integrity, privacy, answer, created_at)
    VALUES (?, 'anna', 'c1', 'chat', 'web', 1, ?, ?, 'owner', 'rehearsal:offline', 'owner', 'private', ?, ?)`
  insert(run, 'r1', 'succeeded', 'What about the tomatoes?', 'They are ripe.', AT)
  insert(run, 'r2', 'waiting', 'Write it down', '', AT)
  insert(run, 'r3', 'queued', 'And then?', '', AT)
  insert(
    `INSERT INTO steps (id, run_id, position, kind, status, tool_name, operation, arguments, integrity, privacy, started_at)
     VALUES ('s1', 'r2', 0, 'tool', 'started', 'filesystem', 'write_file', '{"path":"/a"}', 'owner', 'private', ?)`,
    AT,
  )
  insert(
    `INSERT INTO approvals (id, user_id, kind, state, run_id, conversation_id, tool_name, operation, arguments, arguments_hash, integrity, description, reason, created_at, expires_at)
     VALUES ('s1', 'anna', 'call', 'pending', 'r2', 'c1', 'filesystem', 'write_file', '{"path":"/a"}', 'h', 'owner', 'Write', 'It writes.', ?, ?)`,
    AT,
    AT,
  )
  insert(
    `INSERT INTO events (user_id, conversation_id, run_id, type, data, created_at) VALUES ('anna', 'c1', 'r1', 'done', '{}', ?)`,
    AT,
  )
  db.close()
  return file
}

const openAgain = (file: string) => openDb(file, { schemaDir: SCHEMA_DIR, backupDir: dir })

describe('the schema', () => {
  it('is the same whether it is made afresh or brought forward', () => {
    const fresh = openAgain(join(dir, 'fresh.sqlite'))
    const old = openAgain(fileOfVersion1('old.sqlite'))
    try {
      assert.deepEqual(shapeOf(old.sqlite), shapeOf(fresh.sqlite))
      assert.equal(old.sqlite.pragma('user_version', { simple: true }), SCHEMA_VERSION)
    } finally {
      old.close()
      fresh.close()
    }
  })

  it('brings everything of an older file along, which stays beside it as a backup', () => {
    const file = fileOfVersion1('kept.sqlite')
    const known = new Set(readdirSync(dir))
    const db = openAgain(file)
    try {
      const all = (sql: string) => db.prepare(sql).all()
      assert.deepEqual(all('SELECT id, lane, ready, autonomous, fair_key FROM runs ORDER BY number'), [
        { id: 'r1', lane: 'chat', ready: 0, autonomous: 0, fair_key: '' },
        { id: 'r2', lane: 'chat', ready: 1, autonomous: 0, fair_key: '' },
        { id: 'r3', lane: 'chat', ready: 0, autonomous: 0, fair_key: '' },
      ])
      assert.deepEqual(all('SELECT id, kind FROM conversations'), [{ id: 'c1', kind: 'chat' }])
      assert.deepEqual(all('SELECT id, run_id, arguments FROM steps'), [
        { id: 's1', run_id: 'r2', arguments: '{"path":"/a"}' },
      ])
      assert.deepEqual(all('SELECT id, call_id, state FROM approvals'), [{ id: 's1', call_id: 's1', state: 'pending' }])
      assert.deepEqual(all(`SELECT rowid FROM runs_text WHERE runs_text MATCH 'tomatoes'`), [{ rowid: 1 }])
      assert.deepEqual(all('PRAGMA foreign_key_check'), [])
      assert.deepEqual(all('PRAGMA integrity_check'), [{ integrity_check: 'ok' }])
    } finally {
      db.close()
    }
    const backups = readdirSync(dir).filter((name) => !known.has(name) && name.startsWith('before-schema-'))
    assert.equal(backups.length, 1)
    const backup = new Database(join(dir, backups[0]!), { readonly: true })
    assert.equal(backup.pragma('user_version', { simple: true }), 1)
    assert.deepEqual(backup.prepare('SELECT count(*) AS n FROM runs').get(), { n: 3 })
    backup.close()
  })

  it('is brought forward once', () => {
    const file = fileOfVersion1('once.sqlite')
    openAgain(file).close()
    const before = readdirSync(dir).length
    openAgain(file).close()
    assert.equal(readdirSync(dir).length, before)
  })
})
