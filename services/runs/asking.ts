import type { Verdict } from '../agent/tool.ts'
import type { Clock } from '../deps.ts'
import { AppError } from '../errors.ts'
import { argumentsHash, type Approval, type Approvals } from '../policy/approvals.ts'
import { targetsOf, type PolicyCall } from '../policy/reach.ts'
import type { Settings } from '../settings.ts'
import type { Run } from './store.ts'

const MS_A_SECOND = 1000
const HOUR_MS = 3600_000

/** What nobody watches may ask so often within an hour, with all that it has others do. */
const MOST_QUESTIONS = 5

/** How often a run may ask, and how long a question stands. */
export function createAsking({
  approvals,
  settings,
  now,
}: {
  approvals: Pick<Approvals, 'askedWithin'>
  settings: Settings
  now: Clock
}) {
  return {
    /** Throws `rate_limited`, which ends the run; the owner is told once why. */
    refuseTooMany(run: Run): void {
      if (run.attended || approvals.askedWithin(run, HOUR_MS) < MOST_QUESTIONS) return
      const words = `It asked for your yes ${MOST_QUESTIONS} times within an hour; that is as often as an agent may.`
      throw new AppError('rate_limited', `${words} Look at what it wants, and grant or change it.`)
    },

    /** When a question asked now counts as refused. */
    expiry(run: Run): string {
      const seconds = settings.get(run.attended ? 'approval_timeout_chat_s' : 'approval_timeout_unattended_s')
      return new Date(now().getTime() + seconds * MS_A_SECOND).toISOString()
    },
  }
}

/** How the rules of what could only be done with a yes begin, where nobody is asked. */
export const UNASKED = 'unasked'

/** The same verdict where nobody may be asked. */
export function unasked(verdict: Verdict): Verdict {
  return verdict.decision === 'ask' ? { ...verdict, decision: 'deny', rule: `${UNASKED} ${verdict.rule}` } : verdict
}

/** A yes is bound to the arguments and to the places they led to when it was asked for. */
export function otherThanApproved({ policy }: { policy: PolicyCall }, approval: Approval): Verdict | undefined {
  const sameArguments = approval.hash === argumentsHash(approval.tool_name, JSON.stringify(approval.arguments))
  const samePlaces = targetsOf(policy).join('\n') === approval.targets.join('\n')
  return sameArguments && samePlaces
    ? undefined
    : { decision: 'deny', rule: '3', reason: 'It is no longer what was approved.' }
}
