import type { Db } from '../../db/open.ts'
import type { Secure } from '../shapes/mail-ports.ts'
import type { Half, Server } from './servers.ts'

export type EmailAccount = {
  id: string
  userId: string
  label: string
  accountType: 'trigger' | 'handling'
  enabled: boolean
  /** Its own address: the From of what it sends. */
  address: string
  agentId: string | null
  folders: string[]
  extraTools: string[]
  /** Null: the email whitelist; `*`: anybody. */
  allowedSenders: string[] | null
  authservId: string | null
  telegramChatId: string | null
  /** What the passwords are. */
  auth: 'password' | 'oauth2'
  /** PEM; null for the system's authorities. */
  tlsCa: string | null
  imap: Server | undefined
  smtp: Server | undefined
  createdAt: string
  updatedAt: string
}

type Flat = Omit<EmailAccount, 'enabled' | 'folders' | 'extraTools' | 'allowedSenders' | 'imap' | 'smtp'> & {
  enabled: number
  folders: string
  extraTools: string
  allowedSenders: string | null
  imapHost: string | null
  imapPort: number | null
  imapSecure: Secure | null
  imapUsername: string | null
  smtpHost: string | null
  smtpPort: number | null
  smtpSecure: Secure | null
  smtpUsername: string | null
}

const COLUMNS = `id, user_id AS userId, label, account_type AS accountType, enabled, address, agent_id AS agentId, folders,
  extra_tools AS extraTools, allowed_senders AS allowedSenders, authserv_id AS authservId, telegram_chat_id AS telegramChatId,
  auth, tls_ca AS tlsCa, imap_host AS imapHost, imap_port AS imapPort, imap_secure AS imapSecure, imap_username AS imapUsername,
  smtp_host AS smtpHost, smtp_port AS smtpPort, smtp_secure AS smtpSecure, smtp_username AS smtpUsername,
  created_at AS createdAt, updated_at AS updatedAt`

/** The rows of email_accounts. Callers hold the transaction. */
export function createAccountRows({ db }: { db: Db }) {
  const byId = db.prepare<[string], Flat>(`SELECT ${COLUMNS} FROM email_accounts WHERE id = ?`)
  const ofUser = db.prepare<[string], Flat>(
    `SELECT ${COLUMNS} FROM email_accounts WHERE user_id = ? ORDER BY created_at, id`,
  )
  const all = db.prepare<[], Flat>(`SELECT ${COLUMNS} FROM email_accounts ORDER BY created_at, id`)
  const put = db.prepare(
    `INSERT INTO email_accounts (id, user_id, label, account_type, enabled, address, agent_id, folders, extra_tools, allowed_senders,
       authserv_id, telegram_chat_id, auth, tls_ca, imap_host, imap_port, imap_secure, imap_username, imap_sealed,
       smtp_host, smtp_port, smtp_secure, smtp_username, smtp_sealed, created_at, updated_at)
     VALUES (@id, @userId, @label, @accountType, @enabled, @address, @agentId, @folders, @extraTools, @allowedSenders,
       @authservId, @telegramChatId, @auth, @tlsCa, @imapHost, @imapPort, @imapSecure, @imapUsername, @imapSealed,
       @smtpHost, @smtpPort, @smtpSecure, @smtpUsername, @smtpSealed, @createdAt, @updatedAt)
     ON CONFLICT (id) DO UPDATE SET label = excluded.label, account_type = excluded.account_type, enabled = excluded.enabled,
       address = excluded.address, agent_id = excluded.agent_id, folders = excluded.folders, extra_tools = excluded.extra_tools,
       allowed_senders = excluded.allowed_senders, authserv_id = excluded.authserv_id,
       telegram_chat_id = excluded.telegram_chat_id, auth = excluded.auth, tls_ca = excluded.tls_ca,
       imap_host = excluded.imap_host, imap_port = excluded.imap_port, imap_secure = excluded.imap_secure,
       imap_username = excluded.imap_username, imap_sealed = excluded.imap_sealed, smtp_host = excluded.smtp_host,
       smtp_port = excluded.smtp_port, smtp_secure = excluded.smtp_secure, smtp_username = excluded.smtp_username,
       smtp_sealed = excluded.smtp_sealed, updated_at = excluded.updated_at`,
  )
  const drop = db.prepare('DELETE FROM email_accounts WHERE id = ?')
  const labels = db.prepare<[], { id: string; label: string }>('SELECT id, label FROM email_accounts')
  const sealed = db.prepare<[string], Record<Half, string | null>>(
    'SELECT imap_sealed AS imap, smtp_sealed AS smtp FROM email_accounts WHERE id = ?',
  )

  return {
    find(id: string): EmailAccount | undefined {
      const row = byId.get(id)
      return row && toAccount(row)
    },
    list: (userId: string): EmailAccount[] => ofUser.all(userId).map(toAccount),
    all: (): EmailAccount[] => all.all().map(toAccount),
    put: (account: EmailAccount, passwords: Record<Half, string | null>): void =>
      void put.run({ ...toFlat(account), imapSealed: passwords.imap, smtpSealed: passwords.smtp }),
    drop: (id: string): void => void drop.run(id),
    sealed: (): { id: string; label: string }[] => labels.all(),
    sealedOf: (id: string, half: Half): string | null | undefined => sealed.get(id)?.[half],
  }
}

function toAccount(row: Flat): EmailAccount {
  const { imapHost, imapPort, imapSecure, imapUsername, smtpHost, smtpPort, smtpSecure, smtpUsername, ...rest } = row
  return {
    ...rest,
    enabled: row.enabled === 1,
    folders: JSON.parse(row.folders) as string[],
    extraTools: JSON.parse(row.extraTools) as string[],
    allowedSenders: row.allowedSenders === null ? null : (JSON.parse(row.allowedSenders) as string[]),
    imap: server(imapHost, imapPort, imapSecure, imapUsername),
    smtp: server(smtpHost, smtpPort, smtpSecure, smtpUsername),
  }
}

function server(
  host: string | null,
  port: number | null,
  secure: Secure | null,
  username: string | null,
): Server | undefined {
  if (host === null || port === null || secure === null) return undefined
  return { host, port, secure, username: username ?? '' }
}

function toFlat({ imap, smtp, ...account }: EmailAccount): Flat {
  return {
    ...account,
    enabled: Number(account.enabled),
    folders: JSON.stringify(account.folders),
    extraTools: JSON.stringify(account.extraTools),
    allowedSenders: account.allowedSenders && JSON.stringify(account.allowedSenders),
    imapHost: imap?.host ?? null,
    imapPort: imap?.port ?? null,
    imapSecure: imap?.secure ?? null,
    imapUsername: imap?.username ?? null,
    smtpHost: smtp?.host ?? null,
    smtpPort: smtp?.port ?? null,
    smtpSecure: smtp?.secure ?? null,
    smtpUsername: smtp?.username ?? null,
  }
}
