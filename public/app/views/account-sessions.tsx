import type { JSX } from 'preact'
import { api } from '../api.ts'
import { deviceName } from '../device.ts'
import { Button } from '../ui/button.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'

type Session = {
  id: string
  current: boolean
  user_agent: string
  address: string
  created_at: string
  last_seen_at: string
  expires_at: string
}

/** Where one is signed in, and how to end it. */
export function SessionList(): JSX.Element {
  const list = useResource<{ items: Session[] }>('/api/auth/sessions?limit=200')
  const sessions = list.data?.items ?? []
  const end = async (path: string, act: (path: string) => Promise<unknown>) => {
    await act(path)
    tell('Signed out there.')
    await list.reload()
  }
  return (
    <Section
      title="Where you are signed in"
      actions={
        sessions.length > 1 && (
          <Button
            onClick={() => void end('/api/auth/sessions/end-others', (path) => api.post(path, {})).catch(complain)}
          >
            End all others
          </Button>
        )
      }
    >
      <Problem error={list.error} retry={() => void list.reload()} />
      {!list.data && list.loading && <Loading />}
      <ul class="rows plain-list">
        {sessions.map((session) => (
          <li class="row" key={session.id}>
            <div class="row-text">
              <strong>{deviceName(session.user_agent)}</strong> {session.current && <Badge kind="good">this one</Badge>}
              <div class="muted small">
                {session.address} · seen <Time at={session.last_seen_at} /> · signed in <Time at={session.created_at} />
              </div>
            </div>
            {!session.current && (
              <Button small onClick={() => void end(`/api/auth/sessions/${session.id}`, api.remove).catch(complain)}>
                End
                <span class="visually-hidden"> the session of {deviceName(session.user_agent)}</span>
              </Button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  )
}
