import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import type { Who } from '../services/who.ts'
import { endpoint } from './endpoint.ts'

const ShellState = lazy(() =>
  z.object({ sandbox: z.boolean(), without_sandbox: z.boolean(), problem: z.string().nullable() }),
)
const ShellChange = lazy(() => z.strictObject({ without_sandbox: z.boolean() }))
const Tested = lazy(() => z.object({ ok: z.boolean(), sandbox: z.boolean(), error: z.string().optional() }))

export const shellEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/settings/shell',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'Whether commands can be run, and how',
    description:
      '`sandbox`: bubblewrap is here and works; else `problem` says why not and what to do. `without_sandbox`: commands may run without one.',
    output: ShellState,
    example: { sandbox: true, without_sandbox: false, problem: null },
    handle: (_input, { services }) => services.shell.state(),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/shell',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Let commands run without a sandbox, or no longer',
    description:
      'Turned on only by a signed-in browser, within five minutes after POST /api/auth/confirm: a command without a sandbox may do whatever Steward may.',
    body: ShellChange,
    output: Ok,
    errors: ['password_required'],
    example: OK,
    exampleBody: { without_sandbox: true },
    handle: ({ body }, { services, who }) => {
      if (body.without_sandbox) requireOwnerHere(who)
      services.shell.allowWithoutSandbox(body.without_sandbox, who.actor)
      return OK
    },
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/shell/test',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Run a command that changes nothing',
    output: Tested,
    example: { ok: true, sandbox: true },
    handle: (_input, { services }) => services.shell.test(),
  }),
]

function requireOwnerHere(who: Who): void {
  if (who.via === 'key')
    throw new AppError('forbidden', 'Commands without a sandbox are allowed on the page, signed in; API keys may not.')
  if (!who.confirmed)
    throw new AppError('password_required', 'Give your password again to let commands run without a sandbox.')
}
