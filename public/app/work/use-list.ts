import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { List } from './types.ts'

type State<L> = { list: L | undefined; error: unknown; loading: boolean }

/** A list that is fetched piece by piece: `more` adds the next one, `reload` asks again for as many as are shown. */
export function useList<T, L extends List<T> = List<T>>(path: string, size = 50) {
  const [state, setState] = useState<State<L>>({ list: undefined, error: undefined, loading: true })
  const turn = useRef(0)
  const shown = useRef(size)
  const fetchFrom = useCallback(
    async (limit: number, cursor: string | null, before: T[]) => {
      const mine = ++turn.current
      setState((now) => ({ ...now, loading: true }))
      const query = `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`
      const next = await api.get<L>(query).then(
        (list) => ({ list: { ...list, items: [...before, ...list.items] }, error: undefined, loading: false }),
        (error: unknown) => ({ list: undefined, error, loading: false }),
      )
      if (mine !== turn.current) return
      shown.current = Math.max(size, next.list?.items.length ?? 0)
      setState((now) => ({ ...next, list: next.list ?? now.list }))
    },
    [path, size],
  )
  const reload = useCallback(() => fetchFrom(Math.min(200, shown.current), null, []), [fetchFrom])
  useEffect(() => {
    void reload()
    return () => void turn.current++
  }, [reload])
  const cursor = state.list?.next_cursor ?? null
  const more = cursor === null ? null : () => fetchFrom(size, cursor, state.list?.items ?? [])
  return { ...state, reload, more }
}
