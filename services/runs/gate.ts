import type { Settings } from '../settings.ts'
import type { Hold, Run } from './store.ts'

/** Thrown where a run may not take its next step now. It is put aside as it is, and goes on when the reason is over. */
export class Held extends Error {
  readonly hold: Hold
  /** How often budgets had been freed when one refused it. */
  readonly freed: number

  constructor(hold: Hold, reason: string, freed = 0) {
    super(reason)
    this.hold = hold
    this.freed = freed
  }
}

/** Thrown where a run has used up the money it may cost; that ends it. */
export class OutOfBudget extends Error {}

const REASONS: Record<Hold, string> = {
  house: 'Everything is paused; it goes on when you resume.',
  agent: 'Its agent is paused; it goes on when you resume the agent.',
  budget: 'The budget is used up; it goes on when you raise it, or with the next day or month.',
}

export type Gate = ReturnType<typeof createGate>

/** Whether a run may take its next step at this moment. Asked before every model call and every tool call. */
export function createGate({
  settings,
  agents,
}: {
  settings: Settings
  agents: { find(id: string): { paused: boolean } | undefined }
}) {
  function holdOf({ chain }: Pick<Run, 'chain'>): Hold | undefined {
    if (settings.get('paused')) return 'house'
    return chain.some((id) => agents.find(id)?.paused) ? 'agent' : undefined
  }

  return {
    holdOf,
    reasonOf: (hold: Hold): string => REASONS[hold],

    /** Throws Held where the house or an agent of the run is paused. */
    pass(run: Pick<Run, 'chain'>): void {
      const hold = holdOf(run)
      if (hold !== undefined) throw new Held(hold, REASONS[hold])
    },
  }
}
