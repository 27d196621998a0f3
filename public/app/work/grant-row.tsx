import type { JSX } from 'preact'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { askConfirm } from '../ui/confirm.tsx'
import { Badge, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { Agent } from './types.ts'

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

type RowProps = { grant: Grant; agents: readonly Agent[]; reload: () => Promise<void> }

/** One standing yes: what it covers, whose it is, how much of it is used, and the way to take it back. */
export function GrantRow({ grant, agents, reload }: RowProps): JSX.Element {
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
