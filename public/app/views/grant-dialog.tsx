import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
import { useResource } from '../ui/resource.ts'
import { Problem } from '../ui/states.tsx'
import type { Agent, List } from '../work/types.ts'

type ToolEntry = {
  name: string
  operations: { name: string; description: string; effect: string; destructive: boolean; attended_only: boolean }[]
}

type GrantDialogProps = { agents: readonly Agent[]; onClose: () => void; onSaved: () => void }

const AFTER_HINT = 'Otherwise it holds only while the run has read nothing that others could have written.'

/** Gives an agent a standing yes. */
export function GrantDialog({ agents, onClose, onSaved }: GrantDialogProps): JSX.Element {
  const operations = grantable(useResource<List<ToolEntry>>('/api/tools').data?.items ?? [])
  const [agent, setAgent] = useState(agents[0]?.id ?? '')
  const [operation, setOperation] = useState('')
  const [places, setPlaces] = useState('')
  const [perDay, setPerDay] = useState('5')
  const [after, setAfter] = useState(false)
  const { busy, error, run } = useAction()
  const chosen = operation || operations[0] || ''
  const save = () =>
    void run(async () => {
      const named = places.split(',').map((one) => one.trim())
      await api.post('/api/grants', {
        agent_id: agent,
        operation: chosen,
        destinations: named.filter((one) => one !== '' && !one.startsWith('/')),
        paths: named.filter((one) => one.startsWith('/')),
        after_third_party: after,
        per_day: Number(perDay),
      })
      onSaved()
    })
  return (
    <DialogForm
      title="New grant"
      action="Give it"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
      disabled={!places.trim() || !chosen}
    >
      <SelectField
        label="Agent"
        value={agent}
        options={agents.map(({ id, name }) => [id, name] as const)}
        onChange={setAgent}
        error={fieldError(error, 'agent_id')}
      />
      <SelectField
        label="May do"
        value={chosen}
        options={operations.map((name) => [name, name] as const)}
        onChange={setOperation}
        error={fieldError(error, 'operation')}
      />
      <TextField
        label="Where"
        hint="Separated by commas: folders (/srv/notes), hosts (example.org), addresses (ann@example.org), webhook:Name."
        value={places}
        onInput={setPlaces}
        error={fieldError(error, 'destinations') ?? fieldError(error, 'paths')}
        required
        autofocus
      />
      <TextField
        label="At most so often a day"
        type="number"
        value={perDay}
        onInput={setPerDay}
        error={fieldError(error, 'per_day')}
      />
      <CheckField label="Also after reading what others wrote" hint={AFTER_HINT} checked={after} onChange={setAfter} />
      <Problem error={elsewhere(error, ['agent_id', 'operation', 'destinations', 'paths', 'per_day'])} />
    </DialogForm>
  )
}

/** Reading inside the house needs no yes; what is asked about each time can have none that stands. */
function grantable(tools: readonly ToolEntry[]): string[] {
  return tools.flatMap(({ name, operations }) =>
    operations
      .filter(({ effect, destructive, attended_only }) => effect !== 'execute' && !destructive && !attended_only)
      .map((operation) => `${name}.${operation.name}`),
  )
}
