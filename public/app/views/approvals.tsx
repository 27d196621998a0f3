import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { pending, refreshPending } from '../pending.ts'
import { Page } from '../ui/page.tsx'
import { PendingApproval } from '../ui/pending-approval.tsx'
import { Empty, Loading } from '../ui/states.tsx'

/** Every open "may I", wherever it was asked. */
export function ApprovalsPage(): JSX.Element {
  useEffect(() => void refreshPending(), [])
  return (
    <Page
      title="Approvals"
      intro="What Steward wants to do and does not do without your yes. What you leave open expires as a no."
    >
      <List />
    </Page>
  )
}

function List() {
  const list = pending.value
  if (!list) return <Loading />
  if (!list.length) return <Empty icon="shield" title="Nothing waits for you" />
  return (
    <ul class="stack plain-list">
      {list.map((approval) => (
        <li key={approval.id}>
          <PendingApproval approval={approval} />
        </li>
      ))}
    </ul>
  )
}
