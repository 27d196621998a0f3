import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { TextField } from './field.tsx'

const SHORTEST = 10
const HINT = `At least ${SHORTEST} characters. A few words in a row are easy to remember and hard to guess.`

/** A new password and its repeat: what was typed, and whether it will do. */
export function useNewPassword() {
  const [password, setPassword] = useState('')
  const [repeat, setRepeat] = useState('')
  const [asked, setAsked] = useState(false)
  const short = password.length < SHORTEST ? `At least ${SHORTEST} characters, please.` : undefined
  const differs = password === repeat ? undefined : 'The two passwords differ.'
  /** Whether it will do; from the first time it is asked, the fields say what is missing. */
  const check = () => {
    setAsked(true)
    return !short && !differs
  }
  const reset = () => {
    setPassword('')
    setRepeat('')
    setAsked(false)
  }
  const shown = asked ? { short, differs } : { short: undefined, differs: undefined }
  return { password, setPassword, repeat, setRepeat, check, reset, ...shown }
}

type NewPasswordProps = {
  label: string
  again: string
  given: ReturnType<typeof useNewPassword>
  error: string | undefined
}

/** The two fields of useNewPassword. */
export function NewPassword({ label, again, given, error }: NewPasswordProps): JSX.Element {
  return (
    <>
      <TextField
        label={label}
        type="password"
        autocomplete="new-password"
        hint={HINT}
        value={given.password}
        onInput={given.setPassword}
        error={given.short ?? error}
        required
      />
      <TextField
        label={again}
        type="password"
        autocomplete="new-password"
        value={given.repeat}
        onInput={given.setRepeat}
        error={given.differs}
        required
      />
    </>
  )
}
