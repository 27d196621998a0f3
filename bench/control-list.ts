import Database from 'better-sqlite3'
import express from 'express'

/** The least that the same list of agents could cost: a bare handler over a copy of the database, with the same queries. */

const [file = '', userId = ''] = process.argv.slice(2)
const db = new Database(file, { readonly: true })
const agents = db.prepare<[string], { id: string; allowed_tools: string | null }>(
  `SELECT agents.id, name, prompt, integrity, model, expression AS schedule, run_at, timezone, catch_up, next_at AS next_run_at, enabled, paused,
     prompt_mode, allowed_tools, max_tool_calls, max_cost_usd, agents.created_at, agents.updated_at, agents.user_id
   FROM agents LEFT JOIN schedules ON schedules.id = agents.id
   WHERE agents.user_id = ? AND deleted_at IS NULL ORDER BY agents.created_at, agents.id`,
)
const last = db.prepare<[string]>(
  'SELECT id, status, created_at, ended_at FROM runs WHERE agent_id = ? ORDER BY number DESC LIMIT 1',
)
const used = db.prepare<[string]>(
  'SELECT sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd FROM usage_days WHERE agent_id = ?',
)

const app = express()
app.disable('x-powered-by').disable('etag')
app.get('/api/agents', (_req, res) => {
  const list = agents.all(userId).map((agent) => ({
    ...agent,
    allowed_tools: agent.allowed_tools === null ? null : (JSON.parse(agent.allowed_tools) as string[]),
    last_run: last.get(agent.id) ?? null,
    ...(used.get(agent.id) as object),
  }))
  res.json(list)
})
const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as { port: number }
  process.stdout.write(`${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port}` })}\n`)
})
process.on('SIGTERM', () => process.exit(0))
