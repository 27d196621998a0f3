import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { Button } from '../ui/button.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'
import type { Agent, List } from '../work/types.ts'
import { GrantRow, type Grant } from '../work/grant-row.tsx'
import { GrantDialog } from './grant-dialog.tsx'

/** The owner's standing yeses: what an agent may do by itself, and what a conversation is not asked about again. */
export function GrantsPage(): JSX.Element {
  const list = useResource<List<Grant>>('/api/grants?limit=200')
  const agents = useResource<Agent[]>('/api/agents')
  const [making, setMaking] = useState(false)
  const grants = list.data?.items
  const saved = async () => {
    setMaking(false)
    tell('The grant holds from now on.')
    await list.reload()
  }
  return (
    <SettingsFrame
      actions={
        <Button look="primary" icon="plus" disabled={!agents.data?.length} onClick={() => setMaking(true)}>
          New grant
        </Button>
      }
    >
      <p>
        A grant lets one agent by itself, or one conversation, do one thing to the places it names without asking. Hard
        limits hold all the same: whitelists, closed folders, pauses and budgets.
      </p>
      <Problem error={list.error} retry={() => void list.reload()} />
      {!grants && list.loading && <Loading />}
      {grants?.length === 0 && (
        <Empty icon="shield" title="No grants">
          Everything that needs your yes is asked about each time.
        </Empty>
      )}
      <ul class="rows plain-list">
        {(grants ?? []).map((grant) => (
          <GrantRow key={grant.id} grant={grant} agents={agents.data ?? []} reload={list.reload} />
        ))}
      </ul>
      {making && (
        <GrantDialog agents={agents.data ?? []} onClose={() => setMaking(false)} onSaved={() => void saved()} />
      )}
    </SettingsFrame>
  )
}
