import { z } from 'zod'
import { lazy } from './lazy.ts'

/** What the routes and the page say of a mail account. */

export const AccountType = lazy(() => z.enum(['trigger', 'handling']))
/** `none` is plain text, for loopback only. */
export const Secure = lazy(() => z.enum(['tls', 'starttls', 'none']))
export const AccountAuth = lazy(() => z.enum(['password', 'oauth2']))

const Host = lazy(() =>
  z
    .string()
    .trim()
    .max(253)
    .regex(/^([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[?[0-9a-f:.]+\]?)$/i, 'a host name or IP address, without a port'),
)
const Port = lazy(() => z.number().int().min(1).max(65535))
const Username = lazy(() => z.string().max(320))
const Password = lazy(() => z.string().max(16_384))

export const EmailAccountChange = lazy(() =>
  z
    .strictObject({
      label: z.string().trim().min(1).max(64),
      account_type: AccountType(),
      enabled: z.boolean(),
      address: z.string().trim().max(320).nullable(),
      agent_id: z.string().nullable(),
      folders: z.array(z.string().min(1).max(500)).max(100),
      extra_tools: z.array(z.string().min(1).max(200)).max(100),
      allowed_senders: z.array(z.string().trim().min(1).max(320)).max(1000).nullable(),
      authserv_id: z.string().trim().min(1).max(253).nullable(),
      telegram_chat_id: z.string().trim().min(1).max(64).nullable(),
      auth: AccountAuth(),
      secure: Secure(),
      tls_ca: z.string().max(65_536).nullable(),
      imap_host: Host().nullable(),
      imap_port: Port(),
      imap_secure: Secure(),
      imap_username: Username(),
      imap_password: Password(),
      smtp_host: Host().nullable(),
      smtp_port: Port(),
      smtp_secure: Secure(),
      smtp_username: Username().nullable(),
      smtp_password: Password().nullable(),
    })
    .partial(),
)
export type EmailAccountChange = z.infer<ReturnType<typeof EmailAccountChange>>
export const EmailAccountDraft = lazy(() => EmailAccountChange().required({ label: true }))
export type EmailAccountDraft = z.infer<ReturnType<typeof EmailAccountDraft>>
