import { randomUUID } from 'node:crypto'
import type { Dovecot } from './dovecot.ts'
import { say, use, type ModelApi, type Reply } from './model-api.ts'
import type { Chat, Client, Frame } from '../steward.ts'

/** A house with a mail account, as tests of mail set it up and talk with it. */

export type SmtpPlace = { host: string; port: number }

/** An account that reads from Dovecot and sends by the given server, without encryption as both are on this machine. */
export async function addMailAccount(
  owner: Client,
  { dovecot, smtp, ...more }: { dovecot?: Dovecot; smtp?: SmtpPlace; [field: string]: unknown },
): Promise<{ id: string; label: string; address: string }> {
  const imap = dovecot && {
    imap_host: dovecot.host,
    imap_port: dovecot.port,
    imap_secure: 'none',
    imap_username: dovecot.username,
    imap_password: dovecot.password,
  }
  const out = smtp && { smtp_host: smtp.host, smtp_port: smtp.port, smtp_secure: 'none' }
  const { status, body } = await owner.post('/api/email-accounts', {
    label: 'Work',
    account_type: 'trigger',
    address: 'me@example.test',
    ...imap,
    ...out,
    ...more,
  })
  if (status !== 201) throw new Error(`no account: ${JSON.stringify(body)}`)
  return body
}

export const allow = (owner: Client, email: string, more: object = {}) =>
  owner.post('/api/email-whitelist', { email, ...more })

export const sendEmail = (args: object): Reply => use('email', { operation: 'send_email', ...args })

/** A chat in which the model does these things, one after the other, and then says so. */
export async function chatThat(owner: Client, api: ModelApi, ...replies: Reply[]): Promise<Chat> {
  api.answer(...replies, say('The end.'))
  const chat = await owner.chat(randomUUID())
  await chat.next('models')
  chat.send({ type: 'message', content: 'Go on' })
  return chat
}

export const pending = async (owner: Client): Promise<any[]> =>
  (await owner.get('/api/approvals?state=pending')).body.items

/** Waits for the question and says yes to it, over HTTP. */
export async function approve(owner: Client, chat: Chat): Promise<Frame> {
  const question = await chat.next('confirmation_required')
  const { status, body } = await owner.post(`/api/approvals/${question.call_id}`, { approved: true })
  if (status !== 200) throw new Error(`not approved: ${JSON.stringify(body)}`)
  return question
}

/** A mail as it comes in. */
export function rawMail({ text = 'Hello.', ...fields }: Record<string, string>): Buffer {
  const header = {
    From: 'Ann <ann@friends.example>',
    To: 'me@example.test',
    Subject: 'A question',
    Date: 'Wed, 25 Nov 2026 09:12:00 +0000',
    'Message-ID': `<${randomUUID()}@friends.example>`,
    'MIME-Version': '1.0',
    'Content-Type': 'text/plain; charset=utf-8',
    ...fields,
  }
  const lines = Object.entries(header).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from([...lines, '', text, ''].join('\r\n'))
}
