import { z } from 'zod'
import { AppError } from '../services/errors.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { Approval, EXAMPLE, Note, shown } from './approvals.ts'
import { endpoint, type Context } from './endpoint.ts'
import { clientAddress } from './sign-in.ts'

const Token = lazy(() => z.object({ token: z.string().min(1).max(200) }))
const Linked = lazy(() => z.object({ asked_by: z.string(), approval: Approval() }))
const Decision = lazy(() =>
  z.union([
    z.strictObject({ approved: z.boolean(), note: Note() }),
    z.strictObject({ decision: z.enum(['done', 'again', 'give_up']), note: Note() }),
  ]),
)
const LINKED = { asked_by: 'Secretary', approval: EXAMPLE }

/** The open question behind a link, for whom it is meant. Trying links that are none is slowed down like guessing passwords. */
async function opened(token: string, { services, who, req }: Context) {
  const { links } = services.mail
  const known = await services.signInLimits.attempt(clientAddress(req), 'approval link', () =>
    Promise.resolve(links.find(who.user.id, token)),
  )
  if (known !== undefined) return links.open(token)
  throw new AppError('not_found', 'This link is not known here, or not meant for you.')
}

const linked = (approval: Awaited<ReturnType<typeof opened>>, { services }: Context) => ({
  asked_by: services.mail.askedBy(approval.run_id),
  approval: shown(approval, services),
})

export const approvalLinkEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/approvals/links/{token}',
    operationId: 'readApprovalLink',
    tag: 'Approvals',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'The question behind a link of a mail',
    description:
      'Changes nothing, however often it is asked for. A link is for one user, one question and one decision; it is 410 once it was used or the question is closed.',
    params: Token,
    output: Linked,
    errors: ['not_found', 'expired', 'rate_limited'],
    example: LINKED,
    handle: async ({ params }, context) => linked(await opened(params.token, context), context),
  }),
  endpoint({
    method: 'post',
    path: '/api/approvals/links/{token}',
    operationId: 'decideByApprovalLink',
    tag: 'Approvals',
    role: 'user',
    scopes: [],
    sessionOnly: true,
    summary: 'Decide by a link of a mail',
    description:
      'An ordinary decision, made once. The audit log names the link. A question of the kind `uncertain` takes `decision` instead of `approved`.',
    params: Token,
    body: Decision,
    output: Linked,
    errors: ['not_found', 'conflict', 'expired', 'rate_limited'],
    example: { ...LINKED, approval: { ...EXAMPLE, state: 'approved' } },
    exampleBody: { approved: true },
    handle: async ({ params: { token }, body }, context) => {
      const { services, who } = context
      const approval = await opened(token, context)
      const actor = { userId: who.user.id, name: `link:${who.user.username}` }
      const decider = { userId: who.user.id, by: who.by, actor, alongside: () => services.mail.links.use(token) }
      return linked(await services.decisions.decide(decider, approval.id, body), context)
    },
  }),
]
