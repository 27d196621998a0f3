import type { ComponentType, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { place } from '../router.ts'
import { match, type PageProps, type Route } from '../routes.ts'
import { Loading, Problem } from '../ui/states.tsx'

type Shown = { route: Route; Page: ComponentType<PageProps> }

/** Draws the page of the present path; the old one stays until the new one's code is here. */
export function Outlet(): JSX.Element {
  const { path, query } = place.value
  const { route, params } = match(path)
  const [shown, setShown] = useState<Shown | null>(null)
  const [problem, setProblem] = useState<unknown>(null)
  useEffect(() => {
    let wanted = true
    route.load().then(
      (Page) => wanted && setShown({ route, Page }),
      () =>
        wanted && setProblem(new Error('This part of the page could not be loaded. Steward may have been updated.')),
    )
    return () => void (wanted = false)
  }, [route])
  useArrival(shown, path)
  const last = useRef({ path, params, query })
  if (shown?.route === route) last.current = { path, params, query }
  if (problem) return <Problem error={problem} retry={() => location.reload()} />
  if (!shown) return <Loading />
  return <shown.Page key={last.current.path} params={last.current.params} query={last.current.query} />
}

/** After a change of page: the window's name, the top of the page, and the focus on its heading. */
function useArrival(shown: Shown | null, path: string): void {
  const first = useRef(true)
  useEffect(() => {
    if (!shown) return
    document.title = `${shown.route.title} · Steward`
    if (!first.current) settleFocus()
    first.current = false
  }, [shown, path])
}

function settleFocus(): void {
  const main = document.getElementById('main')
  main?.scrollTo(0, 0)
  const target = main?.querySelector<HTMLElement>('[data-arrival]') ?? main?.querySelector<HTMLElement>('h1')
  target?.focus({ preventScroll: true })
}
