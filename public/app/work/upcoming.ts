import type { Agent, Task } from './types.ts'

/** When it starts by itself next; null where it does not. */
export function upcoming(work: Agent | Task): string | null {
  const still = !work.enabled || ('paused' in work && work.paused)
  return still ? null : work.next_run_at
}
