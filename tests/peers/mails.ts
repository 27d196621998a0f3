import { randomUUID } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ImapFlow } from 'imapflow'
import type { Client } from '../steward.ts'
import type { Dovecot } from './dovecot.ts'

/** Mails as they come over the wire, and the way by which a mail server puts them into a mailbox. */

export type MailDraft = {
  from?: string
  to?: string
  subject?: string
  text?: string
  id?: string
  headers?: Record<string, string>
  /** The whole body with its own header fields, in place of `text`. */
  body?: string
}

export const SENDER = 'ann@example.org'

let count = 0

export function mail({
  from = `Ann <${SENDER}>`,
  to = 'me@example.test',
  subject = 'Hello',
  ...more
}: MailDraft): Buffer {
  const { text = 'Hello there.', id = `${randomUUID()}@example.org`, headers = {}, body } = more
  const at = new Date(Date.UTC(2026, 10, 25, 9, 0, count++))
  return Buffer.from(
    [
      `From: ${from}`,
      `To: ${to}`,
      `Subject: ${subject}`,
      `Message-ID: <${id}>`,
      `Date: ${at.toUTCString().replace('GMT', '+0000')}`,
      'MIME-Version: 1.0',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      body ?? `Content-Type: text/plain; charset=utf-8\r\n\r\n${text}`,
      '',
    ].join('\r\n'),
  )
}

type Mailbox = Pick<Dovecot, 'maildir' | 'uid' | 'gid'>

/** Delivers into a Maildir as a mail server does: written beside, then moved in. Answers where it lies. */
export function deliver(
  { maildir, uid, gid }: Mailbox,
  raw: Buffer,
  { folder = '', username }: { folder?: string; username?: string } = {},
): string {
  const top = maildir(username)
  const at = folder === '' ? top : join(top, `.${folder}`)
  for (const dir of [top, at, ...['tmp', 'new', 'cur'].map((name) => join(at, name))])
    if (!existsSync(dir)) {
      mkdirSync(dir, { recursive: true })
      chownSync(dir, uid, gid)
    }
  // @NOTE Dovecot takes them in by these names: in order, also within a second.
  const name = `${Math.floor(Date.now() / 1000)}.M${String(count++).padStart(8, '0')}P1.test`
  const draft = join(at, 'tmp', name)
  writeFileSync(draft, raw)
  chownSync(draft, uid, gid)
  const path = join(dirname(dirname(draft)), 'new', name)
  renameSync(draft, path)
  return path
}

/** Does something in a mailbox as another mail program would. */
export async function inMailbox<T>(
  { host, port, username, password }: Dovecot,
  work: (client: ImapFlow) => Promise<T>,
) {
  const auth = { user: username, pass: password }
  const client = new ImapFlow({ host, port, auth, secure: false, doSTARTTLS: false, logger: false })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.logout()
  }
}

export const makeFolder = (dovecot: Dovecot, path: string): Promise<unknown> =>
  inMailbox(dovecot, (client) => client.mailboxCreate(path))

/** An account that reads this mailbox, added by the owner; answers it. */
export async function addMailbox(owner: Client, dovecot: Dovecot, more: Record<string, unknown> = {}): Promise<any> {
  const { status, body, text } = await owner.post('/api/email-accounts', {
    label: 'Work',
    imap_host: '127.0.0.1',
    imap_port: dovecot.port,
    secure: 'none',
    imap_username: dovecot.username,
    imap_password: dovecot.password,
    allowed_senders: [SENDER],
    ...more,
  })
  if (status !== 201) throw new Error(`no account: ${text}`)
  return body
}

/** What came in at an account and what became of it, oldest first. */
export async function looked(owner: Client, accountId: string): Promise<any[]> {
  const { status, body, text } = await owner.get(`/api/email-accounts/${accountId}/messages?limit=200`)
  if (status !== 200) throw new Error(text)
  return body.items.toReversed()
}

/** Looks again and again until it is as wanted; answers what it was then. */
export async function until<T>(look: () => T | Promise<T>, wanted: (found: T) => boolean, seconds = 30): Promise<T> {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (wanted(found)) return found
    if (Date.now() > end) throw new Error(`it did not come to that: ${JSON.stringify(found)?.slice(0, 3_000)}`)
    await sleep(50)
  }
}

/** Waits until an account is in a state; answers the account. */
export const inState = (owner: Client, accountId: string, status: string, seconds?: number): Promise<any> =>
  until(
    async () => (await owner.get(`/api/email-accounts/${accountId}`)).body,
    (account) => account.status === status,
    seconds,
  )

/** Waits until so many mails were looked at; answers them, oldest first. */
export const lookedAt = (owner: Client, accountId: string, count: number, seconds?: number): Promise<any[]> =>
  until(
    () => looked(owner, accountId),
    (mails) => mails.length >= count,
    seconds,
  )
