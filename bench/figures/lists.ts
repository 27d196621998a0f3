import { join } from 'node:path'
import Database from 'better-sqlite3'
import { newAgent, worked } from '../../tests/peers/agents.ts'
import { scratch, startHouse, startModel } from '../processes.ts'
import { limited, median, type Row } from '../table.ts'

const AUDIT_ENTRIES = 1_000_000
const CONVERSATIONS = 100_000
const LOOKS = 40
const LONGEST_MS = 30

/** Pages of long lists, first and last, and every filter: what one request takes. */
export async function lists(): Promise<Row[]> {
  await using model = await startModel(10)
  const dataDir = join(scratch(), 'data')
  const { agentId, userId } = await begin(model.url, dataDir)
  fill(join(dataDir, 'steward.sqlite'), agentId, userId)
  await using house = await startHouse(model.url, dataDir)
  const rows: Row[] = []
  for (const [figure, path] of Object.entries(paths(agentId))) {
    const times: number[] = []
    for (let look = 0; look < LOOKS; look++) {
      const started = performance.now()
      const { status, text } = await house.owner.get(path)
      times.push(performance.now() - started)
      if (status !== 200) throw new Error(`${path}: ${status} ${text}`)
    }
    rows.push(limited({ figure: `${figure}, p50`, value: median(times), unit: 'ms' }, LONGEST_MS))
  }
  return rows
}

const paths = (agentId: string) => ({
  'audit, first page': '/api/audit',
  'audit, last page': `/api/audit?page=${AUDIT_ENTRIES / 50}`,
  'audit of a tool': '/api/audit?tool_name=web',
  'audit of a kind': '/api/audit?kind=tool_call',
  'audit of an agent': `/api/audit?agent_id=${agentId}`,
  'audit, confirmed only': '/api/audit?confirmed_only=1',
  'audit of a day': '/api/audit?start=2024-03-01&end=2024-03-01',
  'audit of a tool on a day': '/api/audit?tool_name=web&start=2024-03-01&end=2024-03-01',
  'conversations, first page': '/api/conversations',
  'conversations, middle': `/api/conversations?page=${CONVERSATIONS / 100}`,
  'conversations, last page': `/api/conversations?page=${CONVERSATIONS / 50}`,
  'conversations with a rare word': '/api/conversations?q=zebra',
  'conversations with a common word': '/api/conversations?q=garden',
  'runs, first page': '/api/runs',
  'runs in chats': '/api/runs?origin=chat&status=succeeded',
  'notifications of a kind': '/api/notifications?kind=result',
  'approvals of a state': '/api/approvals?state=approved',
})

async function begin(modelUrl: string, dataDir: string): Promise<{ agentId: string; userId: string }> {
  await using house = await startHouse(modelUrl, dataDir)
  const { id: agentId } = await newAgent(house.owner)
  await worked(house.owner, agentId)
  return { agentId, userId: (await house.owner.get<{ id: string }>('/api/auth/me')).body.id }
}

const NUMBERS = (count: number) => `WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${count})`
/** A minute after each other, from the beginning of 2024 on. */
const AT = `strftime('%Y-%m-%dT%H:%M:%fZ', 1704067200 + n * 60, 'unixepoch')`
const ID = `printf('018d0000-0000-7000-8000-%012x', n)`

function fill(file: string, agentId: string, userId: string): void {
  const db = new Database(file)
  db.pragma('synchronous = OFF')
  const of = { agentId, userId }
  db.transaction(() => {
    db.prepare('DELETE FROM audit').run()
    db.prepare(`DELETE FROM sqlite_sequence WHERE name = 'audit'`).run()
    db.prepare(
      `INSERT INTO audit (at, user_id, kind, actor, action, tool_name, agent_id, approved_by, mac) ${NUMBERS(AUDIT_ENTRIES)}
       SELECT ${AT}, @userId, CASE n % 3 WHEN 0 THEN 'tool_call' ELSE 'sign_in' END, 'web:anna', 'did',
         CASE n % 6 WHEN 0 THEN 'web' WHEN 3 THEN 'filesystem' END, CASE n % 9 WHEN 0 THEN @agentId END,
         CASE n % 100 WHEN 0 THEN 'web' END, 'm' FROM n`,
    ).run(of)
    db.prepare(
      `INSERT INTO conversations (id, user_id, title, model, started_at, updated_at, message_count) ${NUMBERS(CONVERSATIONS)}
       SELECT ${ID}, @userId, CASE n % 1000 WHEN 0 THEN 'The zebra ' ELSE 'The garden ' END || n, 'm', ${AT}, ${AT}, 2 FROM n`,
    ).run({ userId })
    db.prepare(
      `INSERT INTO runs (id, user_id, conversation_id, origin, door, attended, status, input, input_integrity, model, integrity,
         privacy, answer, created_at, ended_at, lane) ${NUMBERS(CONVERSATIONS)}
       SELECT ${ID}, @userId, ${ID}, 'chat', 'web', 1, 'succeeded', 'What of the garden in ' || n || '?', 'owner', 'm', 'owner', 'private',
         'It grows, and so do the beds beside it.', ${AT}, ${AT}, 'chat' FROM n`,
    ).run({ userId })
    db.prepare(
      `INSERT INTO notifications (id, user_id, kind, title, created_at, read_at) ${NUMBERS(CONVERSATIONS)}
       SELECT ${ID}, @userId, CASE n % 2 WHEN 0 THEN 'result' ELSE 'missed' END, 'Something', ${AT}, ${AT} FROM n`,
    ).run({ userId })
    db.prepare(
      `INSERT INTO approvals (id, user_id, kind, state, run_id, conversation_id, tool_name, operation, arguments, arguments_hash,
         integrity, description, reason, created_at, expires_at) ${NUMBERS(CONVERSATIONS)}
       SELECT ${ID}, @userId, 'call', CASE n % 2 WHEN 0 THEN 'approved' ELSE 'denied' END, ${ID}, ${ID}, 'web', 'fetch_page', '{}', '',
         'owner', 'Read.', 'Asked.', ${AT}, ${AT} FROM n`,
    ).run({ userId })
  })()
  db.close()
}
