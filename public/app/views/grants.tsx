import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { Agent, List } from '../work/types.ts'
import { GrantDialog } from './grant-dialog.tsx'

export type Grant = {
  id: string
  agent_id: string | null
  conversation_id: string | null
  operation: string
  destinations: string[]
  paths: string[]
  after_third_party: boolean
  per_day: number
  used_today: number
  approval_id: string | null
  expires_at: string | null
  created_at: string
}

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

type RowProps = { grant: Grant; agents: readonly Agent[]; reload: () => Promise<void> }

function GrantRow({ grant, agents, reload }: RowProps) {
  return (
    <li class="row card-row">
      <div class="row-text">
        <strong class="break">{grant.operation}</strong>{' '}
        {grant.after_third_party && <Badge kind="ask">also after reading others</Badge>}
        <div class="small break">{[...grant.destinations, ...grant.paths].join(', ')}</div>
        <div class="muted small">
          <Holder grant={grant} agents={agents} /> · {grant.used_today} of {grant.per_day} today · since{' '}
          <Time at={grant.created_at} />
          {grant.expires_at && (
            <>
              {' '}
              · until <Time at={grant.expires_at} />
            </>
          )}
        </div>
      </div>
      <div class="row-actions">
        <Button small look="quiet" icon="trash" onClick={() => void revoke(grant, reload).catch(complain)}>
          Revoke<span class="visually-hidden"> {grant.operation}</span>
        </Button>
      </div>
    </li>
  )
}

function Holder({ grant, agents }: { grant: Grant; agents: readonly Agent[] }) {
  if (grant.conversation_id) return <a href={`/chat/${grant.conversation_id}`}>one conversation</a>
  const agent = agents.find(({ id }) => id === grant.agent_id)
  return agent ? <a href={`/agents/${agent.id}`}>{agent.name}</a> : <>an agent that is gone</>
}

async function revoke(grant: Grant, reload: () => Promise<void>): Promise<void> {
  const yes = await askConfirm({
    title: `Revoke ${grant.operation}?`,
    body: 'From now on you are asked about it again.',
    action: 'Revoke',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/grants/${grant.id}`)
  await reload()
  tell('The grant was revoked.')
}
