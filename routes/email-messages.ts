import { z } from 'zod'
import { Cursor, list, Time } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

export const OUTCOMES = [
  'started',
  'no_match',
  'not_allowed',
  'automatic',
  'own',
  'loop',
  'unreadable',
  'failed',
] as const

/** A mail that was looked at, and what became of it. */
export const EmailMessage = lazy(() =>
  z
    .object({
      id: z.string(),
      account_id: z.string(),
      folder: z.string(),
      message_id: z.string().nullable(),
      sender: z.string().nullable(),
      sender_name: z.string().nullable(),
      proven: z.boolean(),
      subject: z.string(),
      sent_at: z.string().nullable(),
      received_at: Time(),
      size: z.number(),
      attachments: z.array(z.object({ name: z.string(), media_type: z.string(), size: z.number() })),
      outcome: z.enum(OUTCOMES),
      reason: z.string(),
      run_ids: z.array(z.string()),
    })
    .meta({ id: 'EmailMessage' }),
)
const Page = list(EmailMessage)
const Id = lazy(() => z.object({ id: z.string() }))

const EXAMPLE = {
  id: '019a9d2e-7c1a-7000-8000-000000000041',
  account_id: '019a9d2e-7c1a-7000-8000-000000000009',
  folder: 'INBOX',
  message_id: 'b4f1@mail.example.org',
  sender: 'ann@example.org',
  sender_name: 'Ann',
  proven: true,
  subject: 'Invoice for November',
  sent_at: '2026-11-22T07:59:58.000Z',
  received_at: '2026-11-22T08:00:00.000Z',
  size: 4211,
  attachments: [{ name: 'invoice.pdf', media_type: 'application/pdf', size: 2800 }],
  outcome: 'started' as const,
  reason: 'A rule fits it.',
  run_ids: ['019a9d2e-7c1a-7000-8000-000000000021'],
}

export const emailMessageEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/email-accounts/{id}/messages',
    tag: 'Email accounts',
    role: 'user',
    scopes: ['read'],
    summary: 'What came in at an account and what became of it, newest first',
    description:
      'Each mail once, wherever it lies. `outcome` says what became of it and `reason` why; `proven`: the mail server vouches for the sender. Kept for 400 days.',
    params: Id,
    query: Cursor,
    output: Page,
    errors: ['invalid', 'not_found'],
    example: { items: [EXAMPLE], next_cursor: null, total: 1 },
    handle: ({ params, query }, { services, who }) => {
      const { id } = services.mail.accounts.get(who.user.id, params.id)
      return services.mail.messages.list(id, query)
    },
  }),
]
