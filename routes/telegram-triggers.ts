import { z } from 'zod'
import { Ok, OK } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { TriggerChange, TriggerDraft } from '../services/shapes/telegram.ts'
import type { Trigger as TriggerRow } from '../services/telegram/triggers.ts'
import { endpoint } from './endpoint.ts'

const Trigger = lazy(() =>
  z
    .object({
      id: z.string(),
      position: z.number().int(),
      trigger_word: z.string(),
      agent_id: z.string(),
      enabled: z.boolean(),
    })
    .meta({ id: 'TelegramTrigger' }),
)
const Id = lazy(() => z.object({ id: z.string() }))

const EXAMPLE_TRIGGER = {
  id: '019a9d2e-7c1a-7000-8000-00000000000a',
  position: 1,
  trigger_word: 'weather',
  agent_id: '019a9d2e-7c1a-7000-8000-000000000002',
  enabled: true,
}

const shownTrigger = ({ id, position, triggerWord, agentId, enabled }: TriggerRow) => ({
  id,
  position,
  trigger_word: triggerWord,
  agent_id: agentId,
  enabled,
})

const of = { tag: 'Telegram', role: 'user' } as const

export const telegramTriggerEndpoints = [
  endpoint({
    ...of,
    method: 'get',
    path: '/api/telegram/triggers',
    scopes: ['read'],
    summary: 'Words that pick an agent, in their order',
    output: lazy(() => z.array(Trigger())),
    example: [EXAMPLE_TRIGGER],
    handle: (_input, { services, who }) => services.telegram.triggers.list(who.user.id).map(shownTrigger),
  }),
  endpoint({
    ...of,
    method: 'post',
    path: '/api/telegram/triggers',
    scopes: ['admin'],
    status: 201,
    summary: 'Add a trigger',
    description:
      'It fits a message in which every one of its words occurs, in any order and case. The first enabled one by `position` counts.',
    body: TriggerDraft,
    output: Trigger,
    errors: ['invalid', 'conflict'],
    example: EXAMPLE_TRIGGER,
    exampleBody: { trigger_word: 'weather', agent_id: EXAMPLE_TRIGGER.agent_id, enabled: true },
    creates: { showsSecret: false },
    handle: ({ body: { trigger_word: triggerWord, agent_id: agentId, ...rest } }, { services, who }) =>
      shownTrigger(services.telegram.triggers.create(who.user.id, { triggerWord, agentId, ...rest }, who.actor)),
  }),
  endpoint({
    ...of,
    method: 'put',
    path: '/api/telegram/triggers/{id}',
    scopes: ['admin'],
    summary: 'Change a trigger',
    params: Id,
    body: TriggerChange,
    output: Ok,
    errors: ['invalid', 'not_found'],
    example: OK,
    exampleBody: { enabled: false },
    handle: ({ params, body: { trigger_word: triggerWord, agent_id: agentId, ...rest } }, { services, who }) => {
      services.telegram.triggers.change(who.user.id, params.id, { triggerWord, agentId, ...rest }, who.actor)
      return OK
    },
  }),
  endpoint({
    ...of,
    method: 'delete',
    path: '/api/telegram/triggers/{id}',
    scopes: ['admin'],
    summary: 'Remove a trigger',
    params: Id,
    output: Ok,
    errors: ['not_found'],
    example: OK,
    handle: ({ params }, { services, who }) => {
      services.telegram.triggers.remove(who.user.id, params.id, who.actor)
      return OK
    },
  }),
  endpoint({
    ...of,
    method: 'post',
    path: '/api/telegram/triggers/test',
    scopes: ['read'],
    summary: 'Which trigger a message would fit',
    description: '`trigger` is null where none fits; the default agent, or Steward itself, answers then.',
    body: lazy(() => z.strictObject({ text: z.string().max(4096) })),
    output: lazy(() => z.object({ trigger: Trigger().nullable() })),
    example: { trigger: EXAMPLE_TRIGGER },
    exampleBody: { text: 'How will the weather be tomorrow?' },
    handle: ({ body }, { services, who }) => {
      const found = services.telegram.triggers.pick(who.user.id, body.text)
      return { trigger: found ? shownTrigger(found) : null }
    },
  }),
]
