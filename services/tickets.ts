import { createHash, randomBytes } from 'node:crypto'
import type { Who } from './who.ts'

const VALID_MS = 60_000

export type Tickets = ReturnType<typeof createTickets>

/**
 * Tickets for opening one socket: good once, for 60 seconds. They are gone with the process, which costs a client one more
 * request. They are looked up by their hash, so that the time a look-up takes tells nothing about the ticket.
 */
export function createTickets({ now }: { now: () => Date }) {
  const open = new Map<string, { who: Who; expires: number }>()

  function forget(): void {
    for (const [ticket, { expires }] of open) if (expires <= now().getTime()) open.delete(ticket)
  }

  return {
    issue(who: Who): { ticket: string; expires_at: string } {
      forget()
      const ticket = randomBytes(32).toString('base64url')
      const expires = now().getTime() + VALID_MS
      open.set(keyOf(ticket), { who, expires })
      return { ticket, expires_at: new Date(expires).toISOString() }
    },

    /** Who holds it, if it is still good and they still are; it is good no longer after that. */
    redeem(ticket: string): Who | undefined {
      forget()
      const held = open.get(keyOf(ticket))
      open.delete(keyOf(ticket))
      return held?.who.fresh()
    },
  }
}

function keyOf(ticket: string): string {
  return createHash('sha256').update(ticket).digest('hex')
}
