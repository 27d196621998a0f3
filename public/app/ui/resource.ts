import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api.ts'

export type Resource<T> = { data: T | undefined; error: unknown; loading: boolean; reload: () => Promise<void> }

/** What is at `path`, asked again when the path changes or on `reload`. Late answers to older questions are dropped. */
export function useResource<T>(path: string | null): Resource<T> {
  const [state, setState] = useState<{ data: T | undefined; error: unknown; loading: boolean }>({
    data: undefined,
    error: undefined,
    loading: true,
  })
  const turn = useRef(0)
  const reload = useCallback(async () => {
    if (path === null) return
    const mine = ++turn.current
    setState((before) => ({ ...before, loading: true }))
    const next = await api.get<T>(path).then(
      (data) => ({ data, error: undefined, loading: false }),
      (error: unknown) => ({ data: undefined, error, loading: false }),
    )
    if (mine === turn.current) setState((before) => ({ ...next, data: next.data ?? before.data }))
  }, [path])
  useEffect(() => {
    void reload()
    return () => void turn.current++
  }, [reload])
  return { ...state, reload }
}
