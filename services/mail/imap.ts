import type { ImapFlow } from 'imapflow'
import { AppError } from '../errors.ts'
import type { EmailAccount } from './account-rows.ts'
import { mailFault } from './faults.ts'
import type { ResolveHost } from './resolver.ts'

export type { FetchMessageObject, ImapFlow, ListResponse, SearchObject } from 'imapflow'

const CONNECT_MS = 20_000
const GREETING_MS = 15_000
const MIB = 1024 * 1024

/** What a hostile server could make the client hold: one mail with its framing, and lines of some size. */
const LIMITS = { maxLineLength: 8 * MIB, maxLiteralSize: 64 * MIB, maxResponseSize: 72 * MIB }

export type ImapOptions = { socketTimeoutMs?: number; maxIdleMs?: number }

/**
 * A signed-in connection to the account's mailbox. It never speaks in the open but to this machine. Throws `upstream_refused` for a
 * refused sign-in and `upstream_failed` for everything else, in words for the owner.
 */
export async function openImap(
  account: EmailAccount,
  password: string | undefined,
  { resolve, version }: { resolve: ResolveHost; version: string },
  options: ImapOptions = {},
): Promise<ImapFlow> {
  const server = account.imap
  if (!server) throw new AppError('conflict', 'This account has no IMAP server.')
  if (password === undefined) throw new AppError('upstream_refused', `There is no password for ${server.host} yet.`)
  const { ImapFlow } = await import('imapflow')
  let client: ImapFlow | undefined
  try {
    client = new ImapFlow({
      ...(await resolve(account, server.host)),
      port: server.port,
      secure: server.secure === 'tls',
      doSTARTTLS: server.secure === 'starttls',
      auth: { user: server.username, ...(account.auth === 'oauth2' ? { accessToken: password } : { pass: password }) },
      tls: { minVersion: 'TLSv1.2', ...(account.tlsCa === null ? {} : { ca: account.tlsCa }) },
      clientInfo: { name: 'Steward', version },
      logger: false,
      disableAutoIdle: true,
      connectionTimeout: CONNECT_MS,
      greetingTimeout: GREETING_MS,
      ...(options.socketTimeoutMs === undefined ? {} : { socketTimeout: options.socketTimeoutMs }),
      ...(options.maxIdleMs === undefined ? {} : { maxIdleTime: options.maxIdleMs }),
      ...LIMITS,
    })
    client.on('error', () => {})
    await client.connect()
    return client
  } catch (error) {
    client?.close()
    throw mailFault('imap', server, error)
  }
}
