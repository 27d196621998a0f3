import { useState } from 'preact/hooks'

/** One thing at a time: whether it is going on, how the last try failed, and a wrapper that keeps both. */
export function useAction() {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const run = async <T>(act: () => Promise<T>): Promise<T | undefined> => {
    setBusy(true)
    setError(null)
    try {
      return await act()
    } catch (failure) {
      setError(failure)
      return undefined
    } finally {
      setBusy(false)
    }
  }
  return { busy, error, run }
}
