import { createHash, randomBytes } from 'node:crypto'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { Approval, Approvals } from '../policy/approvals.ts'

type Row = { approvalId: string; userId: string; expiresAt: string; usedAt: string | null }

export type ApprovalLinksDeps = Deps & {
  approvals: Pick<Approvals, 'find'>
  /** What links begin with; without it there are none. */
  publicUrl: URL | undefined
}

export type ApprovalLinks = ReturnType<typeof createApprovalLinks>

/**
 * Links in mails that lead to one question each. A link opens nothing by itself: whoever follows it signs in, and it is good for
 * that user only, for one decision, as long as the question stands. Of each only a hash is kept.
 */
export function createApprovalLinks({ db, now, approvals, publicUrl }: ApprovalLinksDeps) {
  const byHash = db.prepare<[string], Row>(
    `SELECT approval_id AS approvalId, user_id AS userId, expires_at AS expiresAt, used_at AS usedAt
     FROM approval_links WHERE token_hash = ?`,
  )
  const insert = db.prepare(
    'INSERT INTO approval_links (token_hash, approval_id, user_id, expires_at, created_at) VALUES (?, ?, ?, ?, ?)',
  )
  const use = db.prepare('UPDATE approval_links SET used_at = ? WHERE token_hash = ? AND used_at IS NULL')

  return {
    /** Whether there can be any. */
    possible: (): boolean => publicUrl !== undefined,

    /** A new link to a question; undefined where the question stands no more, or no address of the page is known. */
    make(approvalId: string): string | undefined {
      const approval = approvals.find(approvalId)
      if (publicUrl === undefined || approval?.state !== 'pending') return undefined
      const token = randomBytes(32).toString('base64url')
      const at = now().toISOString()
      insert.run(hashOf(token), approval.id, approval.user_id, approval.expires_at, at)
      return `${publicUrl.origin}/approvals/link/${token}`
    },

    /** The id of the question that a user's link leads to; undefined for what is no link of theirs. */
    find(userId: string, token: string): string | undefined {
      const row = byHash.get(hashOf(token))
      return row?.userId === userId ? row.approvalId : undefined
    },

    /** The open question that a link leads to. Throws `expired` for a link that was used, or whose question is closed. */
    open(token: string): Approval {
      const row = byHash.get(hashOf(token))!
      if (row.usedAt !== null)
        throw new AppError('expired', 'This link was used already: the question was answered with it.')
      const approval = approvals.find(row.approvalId)
      if (approval?.state === 'pending' && row.expiresAt > now().toISOString()) return approval
      throw new AppError('expired', CLOSED[approval?.state ?? 'void'])
    },

    /** In the transaction of the decision that was made through it. */
    use: (token: string): void => void use.run(now().toISOString(), hashOf(token)),
  }
}

const CLOSED: Record<Approval['state'], string> = {
  pending: 'This question ran out of time; it counts as refused.',
  approved: 'This question was answered already: with a yes.',
  denied: 'This question was answered already: with a no.',
  expired: 'This question ran out of time; it counts as refused.',
  void: 'This question was taken back: its run went on or ended without it.',
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
