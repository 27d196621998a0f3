import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { loadModels, models, priceOf } from '../chat/models.ts'
import { SelectField } from '../ui/field.tsx'

type ModelFieldProps = {
  value: string
  onChange: (id: string) => void
  error: string | undefined
  preset?: string
  label?: string
}

/** Which model answers; by default the one of the house. */
export function ModelField({
  value,
  onChange,
  error,
  preset = 'House default',
  label = 'Model',
}: ModelFieldProps): JSX.Element {
  useEffect(() => void loadModels(), [])
  const known = (models.value ?? []).map((info) => [info.id, `${info.name} (${priceOf(info)})`] as const)
  const gone = value && !known.some(([id]) => id === value) ? [[value, value] as const] : []
  return (
    <SelectField
      label={label}
      value={value}
      options={[['', preset] as const, ...gone, ...known]}
      onChange={onChange}
      error={error}
    />
  )
}
