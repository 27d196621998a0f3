import type { Actor, Audit } from '../audit.ts'
import { inWords } from '../agent/prompt.ts'
import type { Deps } from '../deps.ts'
import { normaliseAddress } from '../email-address.ts'
import { invalidField } from '../errors.ts'
import type { Notification } from '../notifications.ts'
import type { Approvals } from '../policy/approvals.ts'
import type { NotificationKind } from '../shapes/frames.ts'
import type { Integrity } from '../shapes/labels.ts'
import type { AddressEntry } from '../whitelists/addresses.ts'
import type { EmailAccount } from './account-rows.ts'
import type { ApprovalLinks } from './approval-links.ts'
import { noticeText, wayToAnswer } from './notice-text.ts'

/** A mail of the house to its owner. It is written down in the caller's transaction and sent once that has committed. */
export type NoticeMail = {
  userId: string
  account: EmailAccount
  to: string
  subject: string
  text: string
  /** The question it is about: a link to it is made when the mail goes out. */
  approvalId?: string
}

export type NoticesDeps = Deps & {
  timezone: string
  audit: Pick<Audit, 'record'>
  addresses: () => AddressEntry[]
  accounts: { list(userId: string): EmailAccount[] }
  houseAccount: () => EmailAccount | undefined
  approvals: Pick<Approvals, 'find'>
  links: ApprovalLinks
  publicUrl: URL | undefined
  /** What a run is called, and who could have written what it has read. */
  aboutRun: (runId: string) => { name: string; integrity: Integrity } | undefined
  enqueue: (mail: NoticeMail) => void
}

export type NoticeWish = { address: string; kinds: NotificationKind[] }

/** What goes by mail where nothing else is said. */
export const USUAL_KINDS: readonly NotificationKind[] = ['approval', 'result', 'trouble']

export type Notices = ReturnType<typeof createNotices>

/** Notifications by mail, for whoever wants them: to an address of their own, by an account that can send. */
export function createNotices(deps: NoticesDeps) {
  const { db, now, approvals, links } = deps
  const byUser = db.prepare<[string], { address: string; kinds: string }>(
    'SELECT address, kinds FROM email_notices WHERE user_id = ?',
  )
  const put = db.prepare(
    `INSERT INTO email_notices (user_id, address, kinds, updated_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (user_id) DO UPDATE SET address = excluded.address, kinds = excluded.kinds, updated_at = excluded.updated_at`,
  )
  const drop = db.prepare('DELETE FROM email_notices WHERE user_id = ?')

  function find(userId: string): NoticeWish | undefined {
    const row = byUser.get(userId)
    return row && { address: row.address, kinds: JSON.parse(row.kinds) as NotificationKind[] }
  }

  const isOwn = (address: string): boolean =>
    deps.addresses().some(({ email, owner }) => owner && email.toLowerCase() === address.toLowerCase())

  /** The user's own first, then the house's; one that reads the very mailbox only where there is no other. */
  function senderFor(userId: string, address: string): EmailAccount | undefined {
    const own = deps.accounts.list(userId).filter(({ enabled, smtp }) => enabled && smtp)
    const house = deps.houseAccount()
    const able = house ? [...own, house] : own
    return able.find((account) => !reads(account, address)) ?? able[0]
  }

  function problemOf(userId: string, wish: NoticeWish | undefined): string | null {
    if (!wish) return null
    if (!isOwn(wish.address))
      return `${wish.address} is no longer marked as your own address, so nothing is sent there.`
    if (senderFor(userId, wish.address)) return null
    return 'Nothing is sent: there is no mail account that can send. Add one with an SMTP server.'
  }

  function textOf(note: Notification): { subject: string; text: string } {
    const run = note.run_id === null ? undefined : deps.aboutRun(note.run_id)
    return noticeText({
      note,
      integrity: run?.integrity,
      askedBy: run?.name ?? 'A run',
      approval: note.approval_id === null ? undefined : approvals.find(note.approval_id),
      page: deps.publicUrl?.origin,
      inWords: (at) => `${inWords(at, deps.timezone)} (${deps.timezone})`,
    })
  }

  return {
    /** What a user wants by mail, and whether it can be had; `problem` says in words why nothing is sent. */
    get(userId: string) {
      const wish = find(userId)
      const sender = wish && senderFor(userId, wish.address)
      return {
        address: wish?.address ?? null,
        kinds: wish?.kinds ?? [...USUAL_KINDS],
        sent_from: sender?.address ?? null,
        links: links.possible(),
        problem: problemOf(userId, wish),
      }
    },

    /** Throws `invalid` for an address that is not marked as the owner's own. */
    choose(
      userId: string,
      { address, kinds = USUAL_KINDS }: { address: string; kinds?: readonly NotificationKind[] | undefined },
      by: Actor,
    ): void {
      const kept = normaliseAddress(address, 'address')
      if (!isOwn(kept))
        throw invalidField(
          'address',
          `${kept} is not marked as your own. Add it under Settings → Whitelists → Addresses, and tick that it is your own address; an administrator can.`,
        )
      db.transact(() => {
        put.run(userId, kept, JSON.stringify([...new Set(kinds)]), now().toISOString())
        const subject = `${kept}: ${[...new Set(kinds)].join(', ')}`
        deps.audit.record({ kind: 'setting', action: 'notices by mail changed', subject, by })
      })
    },

    stop(userId: string, by: Actor): void {
      db.transact(() => {
        const wish = find(userId)
        if (!wish) return
        drop.run(userId)
        deps.audit.record({ kind: 'setting', action: 'notices by mail stopped', subject: wish.address, by })
      })
    },

    /** Sends a notification on, in the transaction that it was written in, to whoever wants its kind by mail. */
    tell(userId: string, note: Notification): void {
      const wish = find(userId)
      if (!wish?.kinds.includes(note.kind) || !isOwn(wish.address)) return
      const account = senderFor(userId, wish.address)
      if (!account) return
      const about = note.approval_id === null ? {} : { approvalId: note.approval_id }
      deps.enqueue({ userId, account, to: wish.address, ...textOf(note), ...about })
    },

    /** How a mail about a question ends, said when it goes out: with a link that nobody has had before. */
    ending: (approvalId: string): string =>
      wayToAnswer(links.make(approvalId), approvals.find(approvalId)?.state === 'pending'),
  }
}

const reads = ({ imap, address }: EmailAccount, to: string): boolean =>
  imap !== undefined && address.toLowerCase() === to.toLowerCase()
