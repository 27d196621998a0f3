import { z } from 'zod'
import { AgentDraft } from './agent.ts'
import { lazy } from './lazy.ts'

/** What may be said of a task when it is made; what is left out gets its default. `agent_id`: who does it. */
export const TaskDraft = lazy(() =>
  AgentDraft()
    .omit({ prompt_mode: true })
    .extend({ agent_id: z.string().max(64).nullish() }),
)
export type TaskDraft = z.infer<ReturnType<typeof TaskDraft>>

/** What may be changed of it; what is left out stays. */
export const TaskChange = lazy(() => TaskDraft().partial())
export type TaskChange = z.infer<ReturnType<typeof TaskChange>>
