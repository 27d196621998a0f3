import type { JSX } from 'preact'
import { decide, settle, type Approval } from '../pending.ts'
import { ApprovalCard } from './approval-card.tsx'
import { complain, tell } from './toast.tsx'
import { toolTitle } from './tool-title.ts'
import { UncertainCard } from './uncertain-card.tsx'

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
      provenance={approval.provenance}
      mayRemember={approval.may_remember}
      where={<Where approval={approval} />}
      decide={(decision) =>
        decide(approval.id, decision).then(() => tell(decision.approved ? 'Approved.' : 'Denied.'), complain)
      }
    />
  )
}

function Where({ approval }: { approval: Approval }) {
  return (
    <p class="small">
      <a href={`/runs/${approval.run_id}`}>See what it is doing</a>
    </p>
  )
}

function UncertainCall({ approval }: { approval: Approval }) {
  return (
    <UncertainCard
      settle={(answer) => settle(approval.id, answer)}
      toolName={toolTitle(approval.tool_name, approval.arguments)}
      args={approval.arguments}
      description={approval.description}
      reason={approval.reason}
      where={<Where approval={approval} />}
    />
  )
}
