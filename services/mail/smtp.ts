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
const PIECE_BYTES = 64 * 1024

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

/** What became of a message; `refused`: whom alone the server did not take it for, with its words. */
export type SmtpDelivery = Delivery & { refused?: readonly Refusal[] }
export type Refusal = { address: string; error: string }

type SendFault = Error & { responseCode?: number; response?: string; recipient?: string; rejectedErrors?: SendFault[] }

/**
 * Hands a message over and says what became of it. It certainly did not get through while the line that ends it had not been
 * written, or where the server answered that it does not take it; a connection that ends between is uncertain. With `signal` the
 * connection ends. `begin` is asked right before the message itself leaves, which it may forbid.
 */
export async function sendSmtp(
  account: EmailAccount,
  way: Way,
  mail: RawMail,
  signal?: AbortSignal,
  begin: () => boolean = () => true,
): Promise<SmtpDelivery> {
  const to = mail.to.join(', ')
  let held = false
  const body = inPieces(mail.raw, () => !(held = !begin()))
  let whole = false
  body.once('end', () => (whole = true))
  let transport: Transporter | undefined
  try {
    transport = await transportOf(account, way)
    // @NOTE nodemailer would read the message before the server asked for it; this one is read once it is wanted.
    transport.use('stream', ({ message }, done) => {
      message.createReadStream = () => body as ReturnType<typeof message.createReadStream>
      done()
    })
    const envelope = { from: mail.from, to: [...mail.to] }
    const sent = await transport.sendMail({ envelope, raw: '', ...(signal === undefined ? {} : { signal }) })
    const refused = (sent.rejectedErrors ?? []).map(refusalOf)
    return { to, state: 'delivered', status: codeOf(sent.response), answer: '', refused }
  } catch (error) {
    return held ? { to, state: 'held' } : notDelivered(to, account, error as SendFault, whole)
  } finally {
    body.destroy()
    transport?.close()
  }
}

function inPieces(raw: Buffer, begin: () => boolean): Readable {
  let at = 0
  return new Readable({
    read() {
      if (at === 0 && !begin()) return void this.destroy(new Error('It may not leave now.'))
      this.push(at < raw.length ? raw.subarray(at, (at += PIECE_BYTES)) : null)
    },
  })
}

function notDelivered(to: string, account: EmailAccount, error: SendFault, whole: boolean): Delivery {
  if (account.smtp === undefined) return { to, state: 'refused', error: error.message, forGood: true }
  const refused = (error.rejectedErrors ?? []).map(refusalOf)
  const words = refused.map(({ address, error }) => `${address} (${error})`).join(', ')
  const told = words === '' ? mailFault('smtp', account.smtp, error).message : `Not taken for ${words}.`
  const codes = error.rejectedErrors?.map(({ responseCode = 0 }) => responseCode) ?? [error.responseCode ?? 0]
  if (whole && error.responseCode === undefined) return { to, state: 'uncertain', error: told }
  const forGood = codes.every((code) => code >= 500)
  return { to, state: 'refused', error: told, status: error.responseCode, forGood }
}

function refusalOf({ recipient = '', response = '' }: SendFault): Refusal {
  return { address: recipient, error: response.replace(/\s+/g, ' ').slice(0, 200) }
}

function codeOf(response: string | undefined): number | null {
  const code = Number.parseInt(response ?? '', 10)
  return Number.isNaN(code) ? null : code
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
