import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { apiOf, type Folder } from './places.ts'

type State = { folder: Folder | undefined; error: unknown; loading: boolean }

/** What is in a folder, a part at a time. Late answers to older questions are dropped. */
export function useFolder(path: string) {
  const [state, setState] = useState<State>({ folder: undefined, error: undefined, loading: true })
  const turn = useRef(0)
  const ask = useCallback(
    async (before: Folder | undefined) => {
      const mine = ++turn.current
      setState((now) => ({ ...now, loading: true }))
      const cursor = before?.next_cursor ? `&cursor=${before.next_cursor}` : ''
      const next = await api.get<Folder>(apiOf(path) + cursor).then(
        (part) => ({ folder: { ...part, entries: [...(before?.entries ?? []), ...part.entries] }, error: undefined }),
        (error: unknown) => ({ folder: undefined, error }),
      )
      if (mine === turn.current) setState({ ...next, loading: false })
    },
    [path],
  )
  const reload = useCallback(() => ask(undefined), [ask])
  useEffect(() => {
    setState({ folder: undefined, error: undefined, loading: true })
    void reload()
    return () => void turn.current++
  }, [reload])
  const { folder } = state
  return { ...state, reload, more: folder?.next_cursor ? () => ask(folder) : null }
}
