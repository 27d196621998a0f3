import { Readable } from 'node:stream'
import type { Transporter } from 'nodemailer'
import { AppError } from '../errors.ts'
import type { Delivery } from '../outbox/delivery.ts'
import type { EmailAccount } from './account-rows.ts'
import { mailFault } from './faults.ts'
import type { ResolveHost } from './resolver.ts'

const CONNECT_MS = 20_000
const GREETING_MS = 15_000
const SOCKET_MS = 60_000

type Way = { resolve: ResolveHost; password: string | undefined }

/** A whole message as it goes over the wire, and to whom; `from` and `to` are bare addresses. */
export type RawMail = { from: string; to: readonly string[]; raw: Buffer }

/** Signs in and says goodbye. Throws as `openImap` does. */
export async function checkSmtp(account: EmailAccount, way: Way): Promise<void> {
  const transport = await transportOf(account, way)
  try {
    await transport.verify()
  } catch (error) {
    throw mailFault('smtp', account.smtp!, error)
  } finally {
    transport.close()
  }
}

/**
 * Hands a message over and says what became of it. It certainly did not get through while not a byte of it had been asked for, or
 * where the server answered that it does not take it; a connection that ends between is uncertain.
 */
export async function sendSmtp(account: EmailAccount, way: Way, mail: RawMail): Promise<Delivery> {
  const to = mail.to.join(', ')
  let begun = false
  let transport: Transporter | undefined
  try {
    transport = await transportOf(account, way)
    const body = new Readable({
      read() {
        begun = true
        this.push(mail.raw)
        this.push(null)
      },
    })
    await transport.sendMail({ envelope: { from: mail.from, to: [...mail.to] }, raw: body })
    return { to, state: 'delivered', status: null, answer: '' }
  } catch (error) {
    return notDelivered(to, account, error, begun)
  } finally {
    transport?.close()
  }
}

function notDelivered(to: string, account: EmailAccount, error: unknown, begun: boolean): Delivery {
  const { responseCode } = error as { responseCode?: number }
  if (account.smtp === undefined) return { to, state: 'refused', error: (error as Error).message, forGood: true }
  const { message } = mailFault('smtp', account.smtp, error)
  if (responseCode === undefined && begun) return { to, state: 'uncertain', error: message }
  return { to, state: 'refused', error: message, status: responseCode, forGood: (responseCode ?? 0) >= 500 }
}

async function transportOf(account: EmailAccount, { resolve, password }: Way): Promise<Transporter> {
  const server = account.smtp
  if (!server) throw new AppError('conflict', 'This account has no SMTP server.')
  const { createTransport } = await import('nodemailer')
  const { host, servername } = await resolve(account, server.host)
  return createTransport({
    host,
    port: server.port,
    secure: server.secure === 'tls',
    requireTLS: server.secure === 'starttls',
    ignoreTLS: server.secure === 'none',
    tls: { minVersion: 'TLSv1.2', servername, ...(account.tlsCa === null ? {} : { ca: account.tlsCa }) },
    ...signIn(account, server.username, password),
    connectionTimeout: CONNECT_MS,
    greetingTimeout: GREETING_MS,
    socketTimeout: SOCKET_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    name: 'localhost',
    logger: false,
  } as Parameters<typeof createTransport>[0]) as Transporter
}

function signIn({ auth }: EmailAccount, user: string, password: string | undefined) {
  if (user === '') return {}
  if (auth === 'oauth2') return { auth: { type: 'OAuth2', user, accessToken: password ?? '' } }
  return { auth: { user, pass: password ?? '' } }
}
