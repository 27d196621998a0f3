import { z } from 'zod'
import type { Services } from '../services/index.ts'
import type { EmailAccount } from '../services/mail/account-rows.ts'
import type { Rehearsed } from '../services/mail/rehearsal.ts'
import type { StoredTrigger } from '../services/mail/triggers.ts'
import { cursorsOf, pageOf } from '../services/cursors.ts'
import { visible } from '../services/policy/sanitize.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { OUTCOMES } from './email-messages.ts'
import { endpoint } from './endpoint.ts'

const LONGEST_SHOWN = 2_000

const PAGES = {
  placeOf: ({ position }: StoredTrigger) => String(position).padStart(4, '0'),
  order: 'ascending' as const,
  cursors: cursorsOf('email-triggers'),
}

const Draft = lazy(() =>
  z.strictObject({
    phrase: z.string().trim().max(500),
    agent_id: z.string().max(64).nullable().optional(),
    enabled: z.boolean().optional(),
    position: z.int().min(1).max(1_000).optional(),
  }),
)
const Change = lazy(() => Draft().partial())
const Shown = lazy(() =>
  z
    .object({
      id: z.string(),
      phrase: z.string(),
      agent_id: z.string().nullable(),
      enabled: z.boolean(),
      position: z.int(),
      warning: z.string().nullable(),
      created_at: Time(),
      updated_at: Time(),
    })
    .meta({ id: 'EmailTrigger' }),
)
const Rules = list(Shown)
const Pasted = lazy(() =>
  z.strictObject({ mail: z.string().min(1, 'Paste a mail, or the words of one.').max(1_000_000) }),
)
const Agent = lazy(() => ({ agent_id: z.string().nullable(), agent_name: z.string().nullable() }))
const Rehearsal = lazy(() =>
  z.object({
    outcome: z.enum(OUTCOMES),
    reason: z.string(),
    note: z.string().nullable(),
    matches: z.array(z.object({ trigger_id: z.string(), phrase: z.string(), ...Agent() })),
    starts: z.array(z.object({ trigger_id: z.string().nullable(), ...Agent() })),
    sender: z.object({ name: z.string(), address: z.string() }).nullable(),
    proven: z.boolean(),
    proven_reason: z.string(),
    subject: z.string(),
    text: z.string(),
    folded: z.boolean(),
    attachments: z.array(z.object({ name: z.string(), media_type: z.string(), size: z.number() })),
    problems: z.array(z.string()),
  }),
)
const Account = lazy(() => z.object({ id: z.string() }))
const Rule = lazy(() => z.object({ id: z.string(), trigger_id: z.string() }))

const AT = '2026-11-22T08:00:00.000Z'
const AGENT = '019a9d2e-7c1a-7000-8000-000000000004'
const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000051',
  phrase: 'invoice',
  agent_id: AGENT,
  enabled: true,
  position: 1,
  warning: null,
  created_at: AT,
  updated_at: AT,
}
const REHEARSED = {
  outcome: 'started' as const,
  reason: 'A rule fits it.',
  note: null,
  matches: [{ trigger_id: EXAMPLE.id, phrase: 'invoice', agent_id: AGENT, agent_name: 'Bookkeeper' }],
  starts: [{ trigger_id: EXAMPLE.id, agent_id: AGENT, agent_name: 'Bookkeeper' }],
  sender: { name: 'Ann', address: 'ann@example.org' },
  proven: false,
  proven_reason: 'this account names no mail server to vouch for senders',
  subject: 'Invoice for November',
  text: 'Please find it attached.',
  folded: false,
  attachments: [],
  problems: [],
}

function shown(account: EmailAccount, trigger: StoredTrigger, { mail: { triggers } }: Services) {
  return {
    id: trigger.id,
    phrase: trigger.phrase,
    agent_id: trigger.agentId,
    enabled: trigger.enabled,
    position: trigger.position,
    warning: triggers.warningOf(account, trigger),
    created_at: trigger.createdAt,
    updated_at: trigger.updatedAt,
  }
}

function rehearsed(account: EmailAccount, { message, judged, note }: Rehearsed, { agents, mail }: Services) {
  const named = (agentId: string | null) => {
    const chosen = agentId ?? account.agentId
    return { agent_id: chosen, agent_name: (chosen !== null && agents.find(chosen)?.name) || null }
  }
  const rules = mail.triggers.ofAccount(account.id).filter(({ id }) => judged.matched.includes(id))
  return {
    outcome: judged.outcome,
    reason: judged.reason,
    note,
    matches: rules.map(({ id, phrase, agentId }) => ({ trigger_id: id, phrase, ...named(agentId) })),
    starts: judged.starts.map(({ triggerId, agentId }) => ({ trigger_id: triggerId, ...named(agentId) })),
    sender: judged.sender && { name: visible(judged.sender.name), address: visible(judged.sender.address) },
    proven: judged.proven,
    proven_reason: judged.provenReason,
    subject: visible(message.subject),
    text: message.text.slice(0, LONGEST_SHOWN).toWellFormed(),
    folded: message.quoted !== '',
    attachments: message.attachments
      .slice(0, 100)
      .map(({ name, mediaType, size }) => ({ name: visible(name), media_type: visible(mediaType), size })),
    problems: message.problems,
  }
}

export const emailTriggerEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/email-accounts/{id}/triggers',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['read'],
    summary: 'The rules of a mail account, in the order in which they count',
    description:
      'A mail of an allowed sender starts the agent of the first rule that fits it, or those of all (`mail_match` of `/api/settings/mail`). Without any rule, every such mail starts the agent of the account. `warning` says what keeps a rule from starting anything.',
    params: Account,
    query: Cursor,
    output: Rules,
    errors: ['not_found'],
    example: whole([EXAMPLE]),
    handle: ({ params, query }, { services, who }) => {
      const account = services.mail.accounts.get(who.user.id, params.id)
      const page = pageOf(services.mail.triggers.ofAccount(account.id), query, PAGES)
      return { ...page, items: page.items.map((trigger) => shown(account, trigger, services)) }
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/email-accounts/{id}/triggers',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['admin'],
    status: 201,
    summary: 'Add a rule to a mail account',
    description:
      'All words of `phrase` must occur in subject and text, in any order and case, also within longer words; an empty one fits every mail. Without `agent_id` it starts the agent of the account. It stands behind the others unless `position` (1 is the first) says where.',
    params: Account,
    body: Draft,
    output: Shown,
    errors: ['invalid', 'not_found', 'conflict'],
    example: EXAMPLE,
    exampleBody: { phrase: 'invoice', agent_id: AGENT, enabled: true },
    creates: { showsSecret: false },
    handle: ({ params, body }, { services, who }) => {
      const account = services.mail.accounts.get(who.user.id, params.id)
      return shown(account, services.mail.triggers.create(account, body, who.actor), services)
    },
  }),
  endpoint({
    method: 'put',
    path: '/api/email-accounts/{id}/triggers/{trigger_id}',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['admin'],
    summary: 'Change a rule of a mail account',
    description:
      'What is left out stays as it is. `position` puts the rule there, and those behind it follow: 1 is the first, which `mail_match` `first` looks at first.',
    params: Rule,
    body: Change,
    output: Ok,
    errors: ['invalid', 'not_found'],
    example: OK,
    exampleBody: { phrase: 'invoice overdue' },
    handle: ({ params, body }, { services, who }) => {
      const account = services.mail.accounts.get(who.user.id, params.id)
      services.mail.triggers.change(account, params.trigger_id, body, who.actor)
      return OK
    },
  }),
  endpoint({
    method: 'delete',
    path: '/api/email-accounts/{id}/triggers/{trigger_id}',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['admin'],
    summary: 'Remove a rule of a mail account',
    params: Rule,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => {
      const account = services.mail.accounts.get(who.user.id, params.id)
      services.mail.triggers.remove(account, params.trigger_id, who.actor)
      return OK
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/email-accounts/{id}/triggers/test',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['read'],
    summary: 'What would become of a mail',
    description:
      'Judges the source of a mail as if it had just come in, and starts nothing. Text without a header is read as the words of a mail from somebody who is allowed; `note` says so. `proven` is whether the mail server that the account names vouches for the sender.',
    params: Account,
    body: Pasted,
    bodyLimit: 4 * 1024 * 1024,
    output: Rehearsal,
    errors: ['invalid', 'not_found', 'too_large', 'upstream_failed'],
    example: REHEARSED,
    exampleBody: { mail: 'From: Ann <ann@example.org>\nSubject: Invoice for November\n\nPlease find it attached.' },
    handle: async ({ params, body }, { services, who, res }) => {
      const account = services.mail.accounts.get(who.user.id, params.id)
      const gone = new AbortController()
      res.once('close', () => gone.abort())
      return rehearsed(account, await services.mail.rehearse(account, body.mail, gone.signal), services)
    },
  }),
]
