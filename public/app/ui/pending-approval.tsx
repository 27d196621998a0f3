import type { JSX } from 'preact'
import { decide, settle, type Approval } from '../pending.ts'
import { ApprovalCard } from './approval-card.tsx'
import { Arguments } from './arguments.tsx'
import { Button } from './button.tsx'
import { Icon } from './icons.tsx'
import { complain, tell } from './toast.tsx'
import { toolTitle } from './tool-title.ts'

/** One open question outside its chat: on the home page and among the approvals. */
export function PendingApproval({ approval }: { approval: Approval }): JSX.Element {
  if (approval.kind === 'uncertain') return <UncertainCall approval={approval} />
  return (
    <ApprovalCard
      toolName={toolTitle(approval.tool_name, approval.arguments)}
      args={approval.arguments}
      description={approval.description}
      reason={approval.reason}
      expiresAt={approval.expires_at}
      where={<Where approval={approval} />}
      decide={(decision) =>
        decide(approval.id, decision).then(() => tell(decision.approved ? 'Approved.' : 'Denied.'), complain)
      }
    />
  )
}

function Where({ approval }: { approval: Approval }) {
  if (!approval.conversation_id) return null
  return (
    <p class="small">
      <a href={`/chat/${approval.conversation_id}`}>Open the conversation</a>
    </p>
  )
}

function UncertainCall({ approval }: { approval: Approval }) {
  const answer = (decision: 'done' | 'again' | 'give_up') => void settle(approval.id, decision).catch(complain)
  return (
    <section class="approval" aria-label={`Uncertain: ${approval.description}`}>
      <header>
        <Icon name="alert" />
        <h2>Did this happen?</h2>
        <code class="tool-name">{toolTitle(approval.tool_name, approval.arguments)}</code>
      </header>
      <p class="approval-what">{approval.description}</p>
      <p class="approval-why">{approval.reason}</p>
      <Arguments value={approval.arguments} />
      <Where approval={approval} />
      <footer>
        <Button onClick={() => answer('done')}>It was done</Button>
        <Button onClick={() => answer('again')}>Do it again</Button>
        <Button onClick={() => answer('give_up')}>Give it up</Button>
      </footer>
    </section>
  )
}
