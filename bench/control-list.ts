import Database from 'better-sqlite3'
import express from 'express'

/** The least that the same list of agents could cost: a bare handler over a copy of the database, with the same queries. */

const [file = '', userId = ''] = process.argv.slice(2)
const db = new Database(file, { readonly: true })
const agents = db.prepare<[string], { id: string; allowed_tools: string | null }>(
  `SELECT id, name, prompt, integrity, model, prompt_mode, allowed_tools, max_tool_calls, max_cost_usd, enabled, paused,
     created_at, updated_at, user_id
   FROM agents WHERE user_id = ? AND deleted_at IS NULL ORDER BY created_at, id`,
)
type About = { of: string }
const timings = db.prepare<[string], About>(
  `SELECT id AS of, expression AS schedule, run_at, timezone, catch_up, next_at AS next_run_at FROM schedules
   WHERE id IN (SELECT value FROM json_each(?))`,
)
const lasts = db.prepare<[string], About>(
  `SELECT wanted.value AS of, runs.id, status, created_at, ended_at FROM json_each(?) AS wanted CROSS JOIN runs
   ON runs.number = (SELECT number FROM runs WHERE agent_id = wanted.value ORDER BY number DESC LIMIT 1)`,
)
const used = db.prepare<[string], About>(
  `SELECT agent_id AS of, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd
   FROM usage_days WHERE agent_id <> '' AND agent_id IN (SELECT value FROM json_each(?)) GROUP BY agent_id`,
)
const NO_USE = { input_tokens: 0, output_tokens: 0, cost_usd: 0 }

const byId = (rows: About[]) => new Map(rows.map(({ of, ...row }) => [of, row]))

const app = express()
app.disable('x-powered-by').disable('etag')
app.get('/api/agents', (_req, res) => {
  const list = agents.all(userId)
  const ids = JSON.stringify(list.map(({ id }) => id))
  const [when, last, use] = [timings, lasts, used].map((query) => byId(query.all(ids)))
  const shown = list.map((agent) => ({
    ...agent,
    allowed_tools: agent.allowed_tools === null ? null : (JSON.parse(agent.allowed_tools) as string[]),
    ...when!.get(agent.id),
    last_run: last!.get(agent.id) ?? null,
    ...(use!.get(agent.id) ?? NO_USE),
  }))
  res.json(shown)
})
const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number }
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`)
})
process.on('SIGTERM', () => process.exit(0))
