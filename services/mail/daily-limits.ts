import { dayIn } from '../budgets/house-day.ts'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'

export type DailyLimits = ReturnType<typeof createDailyLimits>

/**
 * How many mails a day go to an address of the whitelist. A place is taken before anything is sent, and given back only where the
 * mail certainly did not go there. The day is the house's own. Callers hold the transaction.
 */
export function createDailyLimits({ db, now, timezone }: Deps & { timezone: string }) {
  const count = db.prepare<[string, string, string], { n: number }>(
    'SELECT count(*) AS n FROM email_reservations WHERE address = ? AND day = ? AND call_id <> ?',
  )
  const counts = db.prepare<[string], { address: string; n: number }>(
    'SELECT address, count(*) AS n FROM email_reservations WHERE day = ? GROUP BY address',
  )
  const put = db.prepare<[string, string, string, string]>(
    `INSERT INTO email_reservations (call_id, address, day, created_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (call_id, address) DO UPDATE SET day = excluded.day`,
  )
  const drop = db.prepare<{ callId: string; address: string | null }>(
    'DELETE FROM email_reservations WHERE call_id = @callId AND (@address IS NULL OR address = @address)',
  )
  const limitOf = db.prepare<[string], { daily_limit: number }>(
    'SELECT daily_limit FROM email_whitelist WHERE email = ?',
  )
  const today = () => dayIn(timezone, now())

  return {
    /** Of today, without what this very call has taken. */
    written: (address: string, callId = ''): number => count.get(address, today(), callId)!.n,

    /** Of today, by address in lower case. */
    today: (): Map<string, number> => new Map(counts.all(today()).map(({ address, n }) => [address.toLowerCase(), n])),

    /** Takes a place at each address. Throws `forbidden` where there is none left. */
    reserve(callId: string, addresses: readonly string[]): void {
      const day = today()
      for (const address of addresses) {
        const limit = limitOf.get(address)?.daily_limit ?? 0
        if (limit > 0 && count.get(address, day, callId)!.n >= limit)
          throw new AppError('forbidden', `${address} has been written to as often as it may be today.`)
        put.run(callId, address, day, now().toISOString())
      }
    },

    /** Gives the places of a call back: all of them, or that of one address. */
    release: (callId: string, address: string | null = null): void => void drop.run({ callId, address }),
  }
}
