import { useEffect } from 'preact/hooks'

/** Does something again and again while `on`, as long as the page is looked at. */
export function useEvery(ms: number, on: boolean, act: () => void): void {
  useEffect(() => {
    if (!on) return
    const timer = setInterval(() => document.visibilityState === 'visible' && act(), ms)
    return () => clearInterval(timer)
  }, [ms, on, act])
}
