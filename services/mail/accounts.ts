import type { Tool } from '../agent/tool.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Deps } from '../deps.ts'
import { addressIn } from '../email-address.ts'
import { AppError, invalidField } from '../errors.ts'
import type { EmailAccountChange, EmailAccountDraft } from '../shapes/email-account.ts'
import { checkAllowedTools } from '../tools/allowed-tools.ts'
import type { Vault } from '../vault.ts'
import { createAccountRows, type EmailAccount } from './account-rows.ts'
import { needsServer, serverAfter, type Half, type Server } from './servers.ts'

export type EmailAccountsDeps = Deps & {
  newId: () => string
  vault: Pick<Vault, 'seal' | 'open'>
  audit: Pick<Audit, 'record'>
  alsoMask: (source: () => Iterable<[string, string]>) => () => void
  agents: { get(userId: string, id: string): unknown }
  registry: { tools(): readonly Tool[] }
  webhooks: { outbox: { cancel(of: { address: string }, error: string): void } }
}

export type EmailAccounts = ReturnType<typeof createEmailAccounts>

/** A password may be set, left as it is (undefined) or taken away (null). */
type Passwords = Record<Half, string | null | undefined>

const HALVES: readonly Half[] = ['imap', 'smtp']

/**
 * The mail accounts of each user. Passwords (or OAuth2 access tokens) go in and never come out again but for the server
 * they were given for: an account that is pointed elsewhere asks for them anew.
 */
export function createEmailAccounts(deps: EmailAccountsDeps) {
  const { db, now, newId, vault, audit } = deps
  const rows = createAccountRows({ db })
  const listeners = new Set<(id: string) => void>()
  const secretsChanged = deps.alsoMask(() => rows.sealed().flatMap(({ id, label }) => masked(id, label)))

  const at = () => now().toISOString()
  const place = (id: string, half: Half) => ({ table: 'email_accounts', row: id, field: `${half}_password` })

  function passwordOf(id: string, half: Half): string | undefined {
    const sealed = rows.sealedOf(id, half)
    return sealed === null || sealed === undefined ? undefined : vault.open(sealed, place(id, half))
  }

  /** One that cannot be opened must not take the others along. */
  function masked(id: string, label: string): [string, string][] {
    return HALVES.flatMap((half): [string, string][] => {
      try {
        const password = passwordOf(id, half)
        return password === undefined || password === '' ? [] : [[`email:${label}`, password]]
      } catch {
        return []
      }
    })
  }

  function get(userId: string, id: string): EmailAccount {
    const account = rows.find(id)
    if (account?.userId !== userId) throw new AppError('not_found', 'There is no such mail account.')
    return account
  }

  function check(userId: string, account: EmailAccount, change: EmailAccountChange): void {
    if (!account.imap && !account.smtp) throw needsServer()
    if (account.accountType === 'handling' && !account.imap)
      throw invalidField('imap_host', 'An account whose mail an agent handles needs an IMAP server.')
    if (account.accountType === 'handling' && account.agentId === null)
      throw invalidField(
        'agent_id',
        'An account whose mail an agent handles needs that agent. Make one and name it here.',
      )
    if (account.imap && account.imap.username === '')
      throw invalidField('imap_username', 'Give the name to sign in with; often it is the whole address.')
    if (account.address === '') throw invalidField('address', 'Give the address of this account, like me@example.org.')
    if (change.agent_id) knownAgent(userId, change.agent_id)
    if (change.extra_tools) checkExtraTools(change.extra_tools)
    if (change.tls_ca && !/-----BEGIN CERTIFICATE-----/.test(change.tls_ca))
      throw invalidField('tls_ca', 'Paste the certificate as PEM text: it begins with -----BEGIN CERTIFICATE-----.')
  }

  function knownAgent(userId: string, agentId: string): void {
    try {
      deps.agents.get(userId, agentId)
    } catch {
      throw invalidField('agent_id', 'There is no such agent.')
    }
  }

  function checkExtraTools(wanted: readonly string[]): void {
    try {
      checkAllowedTools(deps.registry.tools(), wanted)
    } catch (error) {
      const [problem] = (error as AppError).detail as { path: string; message: string }[]
      throw invalidField(problem!.path.replace('allowed_tools', 'extra_tools'), problem!.message)
    }
  }

  /** The account as it will be. */
  function merged(before: EmailAccount, change: EmailAccountChange): EmailAccount {
    const imap = serverAfter('imap', change, before.imap)
    const smtp = serverAfter('smtp', withImapName(change, before, imap), before.smtp)
    const { label, account_type, enabled, agent_id, folders, extra_tools, allowed_senders } = change
    return {
      ...before,
      label: label ?? before.label,
      accountType: account_type ?? before.accountType,
      enabled: enabled ?? before.enabled,
      agentId: agent_id === undefined ? before.agentId : agent_id || null,
      folders: folders ?? before.folders,
      extraTools: extra_tools ?? before.extraTools,
      allowedSenders: allowed_senders === undefined ? before.allowedSenders : allowed_senders,
      authservId: change.authserv_id === undefined ? before.authservId : change.authserv_id,
      telegramChatId: change.telegram_chat_id === undefined ? before.telegramChatId : change.telegram_chat_id,
      auth: change.auth ?? before.auth,
      tlsCa: change.tls_ca === undefined ? before.tlsCa : change.tls_ca || null,
      address: addressAfter(change, before, imap, smtp),
      imap,
      smtp,
    }
  }

  function passwordsAfter(before: EmailAccount, after: EmailAccount, change: EmailAccountChange): Passwords {
    const smtpLikeImap = change.smtp_username === undefined && change.smtp_password === undefined && !before.smtp
    const passwords: Passwords = {
      imap: change.imap_password === '' ? null : change.imap_password,
      smtp: change.smtp_password === '' ? null : change.smtp_password,
    }
    if (smtpLikeImap && after.smtp?.username === after.imap?.username)
      passwords.smtp = passwords.imap ?? passwordOf(before.id, 'imap')
    for (const half of HALVES) {
      if (!after[half]) passwords[half] = null
      else if (passwords[half] === undefined) assertStays(half, before, after)
    }
    return passwords
  }

  /** What was given for one server is not told to another, nor sent in the open. */
  function assertStays(half: Half, before: EmailAccount, after: EmailAccount): void {
    const [was, is] = [before[half], after[half]]
    if (!was || !is || rows.sealedOf(before.id, half) == null) return
    if (was.host === is.host && (was.secure === is.secure || is.secure !== 'none')) return
    throw invalidField(
      `${half}_password`,
      `The password was given for ${was.host}. Give it again, since it would be sent to ${is.host} from now on.`,
    )
  }

  function sealedAfter(account: EmailAccount, passwords: Passwords, half: Half): string | null {
    const password = passwords[half]
    if (password === undefined) return rows.sealedOf(account.id, half) ?? null
    return password === null ? null : vault.seal(password, place(account.id, half))
  }

  function write(account: EmailAccount, passwords: Passwords): void {
    const [imap, smtp] = HALVES.map((half) => sealedAfter(account, passwords, half))
    rows.put({ ...account, updatedAt: at() }, { imap: imap!, smtp: smtp! })
    db.afterCommit(() => {
      secretsChanged()
      changed(account.id)
    })
  }

  const changed = (id: string) => listeners.forEach((listener) => listener(id))

  function noted(action: string, { label, imap, smtp }: EmailAccount, by: Actor): void {
    const servers = JSON.stringify({ imap: imap?.host, smtp: smtp?.host })
    audit.record({ kind: 'email_account', action, subject: label, arguments: servers, by })
  }

  return {
    get,
    find: rows.find,
    list: rows.list,
    all: rows.all,
    /** For the moment of use. Undefined where there is none. */
    passwordOf,
    passwordSet: (id: string, half: Half): boolean => rows.sealedOf(id, half) != null,

    create(userId: string, draft: EmailAccountDraft, by: Actor): EmailAccount {
      return db.transact(() => {
        const blank = blankAccount({ id: newId(), userId, at: at() })
        const account = merged(blank, draft)
        check(userId, account, draft)
        write(account, passwordsAfter(blank, account, draft))
        noted('created', account, by)
        return get(userId, account.id)
      })
    },

    change(userId: string, id: string, change: EmailAccountChange, by: Actor): void {
      db.transact(() => {
        const before = get(userId, id)
        const after = merged(before, change)
        check(userId, after, change)
        write(after, passwordsAfter(before, after, change))
        noted('changed', after, by)
      })
    },

    remove(userId: string, id: string, by: Actor): void {
      db.transact(() => {
        const account = get(userId, id)
        rows.drop(id)
        deps.webhooks.outbox.cancel({ address: id }, 'The mail account was removed.')
        noted('removed', account, by)
        db.afterCommit(() => {
          secretsChanged()
          changed(id)
        })
      })
    },

    /** Told after every change of an account, with its id. */
    onChange: (listener: (id: string) => void): void => void listeners.add(listener),
  }
}

/** Who sends as who reads, unless somebody says otherwise. */
function withImapName(change: EmailAccountChange, before: EmailAccount, imap: Server | undefined): EmailAccountChange {
  if (change.smtp_username !== undefined || before.smtp || !imap) return change
  return { ...change, smtp_username: imap.username }
}

/** What is given, what was there, or the name one signs in with, where that is an address; '' for none. */
function addressAfter(
  change: EmailAccountChange,
  before: EmailAccount,
  imap: Server | undefined,
  smtp: Server | undefined,
): string {
  const given = change.address || before.address
  if (given !== '') return addressIn(given) ?? ''
  return addressIn(smtp?.username ?? '') ?? addressIn(imap?.username ?? '') ?? ''
}

function blankAccount({ id, userId, at }: { id: string; userId: string; at: string }): EmailAccount {
  return {
    id,
    userId,
    label: '',
    accountType: 'trigger',
    enabled: true,
    address: '',
    agentId: null,
    folders: ['INBOX'],
    extraTools: [],
    allowedSenders: null,
    authservId: null,
    telegramChatId: null,
    auth: 'password',
    tlsCa: null,
    imap: undefined,
    smtp: undefined,
    createdAt: at,
    updatedAt: at,
  }
}
