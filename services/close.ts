import type { Log } from './log.ts'

/**
 * Whatever starts says here how it stops. `run` stops everything in reverse order; one failure does not keep the rest
 * from stopping. A second `run` waits for the first.
 */
export function createCloseStack(log: Pick<Log, 'error'>) {
  const stack: { name: string; close: () => unknown }[] = []
  let running: Promise<void> | undefined

  async function closeAll(): Promise<void> {
    for (let entry = stack.pop(); entry; entry = stack.pop()) {
      try {
        await entry.close()
      } catch (error) {
        log.error({ err: error, what: entry.name }, 'could not close')
      }
    }
  }

  return {
    add: (name: string, close: () => unknown): void => void stack.push({ name, close }),
    run: (): Promise<void> => (running ??= closeAll()),
  }
}
