import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { useAction } from '../ui/action.ts'
import { DialogForm } from '../ui/dialog-form.tsx'
import { CheckField, SelectField, TextField } from '../ui/field.tsx'
import { Problem } from '../ui/states.tsx'
import type { ApiKey, Scope } from './api-keys.tsx'

export type MadeKey = ApiKey & { key: string }

const SCOPES: [Scope, string][] = [
  ['read', 'look at conversations, runs and lists'],
  ['run', 'also start conversations and agents'],
  ['admin', 'also change settings and read credentials'],
  ['approve', 'answer approvals; no other scope includes this'],
]

export const EXPIRIES = [
  ['30', 'In 30 days'],
  ['90', 'In 90 days'],
  ['365', 'In a year'],
  ['never', 'Never'],
] as const

const INPUTS = [
  ['third_party', 'Maybe the words of others (mails, forms, web pages)'],
  ['owner', 'Only my own words'],
] as const

const DAY = 86_400_000

export type Expiry = (typeof EXPIRIES)[number][0]

/** The time that is meant, from now; null for never. */
export const expiryOf = (expiry: Expiry): string | null =>
  expiry === 'never' ? null : new Date(Date.now() + Number(expiry) * DAY).toISOString()

type ApiKeyDialogProps = { onClose: () => void; onMade: (key: MadeKey) => void }

/** Makes an API key. */
export function ApiKeyDialog({ onClose, onMade }: ApiKeyDialogProps): JSX.Element {
  const [name, setName] = useState('')
  const [scopes, setScopes] = useState<Scope[]>(['read', 'run'])
  const [input, setInput] = useState<ApiKey['input']>('third_party')
  const [expiry, setExpiry] = useState<Expiry>('365')
  const { busy, error, run } = useAction()
  const save = () => {
    const draft = { name: name.trim(), scopes, input, expires_at: expiryOf(expiry) }
    void run(async () => onMade(await api.post<MadeKey>('/api/api-keys', draft)))
  }
  return (
    <DialogForm
      title="New API key"
      action="Make the key"
      onClose={onClose}
      onSubmit={save}
      busy={busy}
      disabled={!name.trim() || !scopes.length}
    >
      <TextField
        label="Name"
        hint="What will use it, such as “phone shortcut”."
        value={name}
        onInput={setName}
        error={fieldError(error, 'name')}
        maxLength={100}
        required
        autofocus
      />
      <ScopeField scopes={scopes} onChange={setScopes} />
      <SelectField
        label="What it passes on is"
        hint="After words of others Steward asks before it acts."
        value={input}
        options={INPUTS}
        onChange={setInput}
      />
      <SelectField label="It expires" value={expiry} options={EXPIRIES} onChange={setExpiry} />
      <Problem error={elsewhere(error, ['name'])} />
    </DialogForm>
  )
}

function ScopeField({ scopes, onChange }: { scopes: Scope[]; onChange: (scopes: Scope[]) => void }) {
  const toggle = (scope: Scope, on: boolean) =>
    onChange(SCOPES.map(([each]) => each).filter((each) => (each === scope ? on : scopes.includes(each))))
  return (
    <fieldset class="field">
      <legend>It may</legend>
      {SCOPES.map(([scope, about]) => (
        <CheckField
          key={scope}
          label={
            <>
              <strong>{scope}</strong>: {about}
            </>
          }
          checked={scopes.includes(scope)}
          onChange={(on) => toggle(scope, on)}
        />
      ))}
    </fieldset>
  )
}
