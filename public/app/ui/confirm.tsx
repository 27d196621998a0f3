import { signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'

type Question = { title: string; body: ComponentChildren; action: string; danger?: boolean }

const asked = signal<(Question & { answer: (yes: boolean) => void }) | null>(null)

/** Asks once, in plain words, before something that cannot be taken back. */
export function askConfirm(question: Question): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    asked.value = { ...question, answer: resolve }
  }).finally(() => (asked.value = null))
}

/** Where the questions of askConfirm appear; mounted once. */
export function ConfirmHost(): JSX.Element | null {
  const question = asked.value
  if (!question) return null
  return (
    <Dialog title={question.title} onClose={() => question.answer(false)}>
      <div class="dialog-text">{question.body}</div>
      <footer class="dialog-actions">
        <Button onClick={() => question.answer(false)}>Cancel</Button>
        <Button look={question.danger ? 'danger' : 'primary'} onClick={() => question.answer(true)}>
          {question.action}
        </Button>
      </footer>
    </Dialog>
  )
}
