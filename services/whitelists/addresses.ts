import type { Actor } from '../audit.ts'
import { addressAsKept, normaliseAddress } from '../email-address.ts'
import { changeOf, flag, missing, said, twice, type ListDeps } from './entries.ts'

/** A `daily_limit` of 0 is none; `owner`: one of the owner's own addresses. */
export type AddressEntry = { email: string; daily_limit: number; owner: boolean; created_at: string }
type Row = Omit<AddressEntry, 'owner'> & { owner: number }
type Change = { daily_limit?: number | undefined; owner?: boolean | undefined }

/** Addresses outside of which no mail is sent. */
export function createAddressList(deps: ListDeps) {
  const { db, now } = deps
  const rows = db.prepare<[], Row>('SELECT email, daily_limit, owner, created_at FROM email_whitelist ORDER BY email')
  const row = db.prepare<[string], Row>(
    'SELECT email, daily_limit, owner, created_at FROM email_whitelist WHERE email = ?',
  )
  const add = db.prepare(
    'INSERT INTO email_whitelist (email, daily_limit, owner, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const change = db.prepare(
    'UPDATE email_whitelist SET daily_limit = coalesce(?, daily_limit), owner = coalesce(?, owner) WHERE email = ?',
  )
  const remove = db.prepare('DELETE FROM email_whitelist WHERE email = ?')
  const changed = changeOf(deps)
  const outcomeOf = ({ daily_limit, owner }: Change) => said({ daily_limit, owner })

  return {
    addresses: (): AddressEntry[] => rows.all().map(entryOf),

    /** In any case of (ASCII) letters. */
    address(email: string): AddressEntry | undefined {
      const found = row.get(email)
      return found && entryOf(found)
    },

    /** Throws `invalid` for what is no single address. */
    addAddress(draft: Change & { email: string }, by: Actor): void {
      const email = normaliseAddress(draft.email)
      const { daily_limit = 0, owner = false } = draft
      const work = () => add.run(email, daily_limit, Number(owner), now().toISOString())
      changed(work, twice(email), { action: 'address added', subject: email, by, outcome: outcomeOf(draft) })
    },

    changeAddress(email: string, draft: Change, by: Actor): void {
      const kept = addressAsKept(email)
      const work = () => change.run(draft.daily_limit ?? null, flag(draft.owner), kept)
      changed(work, missing(kept), { action: 'address changed', subject: kept, by, outcome: outcomeOf(draft) })
    },

    removeAddress(email: string, by: Actor): void {
      const kept = addressAsKept(email)
      changed(() => remove.run(kept), missing(kept), { action: 'address removed', subject: kept, by })
    },
  }
}

function entryOf(row: Row): AddressEntry {
  return { ...row, owner: row.owner === 1 }
}
