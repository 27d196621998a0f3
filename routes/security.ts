import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { Who } from '../services/who.ts'
import { endpoint } from './endpoint.ts'

const DAY_S = 24 * 60 * 60
const Timeout = lazy(() =>
  z
    .number()
    .int()
    .min(1)
    .max(30 * DAY_S),
)
const Security = lazy(() =>
  z.strictObject({
    flow_guard: z.boolean(),
    sanitize_enhanced: z.boolean(),
    canary: z.boolean(),
    llm_screen: z.boolean(),
    llm_screen_model: z.string().min(1).max(200).nullable(),
    output_validation: z.boolean(),
    approval_timeout_chat_s: Timeout(),
    approval_timeout_unattended_s: Timeout(),
    max_result_chars: z.number().int().min(1_000).max(500_000),
    public_only_providers: z.array(z.string().min(1).max(100)).max(50),
  }),
)
const SecurityChange = lazy(() => Security().partial())

const EXAMPLE = {
  flow_guard: true,
  sanitize_enhanced: false,
  canary: false,
  llm_screen: false,
  llm_screen_model: null,
  output_validation: true,
  approval_timeout_chat_s: 900,
  approval_timeout_unattended_s: DAY_S,
  max_result_chars: 50_000,
  public_only_providers: [],
}

export const securityEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/settings/security',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'The flow guard, the layers beside it, how long questions wait, and who may be told what is private',
    description:
      'Timeouts are in seconds; a question without an answer counts as no. `llm_screen_model` null screens with the default model. Providers in `public_only_providers` are never sent what is private.',
    output: Security,
    example: EXAMPLE,
    handle: (_input, { services }) => services.security.get(),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/security',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change security settings',
    description:
      'What is left out stays as it is. `flow_guard` is turned off only by a signed-in browser, within five minutes after POST /api/auth/confirm.',
    body: SecurityChange,
    output: Ok,
    errors: ['password_required'],
    example: OK,
    exampleBody: { canary: true, approval_timeout_chat_s: 1800 },
    handle: ({ body }, { services, who }) => {
      if (services.security.opens(body)) requireOwnerHere(who)
      services.security.change(body, who.actor)
      return OK
    },
  }),
]

/** The wall comes down only by the hand of somebody who is here and gave the password again; never by a key. */
function requireOwnerHere(who: Who): void {
  if (who.via === 'key')
    throw new AppError('forbidden', 'The flow guard is turned off on the page, signed in; API keys may not.')
  if (!who.confirmed) throw new AppError('password_required', 'Give your password again to turn the flow guard off.')
}
