import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'
import type { EmailRule } from '../work/email-rule-types.ts'
import type { Agent } from '../work/types.ts'

type EmailRuleDialogProps = {
  rule: EmailRule | null
  path: string
  agents: readonly Agent[]
  /** The agent of the account by name; undefined where it has none. */
  ownAgent: string | undefined
  onClose: () => void
  onSaved: () => void
}

/** Makes or changes a rule. */
export function EmailRuleDialog(props: EmailRuleDialogProps): JSX.Element {
  const { rule, path, agents, ownAgent, onClose, onSaved } = props
  const gone = rule !== null && rule.agent_id !== null && !agents.some(({ id }) => id === rule.agent_id)
  const [phrase, setPhrase] = useState(rule?.phrase ?? '')
  const [agent, setAgent] = useState(
    gone ? '' : (rule?.agent_id ?? (ownAgent === undefined ? (agents[0]?.id ?? '') : '')),
  )
  const [enabled, setEnabled] = useState(rule?.enabled ?? true)
  const { busy, error, run } = useAction()
  const save = () =>
    void run(async () => {
      const body = { phrase: phrase.trim(), agent_id: agent || null, enabled }
      if (rule) await api.put(`${path}/${rule.id}`, body)
      else await api.post(path, body)
      onSaved()
    })
  const own = ownAgent === undefined ? 'Choose an agent' : `The agent of the account (${ownAgent})`
  return (
    <DialogForm
      title={rule ? 'Change the rule' : 'Add a rule'}
      action="Save"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
      disabled={agent === '' && ownAgent === undefined}
    >
      <TextField
        label="Words"
        hint="All of them must occur in subject and text, in any order, also within longer words. Empty: every mail."
        placeholder="invoice overdue"
        value={phrase}
        onInput={setPhrase}
        error={fieldError(error, 'phrase')}
        maxLength={500}
        autofocus
      />
      <SelectField
        label="Starts"
        value={agent}
        options={[['', own], ...agents.map(({ id, name }) => [id, name] as const)]}
        onChange={setAgent}
        error={fieldError(error, 'agent_id')}
      />
      <CheckField label="Switched on" checked={enabled} onChange={setEnabled} />
      <Problem error={elsewhere(error, ['phrase', 'agent_id'])} />
    </DialogForm>
  )
}
