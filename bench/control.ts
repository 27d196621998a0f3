import { createServer } from 'node:http'
import { enableCompileCache } from 'node:module'
import Database from 'better-sqlite3'
import express from 'express'
import { type WebSocket, WebSocketServer } from 'ws'
import { answerTo, announce, contentOf } from './control-turn.ts'

/**
 * The least that holds a conversation and forgets nothing: Express, ws, better-sqlite3, and the same streaming model
 * call. No sign-in, no queue, no tools, no events. Steward is measured in multiples of this.
 * `node control.js <model url> <database file>`
 */

enableCompileCache()
const [modelUrl = '', file = ''] = process.argv.slice(2)

const db = new Database(file)
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.exec(
  'CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL)',
)
const insert = db.prepare('INSERT INTO messages (conversation, role, content) VALUES (?, ?, ?)')

const app = express()
app.get('/health', (_req, res) => void res.json({ status: 'ok' }))

const server = createServer(app)
const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false })
sockets.on('connection', (socket, req) => {
  const conversation = (req.url ?? '').slice('/ws/'.length)
  socket.on('message', (data) => void turn(socket, conversation, contentOf(data)))
  socket.send(JSON.stringify({ type: 'ready' }))
})
announce(server)

async function turn(socket: WebSocket, conversation: string, question: string): Promise<void> {
  insert.run(conversation, 'user', question)
  const text = await answerTo(modelUrl, question, (delta) =>
    socket.send(JSON.stringify({ type: 'text', content: delta })),
  )
  insert.run(conversation, 'assistant', text)
  socket.send(JSON.stringify({ type: 'done', text }))
}

process.on('SIGTERM', () => {
  db.close()
  process.exit(0)
})
