import { z } from 'zod'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const MailSettings = lazy(() =>
  z.strictObject({
    mail_poll_s: z.number().int().min(5).max(3_600),
    mail_deadline_s: z.number().int().min(4).max(600),
    mail_match: z.enum(['first', 'all']),
    mail_max_bytes: z
      .number()
      .int()
      .min(64 * 1024)
      .max(60 * 1024 ** 2),
  }),
)
const MailSettingsChange = lazy(() => MailSettings().partial())

const EXAMPLE = {
  mail_poll_s: 60,
  mail_deadline_s: 75,
  mail_match: 'first' as const,
  mail_max_bytes: 25 * 1024 ** 2,
}

export const mailSettingEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/settings/mail',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'How mail is listened to',
    description:
      '`mail_poll_s`: how often folders are asked that nothing is announced of, in seconds; `mail_deadline_s`: how long a mail server may be silent before the connection counts as dead; `mail_match`: whether only the first rule that fits a mail starts its agent, or all do; `mail_max_bytes`: of a larger mail only the beginning is read.',
    output: MailSettings,
    example: EXAMPLE,
    handle: (_input, { services }) => services.mail.settings.get(),
  }),
  endpoint({
    method: 'put',
    path: '/api/settings/mail',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change how mail is listened to',
    description: 'What is left out stays as it is.',
    body: MailSettingsChange,
    output: Ok,
    example: OK,
    exampleBody: { mail_poll_s: 120, mail_match: 'all' },
    handle: ({ body }, { services, who }) => (services.mail.settings.change(body, who.actor), OK),
  }),
]
