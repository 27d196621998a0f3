import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { answerTo, announce, contentOf } from './control-turn.ts'

/** The least that passes a model's stream on: the SDK and ws, and nothing is kept. `node relay.js <model url>` */

const modelUrl = process.argv[2] ?? ''
const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false })
sockets.on('connection', (socket) => {
  socket.on('message', async (data) => {
    await answerTo(modelUrl, contentOf(data), (delta) => socket.send(JSON.stringify({ type: 'text', content: delta })))
    socket.send(JSON.stringify({ type: 'done' }))
  })
  socket.send(JSON.stringify({ type: 'ready' }))
})
announce(server)
process.on('SIGTERM', () => process.exit(0))
