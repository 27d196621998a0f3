import type { JSX } from 'preact'
import { fieldError } from '../api.ts'
import { CheckField, TextField } from '../ui/field.tsx'
import type { ChangeDraft, Draft } from './draft.ts'

type FieldsProps = { draft: Draft; change: ChangeDraft; error: unknown }

/** How far one run may go. */
export function LimitFields({ draft, change, error }: FieldsProps): JSX.Element {
  return (
    <div class="field-pair">
      <TextField
        label="At most this many tool calls in a run"
        type="number"
        min={0}
        hint="Empty: the limit of the house."
        value={draft.max_tool_calls}
        onInput={(max_tool_calls) => change({ max_tool_calls })}
        error={fieldError(error, 'max_tool_calls')}
      />
      <TextField
        label="At most this many dollars in a run"
        type="number"
        min={0}
        step="any"
        hint="Empty: only the budgets of the house count."
        value={draft.max_cost_usd}
        onInput={(max_cost_usd) => change({ max_cost_usd })}
        error={fieldError(error, 'max_cost_usd')}
      />
    </div>
  )
}

export function EnabledField({ draft, change }: Omit<FieldsProps, 'error'>): JSX.Element {
  return (
    <CheckField
      label="Switched on"
      hint="Off: it does not start by itself. You can still start it."
      checked={draft.enabled}
      onChange={(enabled) => change({ enabled })}
    />
  )
}
