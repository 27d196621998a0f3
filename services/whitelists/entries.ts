import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'

export type ListDeps = Deps & { audit: Pick<Audit, 'record'> }

/** How one change of a list is told to the audit log. */
export type ListEntry = { action: string; subject: string; by: Actor; outcome?: string }

/** Does one change of a list and writes it into the audit log; no row touched is what `none` says. */
export function changeOf({ db, audit }: Pick<ListDeps, 'db' | 'audit'>) {
  return (work: () => { changes: number }, none: AppError, entry: ListEntry): void =>
    db.transact(() => {
      if (work().changes === 0) throw none
      audit.record({ kind: 'whitelist', ...entry })
    })
}

export const missing = (what: string) => new AppError('not_found', `${what} is not on the list.`)
export const twice = (what: string) => new AppError('conflict', `${what} is already on the list.`)
export const flag = (value: boolean | undefined) => (value === undefined ? null : Number(value))

/** The parts of a draft that decide what may be done. */
export function said(parts: Record<string, string | number | boolean | undefined>): string {
  return Object.entries(parts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ')
}
