import { addressAsKept } from '../email-address.ts'
import { visible } from '../policy/sanitize.ts'
import type { EmailAccount } from './account-rows.ts'
import { provenBy } from './authentication.ts'
import { automaticBy } from './guards.ts'
import type { Correspondent, MailMessage } from './message.ts'
import { fits } from '../phrases.ts'
import { threadOf } from './thread.ts'

/** A rule of an account: which mail starts which agent; `agentId` null is the account's. */
export type Trigger = { id: string; phrase: string; agentId: string | null; enabled: boolean }

/** What became of a mail, as `email_messages` keeps it; `started`: it may start what `starts` names. */
export type Outcome = 'started' | 'no_match' | 'not_allowed' | 'automatic' | 'own' | 'loop' | 'unreadable' | 'failed'

/** An agent to be started; `triggerId` is null where no rule but the account itself names it. */
export type Start = { triggerId: string | null; agentId: string }

export type Judgement = {
  outcome: Outcome
  /** In words for the owner; words of the sender stand in quotation marks. */
  reason: string
  /** Empty unless `started`. */
  starts: Start[]
  /** The rules that fit, whatever came of it. */
  matched: string[]
  /** The server that the owner trusts vouches for the sender's domain. */
  proven: boolean
  provenReason: string
  /** Null where nobody could be made out. */
  sender: Correspondent | null
  /** What this mail and its answers have in common. */
  thread: string
}

export type MailFacts = {
  account: Pick<EmailAccount, 'accountType' | 'address' | 'agentId' | 'allowedSenders' | 'authservId'>
  /** In the order in which they count. */
  triggers: readonly Trigger[]
  match: 'first' | 'all'
  /** The addresses of the email whitelist. */
  whitelist: readonly string[]
  /** Whether Steward itself gave out this Message-ID. */
  isOwnMessageId: (messageId: string) => boolean
  /** False for one that is gone. */
  hasAgent: (agentId: string) => boolean
  /** How many runs mails of this thread started in the last 24 hours. */
  runsInThread: (thread: string) => number
}

/** So many runs may a thread start in 24 hours; beyond it two programs are talking. */
export const MOST_RUNS_A_THREAD = 5

type Verdict = Pick<Judgement, 'outcome' | 'reason'> & { starts?: Start[] }

/**
 * What becomes of a mail, and why: pure, so that a tester says what listening would do. Nobody but an allowed sender starts
 * anything, no program's mail does (RFC 3834), and no thread without end.
 */
export function judgeMail(message: MailMessage, facts: MailFacts): Judgement {
  const sender = message.from.length === 1 ? message.from[0]! : null
  const proof = proofOf(message, sender, facts)
  const thread = threadOf(message)
  const matched = matchingIn(message, facts)
  const verdict =
    unreadable(message, sender) ??
    own(message, sender!, facts) ??
    automatic(message, facts) ??
    notAllowed(sender!, proof, facts) ??
    decided(matched, thread, facts)
  return {
    starts: [],
    ...verdict,
    matched: matched.map(({ id }) => id),
    proven: proof.proven,
    provenReason: proof.reason,
    sender,
    thread,
  }
}

type Proof = { proven: boolean; reason: string }

function proofOf({ headers }: MailMessage, sender: Correspondent | null, { account }: MailFacts): Proof {
  if (account.authservId === null)
    return { proven: false, reason: 'this account names no mail server to vouch for senders' }
  if (sender === null) return { proven: false, reason: 'it cannot be told who sent it' }
  return provenBy(headers['authentication-results'] ?? [], account.authservId, sender.address)
}

function matchingIn(message: MailMessage, { triggers, match }: MailFacts): Trigger[] {
  const words = `${message.subject}\n${message.text}`
  const matched = triggers.filter(({ enabled, phrase }) => enabled && fits(phrase, words))
  return match === 'first' ? matched.slice(0, 1) : matched
}

function unreadable(message: MailMessage, sender: Correspondent | null): Verdict | undefined {
  if (!message.readable)
    return { outcome: 'unreadable', reason: message.problems.join(' ') || 'This mail could not be read.' }
  if (sender !== null) return undefined
  const many = message.from.length
  return {
    outcome: 'unreadable',
    reason: many === 0 ? 'It names no sender.' : `It names ${many} senders, so nobody can say who wrote it.`,
  }
}

function own(message: MailMessage, sender: Correspondent, { account, isOwnMessageId }: MailFacts): Verdict | undefined {
  if (same(sender.address, account.address))
    return { outcome: 'own', reason: 'It comes from the address of this account itself.' }
  if (message.messageId !== null && isOwnMessageId(message.messageId))
    return { outcome: 'own', reason: 'Steward itself sent it.' }
  return undefined
}

function automatic(message: MailMessage, { account }: MailFacts): Verdict | undefined {
  const found = automaticBy(message)
  if (!found || (found.kind === 'list' && account.accountType === 'handling')) return undefined
  return { outcome: 'automatic', reason: found.reason }
}

function notAllowed(sender: Correspondent, proof: Proof, { account, whitelist }: MailFacts): Verdict | undefined {
  const listed = account.allowedSenders ?? whitelist
  const who = `“${visible(sender.address)}”`
  if (!listed.includes('*') && !listed.some((entry) => same(entry, sender.address))) {
    const list = account.allowedSenders === null ? 'the email whitelist' : 'the list of senders of this account'
    return { outcome: 'not_allowed', reason: `${who} is not on ${list}.` }
  }
  if (account.authservId === null || proof.proven) return undefined
  return { outcome: 'not_allowed', reason: `It is not proven that ${who} sent it: ${proof.reason}.` }
}

function decided(matched: readonly Trigger[], thread: string, facts: MailFacts): Verdict {
  const { account, triggers } = facts
  if (triggers.length > 0 && matched.length === 0)
    return { outcome: 'no_match', reason: 'None of the rules of this account fits it.' }
  const wanted = triggers.length === 0 ? [{ id: null, agentId: null }] : matched
  const starts = wanted.flatMap(({ id, agentId }): Start[] => {
    const chosen = agentId ?? account.agentId
    return chosen === null || !facts.hasAgent(chosen) ? [] : [{ triggerId: id, agentId: chosen }]
  })
  if (starts.length === 0) return nobody(triggers.length, account)
  const before = facts.runsInThread(thread)
  if (before >= MOST_RUNS_A_THREAD)
    return {
      outcome: 'loop',
      reason: `Mails of this thread started ${before} runs within 24 hours; it may be two programs that answer each other.`,
    }
  const gone = wanted.length > starts.length ? ' The agent of another rule that fits is gone.' : ''
  return { outcome: 'started', reason: startedBecause(starts) + gone, starts: once(starts) }
}

function nobody(rules: number, account: MailFacts['account']): Verdict {
  if (rules === 0 && account.agentId === null)
    return { outcome: 'no_match', reason: 'This account has neither rules nor an agent, so no mail starts anything.' }
  return { outcome: 'failed', reason: 'The agent that this mail is for is gone. Choose another one.' }
}

function startedBecause(starts: readonly Start[]): string {
  if (starts[0]!.triggerId === null) return 'This account has no rules, so every mail that is allowed starts its agent.'
  return starts.length === 1 ? 'A rule fits it.' : `${starts.length} rules fit it.`
}

/** Two rules that name the same agent start it once. */
function once(starts: readonly Start[]): Start[] {
  return starts.filter(({ agentId }, at) => starts.findIndex((other) => other.agentId === agentId) === at)
}

const same = (one: string, other: string): boolean => asCompared(one) === asCompared(other)

/** As mail servers treat them: by custom none tells upper case from lower. */
const asCompared = (address: string): string => addressAsKept(address).toLowerCase()
