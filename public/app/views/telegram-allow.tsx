import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { Button } from '../ui/button.tsx'
import { SelectField } from '../ui/field.tsx'
import { complain, tell } from '../ui/toast.tsx'
import type { Agent } from '../work/types.ts'
import type { Grant } from '../work/grant-row.tsx'
import type { TelegramChat } from './telegram-types.ts'

const REPLY = 'reply.telegram'
const PER_DAY = 200

type Props = {
  chat: TelegramChat
  agents: readonly Agent[]
  grants: readonly Grant[]
  reload: () => Promise<void>
}

/** Which agents may answer in the chat of somebody else: each is a grant, and may be taken back. */
export function TelegramAllow({ chat, agents, grants, reload }: Props): JSX.Element {
  const place = `telegram:${chat.chat_id}`
  const held = grants.filter(({ operation, destinations }) => operation === REPLY && destinations.includes(place))
  const names = new Map(agents.map(({ id, name }) => [id, name]))
  const free = agents.filter(({ id }) => !held.some(({ agent_id }) => agent_id === id))
  const [chosen, setChosen] = useState('')
  const allow = async () => {
    const what = { operation: REPLY, destinations: [place], after_third_party: true, per_day: PER_DAY }
    await api.post('/api/grants', { agent_id: chosen, ...what })
    setChosen('')
    tell(`${names.get(chosen)} may answer in ${chat.label}.`)
    await reload()
  }
  const revoke = async (grant: Grant) => {
    await api.remove(`/api/grants/${grant.id}`)
    await reload()
  }
  return (
    <div class="small">
      {held.length === 0 && <p class="muted">No agent may answer here yet.</p>}
      {held.map((grant) => (
        <p key={grant.id} class="break">
          {names.get(grant.agent_id ?? '') ?? 'An agent that is gone'} may answer, {grant.used_today} of {grant.per_day}{' '}
          today.{' '}
          <Button small look="quiet" onClick={() => void revoke(grant).catch(complain)}>
            Revoke<span class="visually-hidden"> for {chat.label}</span>
          </Button>
        </p>
      ))}
      {free.length > 0 && (
        <>
          <SelectField
            label={`Who may answer in ${chat.label}`}
            value={chosen}
            options={[['', 'Choose an agent'], ...free.map(({ id, name }) => [id, name] as const)]}
            onChange={setChosen}
            hint="It answers where a trigger or the default agent picks it."
          />
          <Button small disabled={chosen === ''} onClick={() => void allow().catch(complain)}>
            Allow<span class="visually-hidden"> in {chat.label}</span>
          </Button>
        </>
      )}
    </div>
  )
}
