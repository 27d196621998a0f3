import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { agentName } from '../status.ts'
import { agents, loadAgents } from '../work/agents-known.ts'

type AgentPickerProps = { value: string; onChange: (id: string) => void }

/** Who answers in a new conversation; absent while there are no agents to choose from. */
export function AgentPicker({ value, onChange }: AgentPickerProps): JSX.Element | null {
  useEffect(() => void loadAgents(), [])
  const list = (agents.value ?? []).filter(({ enabled }) => enabled)
  if (!list.length) return null
  return (
    <label class="agent-picker">
      <span class="visually-hidden">Who answers</span>
      <select
        class="toggle"
        value={value}
        title="Choose who answers"
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        <option value="">{agentName.value}</option>
        {list.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
