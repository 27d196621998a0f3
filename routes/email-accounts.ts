import { z } from 'zod'
import type { Services } from '../services/index.ts'
import type { EmailAccount } from '../services/mail/account-rows.ts'
import { Ok, OK, Time } from '../services/shapes/common.ts'
import {
  AccountAuth,
  AccountType,
  EmailAccountChange,
  EmailAccountDraft,
  Secure,
} from '../services/shapes/email-account.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Shown = lazy(() =>
  z.object({
    id: z.string(),
    label: z.string(),
    account_type: AccountType(),
    enabled: z.boolean(),
    address: z.string(),
    agent_id: z.string().nullable(),
    folders: z.array(z.string()),
    extra_tools: z.array(z.string()),
    allowed_senders: z.array(z.string()).nullable(),
    authserv_id: z.string().nullable(),
    telegram_chat_id: z.string().nullable(),
    auth: AccountAuth(),
    secure: Secure(),
    tls_ca: z.string().nullable(),
    imap_host: z.string().nullable(),
    imap_port: z.number().int().nullable(),
    imap_secure: Secure().nullable(),
    imap_username: z.string().nullable(),
    imap_password_set: z.boolean(),
    smtp_host: z.string().nullable(),
    smtp_port: z.number().int().nullable(),
    smtp_secure: Secure().nullable(),
    smtp_username: z.string().nullable(),
    smtp_password_set: z.boolean(),
    status: z.enum(['connected', 'connecting', 'off', 'error']),
    last_error: z.string().nullable(),
    last_message_at: Time().nullable(),
    created_at: Time(),
    updated_at: Time(),
  }),
)
const Checked = lazy(() =>
  z.object({
    imap: z
      .object({ ok: z.boolean(), error: z.string().optional(), idle: z.boolean(), folders: z.array(z.string()) })
      .nullable(),
    smtp: z.object({ ok: z.boolean(), error: z.string().optional() }).nullable(),
  }),
)
const Id = lazy(() => z.object({ id: z.string() }))

const AT = '2026-11-22T08:00:00.000Z'
const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000009',
  label: 'Work',
  account_type: 'trigger' as const,
  enabled: true,
  address: 'user@example.com',
  agent_id: null,
  folders: ['INBOX'],
  extra_tools: [],
  allowed_senders: null,
  authserv_id: null,
  telegram_chat_id: null,
  auth: 'password' as const,
  secure: 'tls' as const,
  tls_ca: null,
  imap_host: 'mail.example.com',
  imap_port: 993,
  imap_secure: 'tls' as const,
  imap_username: 'user@example.com',
  imap_password_set: true,
  smtp_host: 'mail.example.com',
  smtp_port: 465,
  smtp_secure: 'tls' as const,
  smtp_username: 'user@example.com',
  smtp_password_set: true,
  status: 'connected' as const,
  last_error: null,
  last_message_at: AT,
  created_at: AT,
  updated_at: AT,
}
const EXAMPLE_DRAFT = {
  label: 'Work',
  account_type: 'trigger' as const,
  imap_host: 'mail.example.com',
  imap_port: 993,
  imap_username: 'user@example.com',
  imap_password: 'an app password',
  smtp_host: 'mail.example.com',
  smtp_port: 465,
  smtp_username: 'user@example.com',
  smtp_password: 'an app password',
}

function shown(
  account: EmailAccount,
  { mail: { accounts, listeners, messages } }: Services,
): z.infer<ReturnType<typeof Shown>> {
  const { imap, smtp } = account
  return {
    id: account.id,
    label: account.label,
    account_type: account.accountType,
    enabled: account.enabled,
    address: account.address,
    agent_id: account.agentId,
    folders: account.folders,
    extra_tools: account.extraTools,
    allowed_senders: account.allowedSenders,
    authserv_id: account.authservId,
    telegram_chat_id: account.telegramChatId,
    auth: account.auth,
    secure: (imap ?? smtp)!.secure,
    tls_ca: account.tlsCa,
    imap_host: imap?.host ?? null,
    imap_port: imap?.port ?? null,
    imap_secure: imap?.secure ?? null,
    imap_username: imap?.username ?? null,
    imap_password_set: accounts.passwordSet(account.id, 'imap'),
    smtp_host: smtp?.host ?? null,
    smtp_port: smtp?.port ?? null,
    smtp_secure: smtp?.secure ?? null,
    smtp_username: smtp?.username ?? null,
    smtp_password_set: accounts.passwordSet(account.id, 'smtp'),
    ...listeners.statusOf(account.id),
    last_message_at: messages.lastReceivedAt(account.id),
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  }
}

export const emailAccountEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/email-accounts',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['read'],
    summary: 'The mail accounts',
    description:
      'Passwords are never shown; `imap_password_set` and `smtp_password_set` say whether there is one. `status` is `off` where the account is disabled or has no IMAP server; `last_error` says what is wrong, also where the rest works. `last_message_at`: when the last mail that was looked at came in.',
    output: lazy(() => z.array(Shown())),
    example: [EXAMPLE],
    handle: (_input, { services, who }) =>
      services.mail.accounts.list(who.user.id).map((account) => shown(account, services)),
  }),
  endpoint({
    method: 'post',
    path: '/api/email-accounts',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['admin'],
    status: 201,
    summary: 'Add a mail account',
    description:
      'Either half may be left out. Ports and encryption that are not given are the usual ones; `secure` is for both halves, `imap_secure` and `smtp_secure` for one. Without `smtp_username` and `smtp_password` mail is sent as it is read. With `auth: oauth2` the passwords are access tokens (XOAUTH2).',
    body: EmailAccountDraft,
    output: Shown,
    errors: ['invalid', 'conflict'],
    example: EXAMPLE,
    exampleBody: EXAMPLE_DRAFT,
    creates: { showsSecret: false },
    handle: ({ body }, { services, who }) =>
      shown(services.mail.accounts.create(who.user.id, body, who.actor), services),
  }),
  endpoint({
    method: 'get',
    path: '/api/email-accounts/{id}',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['read'],
    summary: 'One mail account',
    params: Id,
    output: Shown,
    errors: ['not_found'],
    example: EXAMPLE,
    handle: ({ params }, { services, who }) => shown(services.mail.accounts.get(who.user.id, params.id), services),
  }),
  endpoint({
    method: 'put',
    path: '/api/email-accounts/{id}',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['admin'],
    summary: 'Change a mail account',
    description:
      'What is left out stays; a host of null takes that half away, an empty password takes the password away. Where a password would go to another host, or in the open, it must be given again.',
    params: Id,
    body: EmailAccountChange,
    output: Ok,
    errors: ['invalid', 'not_found'],
    example: OK,
    exampleBody: { label: 'Work, new server', imap_host: 'imap.example.com', imap_password: 'an app password' },
    handle: ({ params, body }, { services, who }) => {
      services.mail.accounts.change(who.user.id, params.id, body, who.actor)
      return OK
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/email-accounts/{id}',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['admin'],
    summary: 'Remove a mail account',
    description: 'The mailbox itself stays as it is.',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => {
      services.mail.accounts.remove(who.user.id, params.id, who.actor)
      return OK
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/email-accounts/{id}/test',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['admin'],
    summary: 'Sign in at the servers of a mail account',
    description:
      'Says of each half whether it works, and why not; null where the account has no such half. Sends nothing.',
    params: Id,
    output: Checked,
    errors: ['not_found'],
    example: { imap: { ok: true, idle: true, folders: ['INBOX', 'Sent'] }, smtp: { ok: true } },
    handle: ({ params }, { services, who }) => services.mail.check(who.user.id, params.id, who.actor),
  }),
]
