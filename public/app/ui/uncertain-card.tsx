import type { ComponentChildren, JSX } from 'preact'
import { useAction } from './action.ts'
import { Arguments } from './arguments.tsx'
import { Button } from './button.tsx'
import { Icon } from './icons.tsx'
import { complain, tell } from './toast.tsx'

type UncertainCardProps = {
  toolName: string
  args: unknown
  description: string
  reason: string
  where?: ComponentChildren
  settle: (answer: keyof typeof TOLD) => Promise<void>
}

const TOLD = { done: 'Noted as done.', again: 'It is done again.', give_up: 'Given up.' } as const

/** Asks about a call that was cut off: Steward does not know whether it happened, and does nothing until told. */
export function UncertainCard(props: UncertainCardProps): JSX.Element {
  const { busy, run } = useAction()
  const answer = (decision: keyof typeof TOLD) =>
    void run(() => props.settle(decision).then(() => tell(TOLD[decision]), complain))
  return (
    <section class="approval" aria-label={`Uncertain: ${props.description}`}>
      <header>
        <Icon name="alert" />
        <h2>Did this happen?</h2>
        <code class="tool-name">{props.toolName}</code>
      </header>
      <p class="approval-what">{props.description}</p>
      <p class="approval-why">{props.reason}</p>
      <Arguments value={props.args} />
      {props.where}
      <footer>
        <Button busy={busy} onClick={() => answer('done')}>
          It was done
        </Button>
        <Button busy={busy} onClick={() => answer('again')}>
          Do it again
        </Button>
        <Button busy={busy} onClick={() => answer('give_up')}>
          Give it up
        </Button>
      </footer>
    </section>
  )
}
