import type { ComponentChildren, JSX } from 'preact'
import { useId } from 'preact/hooks'

type Common = { label: string; hint?: ComponentChildren; error?: string | undefined }

type TextFieldProps = Common & {
  value: string
  onInput: (value: string) => void
  type?: 'text' | 'password' | 'search' | 'date' | 'url' | 'number' | 'datetime-local' | 'time'
  autocomplete?: string
  required?: boolean
  minLength?: number
  maxLength?: number
  placeholder?: string
  autofocus?: boolean
  mono?: boolean
  readOnly?: boolean
  /** Id of a datalist with proposals. */
  list?: string
  min?: number
  step?: number | 'any'
  onBlur?: () => void
}

/** A labelled line of text with its hint and its error. */
export function TextField({ label, hint, error, value, onInput, type = 'text', ...rest }: TextFieldProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        class={`input${rest.mono ? ' mono' : ''}`}
        type={type as 'text'}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
        aria-invalid={error ? true : undefined}
        aria-describedby={hint || error ? `${id}-hint` : undefined}
        autocomplete={rest.autocomplete ?? 'off'}
        required={rest.required}
        minLength={rest.minLength}
        maxLength={rest.maxLength}
        placeholder={rest.placeholder}
        autofocus={rest.autofocus}
        readOnly={rest.readOnly}
        list={rest.list}
        min={rest.min}
        step={rest.step}
        onBlur={rest.onBlur}
        spellcheck={false}
      />
      <Remark id={id} hint={hint} error={error} />
    </div>
  )
}

type AreaFieldProps = Common & {
  value: string
  onInput: (value: string) => void
  rows?: number
  required?: boolean
  maxLength?: number
  placeholder?: string
  autofocus?: boolean
  mono?: boolean
}

/** A labelled box for longer text. */
export function AreaField({ label, hint, error, value, onInput, rows = 6, ...rest }: AreaFieldProps): JSX.Element {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        class={`input${rest.mono ? ' mono' : ''}`}
        rows={rows}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
        aria-invalid={error ? true : undefined}
        aria-describedby={hint || error ? `${id}-hint` : undefined}
        required={rest.required}
        maxLength={rest.maxLength}
        placeholder={rest.placeholder}
        autofocus={rest.autofocus}
      />
      <Remark id={id} hint={hint} error={error} />
    </div>
  )
}

type ChoiceFieldProps<T extends string> = Common & {
  value: T
  options: readonly (readonly [T, ComponentChildren, string?])[]
  onChange: (value: T) => void
}

/** A labelled choice of a few that are worth a line each. */
export function ChoiceField<T extends string>({ label, hint, error, value, options, onChange }: ChoiceFieldProps<T>) {
  const id = useId()
  return (
    <fieldset class="field" aria-describedby={hint || error ? `${id}-hint` : undefined}>
      <legend>{label}</legend>
      {options.map(([key, text, about]) => (
        <div class="check-field" key={key}>
          <input
            id={`${id}-${key}`}
            type="radio"
            name={id}
            checked={key === value}
            onChange={() => onChange(key)}
            aria-describedby={about ? `${id}-${key}-hint` : undefined}
          />
          <label for={`${id}-${key}`}>
            {text}
            {about && (
              <small id={`${id}-${key}-hint`} class="hint">
                {about}
              </small>
            )}
          </label>
        </div>
      ))}
      <Remark id={id} hint={hint} error={error} />
    </fieldset>
  )
}

type SelectFieldProps<T extends string> = Common & {
  value: T
  options: readonly (readonly [T, string])[]
  onChange: (value: T) => void
}

/** A labelled choice of a few. */
export function SelectField<T extends string>({ label, hint, error, value, options, onChange }: SelectFieldProps<T>) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        class="input"
        value={value}
        onChange={(event) => onChange(event.currentTarget.value as T)}
        aria-describedby={hint || error ? `${id}-hint` : undefined}
      >
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
      <Remark id={id} hint={hint} error={error} />
    </div>
  )
}

type CheckFieldProps = { label: ComponentChildren; hint?: string; checked: boolean; onChange: (on: boolean) => void }

/** A labelled yes or no. */
export function CheckField({ label, hint, checked, onChange }: CheckFieldProps): JSX.Element {
  const id = useId()
  return (
    <div class="check-field">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.currentTarget.checked)}
        aria-describedby={hint ? `${id}-hint` : undefined}
      />
      <label for={id}>
        {label}
        {hint && (
          <small id={`${id}-hint`} class="hint">
            {hint}
          </small>
        )}
      </label>
    </div>
  )
}

function Remark({ id, hint, error }: { id: string; hint: ComponentChildren; error: string | undefined }) {
  if (!hint && !error) return null
  return (
    <small id={`${id}-hint`} class={error ? 'hint error' : 'hint'}>
      {error ?? hint}
    </small>
  )
}
