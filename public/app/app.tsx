import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Outlet } from './frame/outlet.tsx'
import { Shell } from './frame/shell.tsx'
import { place } from './router.ts'
import { match } from './routes.ts'
import { loadMe, me, meProblem } from './session.ts'
import { ConfirmHost } from './ui/confirm.tsx'
import { PasswordHost } from './ui/password-dialog.tsx'
import { Loading, Problem } from './ui/states.tsx'
import { ToastHost } from './ui/toast.tsx'

/** The whole page: the frame around the present view, and the places where questions and notices appear. */
export function App(): JSX.Element {
  return (
    <>
      <Frame />
      <ConfirmHost />
      <PasswordHost />
      <ToastHost />
    </>
  )
}

function Frame() {
  const { route } = match(place.value.path)
  useEffect(() => void route.load().catch(() => undefined), [route])
  if (route.bare) return <BareFrame />
  if (meProblem.value) return <Unreachable text={meProblem.value} />
  if (!me.value) return <Waiting />
  return (
    <Shell full={route.full === true}>
      <Outlet />
    </Shell>
  )
}

function BareFrame() {
  return (
    <main id="main" class="bare">
      <Outlet />
    </main>
  )
}

function Waiting() {
  return (
    <main class="bare">
      <Loading />
    </main>
  )
}

function Unreachable({ text }: { text: string }) {
  return (
    <main class="bare">
      <h1 class="visually-hidden">Steward</h1>
      <Problem error={new Error(text)} retry={() => void loadMe()} />
    </main>
  )
}
