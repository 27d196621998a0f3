import { isIP } from 'node:net'
import { publicAddressOf, type Lookup } from '../outgoing/connect.ts'
import type { EmailAccount } from './account-rows.ts'

/** Where to connect to, and the name that the certificate must be made out to. */
export type ResolveHost = (
  account: Pick<EmailAccount, 'userId'>,
  host: string,
) => Promise<{ host: string; servername?: string }>

/**
 * An administrator's servers are reached as they are, also inside the house. Those of other users are looked up once and
 * reached only where they are on the open internet, by the very address that was looked at.
 */
export function createResolver({
  isAdmin,
  lookup,
}: {
  isAdmin: (userId: string) => boolean
  lookup?: Lookup | undefined
}): ResolveHost {
  return async ({ userId }, host) => {
    if (isAdmin(userId)) return isIP(host) === 0 ? { host, servername: host } : { host }
    const address = await publicAddressOf(host, lookup)
    return isIP(host) === 0 ? { host: address, servername: host } : { host: address }
  }
}
