import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { GrantDialog } from '../views/grant-dialog.tsx'
import { GrantRow, type Grant } from './grant-row.tsx'
import type { Agent, List } from './types.ts'

/** What an agent may do by itself without asking, beyond what its tools and what it has read allow. */
export function AgentGrants({ agent }: { agent: Agent }): JSX.Element {
  const list = useResource<List<Grant>>('/api/grants?limit=200')
  const [making, setMaking] = useState(false)
  const own = (list.data?.items ?? []).filter(({ agent_id }) => agent_id === agent.id)
  const saved = async () => {
    setMaking(false)
    await list.reload()
  }
  return (
    <Section
      title="Grants"
      actions={
        <Button small icon="plus" onClick={() => setMaking(true)}>
          New grant
        </Button>
      }
    >
      {own.length === 0 && <p class="muted">Nothing beyond its tools: for the rest it asks you.</p>}
      <ul class="rows plain-list">
        {own.map((grant) => (
          <GrantRow key={grant.id} grant={grant} agents={[agent]} reload={list.reload} />
        ))}
      </ul>
      {making && <GrantDialog agents={[agent]} onClose={() => setMaking(false)} onSaved={() => void saved()} />}
    </Section>
  )
}
