import { signal } from '@preact/signals'

/** The open question for the password, answered by the dialog in ui/password-dialog.tsx. */
export const passwordQuestion = signal<((given: boolean) => void) | null>(null)

let open: Promise<boolean> | null = null

/** Asks for the password once, however many calls need it; true when the server accepted it. */
export function askPassword(): Promise<boolean> {
  open ??= new Promise<boolean>((resolve) => {
    passwordQuestion.value = resolve
  }).finally(() => {
    open = null
    passwordQuestion.value = null
  })
  return open
}
