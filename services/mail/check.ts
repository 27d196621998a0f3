import { messageOf } from '../errors.ts'
import type { EmailAccount } from './account-rows.ts'
import { openImap } from './imap.ts'
import type { ResolveHost } from './resolver.ts'
import { checkSmtp } from './smtp.ts'

/** Null where the account has no such server. */
export type AccountCheck = {
  imap: { ok: boolean; error?: string; idle: boolean; folders: string[] } | null
  smtp: { ok: boolean; error?: string } | null
}

type CheckDeps = {
  passwordOf: (id: string, half: 'imap' | 'smtp') => string | undefined
  resolve: ResolveHost
  version: string
}

/** Signs in at both servers, side by side, and says what they can do. Sends nothing. */
export async function checkAccount(account: EmailAccount, deps: CheckDeps): Promise<AccountCheck> {
  const [imap, smtp] = await Promise.all([checkImap(account, deps), checkSending(account, deps)])
  return { imap, smtp }
}

async function checkImap(account: EmailAccount, deps: CheckDeps): Promise<AccountCheck['imap']> {
  if (!account.imap) return null
  try {
    const client = await openImap(account, deps.passwordOf(account.id, 'imap'), deps)
    const folders = await client.list()
    const idle = client.capabilities.has('IDLE')
    await client.logout().catch(() => client.close())
    return { ok: true, idle, folders: folders.map(({ path }) => path) }
  } catch (error) {
    return { ok: false, error: messageOf(error), idle: false, folders: [] }
  }
}

async function checkSending(account: EmailAccount, deps: CheckDeps): Promise<AccountCheck['smtp']> {
  if (!account.smtp) return null
  try {
    await checkSmtp(account, { resolve: deps.resolve, password: deps.passwordOf(account.id, 'smtp') })
    return { ok: true }
  } catch (error) {
    return { ok: false, error: messageOf(error) }
  }
}
