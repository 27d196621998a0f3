import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { refreshStatus } from '../status.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { AreaField, TextField } from '../ui/field.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

type Personality = { agent_name: string; soul: string; user: string }

/** Who Steward is, and what it knows of its owner. */
export function PersonalityPage(): JSX.Element {
  const found = useResource<Personality>('/api/settings/personality')
  return (
    <SettingsFrame>
      <Problem error={found.error} retry={() => void found.reload()} />
      {!found.data && found.loading && <Loading />}
      {found.data && <PersonalityForm before={found.data} />}
    </SettingsFrame>
  )
}

function PersonalityForm({ before }: { before: Personality }) {
  const [now, setNow] = useState(before)
  const { busy, error, run } = useAction()
  const change = (part: Partial<Personality>) => setNow({ ...now, ...part })
  const save = (event: Event) => {
    event.preventDefault()
    void run(async () => {
      const { agent_name, soul, user } = now
      await api.put('/api/settings/personality', { agent_name, soul, user })
      await refreshStatus()
      tell('Saved. It counts from the next run on.')
    })
  }
  return (
    <form onSubmit={save} class="edit-form">
      <TextField
        label="Name"
        hint="What your steward calls itself."
        value={now.agent_name}
        onInput={(agent_name) => change({ agent_name })}
        error={fieldError(error, 'agent_name')}
        maxLength={40}
        required
      />
      <AreaField
        label="Soul"
        hint="How it speaks and what it cares about. Read before every answer."
        value={now.soul}
        onInput={(soul) => change({ soul })}
        error={fieldError(error, 'soul')}
        rows={9}
      />
      <AreaField
        label="About me"
        hint="What it should know of you: where you live, what you like, who belongs to your house."
        value={now.user}
        onInput={(user) => change({ user })}
        error={fieldError(error, 'user')}
        rows={9}
      />
      <Problem error={elsewhere(error, ['agent_name', 'soul', 'user'])} />
      <footer class="form-actions">
        <Button type="submit" look="primary" busy={busy}>
          Save
        </Button>
      </footer>
    </form>
  )
}
