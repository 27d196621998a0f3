import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { startSteward } from './steward.ts'

const CROWD = 400
const REQUEST = 'GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'

describe('a crowd of clients that connect in one moment', () => {
  it('is let in before those who are in have been answered many times over', async () => {
    await using steward = await startSteward({ setUp: false })
    const port = Number(new URL(steward.url).port)
    const sockets: Socket[] = Array.from({ length: CROWD }, () => connect(port, '127.0.0.1'))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    const answers = new Map<Socket, number>()
    let all = 0
    const everybody = new Promise<number>((resolve, reject) => {
      for (const socket of sockets) {
        socket.on('error', reject).on('data', () => {
          all++
          answers.set(socket, (answers.get(socket) ?? 0) + 1)
          if (answers.size === CROWD) resolve(all)
          else socket.write(REQUEST)
        })
      }
    })
    for (const socket of sockets) socket.write(REQUEST)
    const given = await everybody
    for (const socket of sockets) socket.destroy()
    assert.ok(given < CROWD * 40, `${given} answers until each of ${CROWD} had one`)
  })
})
