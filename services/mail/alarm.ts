export type Alarm = ReturnType<typeof createAlarm>

/** Something to wait for: `ring` wakes whoever waits, or the next who would. */
export function createAlarm() {
  let rung = false
  let wake: (() => void) | undefined

  return {
    ring(): void {
      rung = true
      wake?.()
    },

    /** Until it rings, or so many milliseconds have passed. */
    wait(ms: number): Promise<void> {
      return new Promise((resolve) => {
        const timer = setTimeout(done, ms)
        timer.unref()
        function done(): void {
          clearTimeout(timer)
          wake = undefined
          rung = false
          resolve()
        }
        wake = done
        if (rung) done()
      })
    },
  }
}
