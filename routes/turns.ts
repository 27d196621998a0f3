import type { IncomingMessage, ServerResponse } from 'node:http'

type Listener = (req: IncomingMessage, res: ServerResponse) => void

/** How many requests begin in one turn of the event loop. */
const A_TURN = 8

/**
 * Requests begin in the order in which they came, a few in each turn of the event loop. Node lets in one connection a turn
 * (libuv accepts once for each poll), so that without it those who are in would be answered again and again in a crowd while
 * others wait at the door.
 */
export function inTurns(handle: Listener, aTurn = A_TURN): Listener {
  const waiting: [IncomingMessage, ServerResponse][] = []
  let begun = 0
  let comes = false

  function nextTurn(): void {
    comes = false
    begun = Math.min(aTurn, waiting.length)
    if (begun > 0) expectTurn()
    for (const [req, res] of waiting.splice(0, begun)) handle(req, res)
  }

  function expectTurn(): void {
    if (comes) return
    comes = true
    setImmediate(nextTurn)
  }

  return (req, res) => {
    expectTurn()
    if (waiting.length > 0 || begun >= aTurn) return void waiting.push([req, res])
    begun++
    handle(req, res)
  }
}
