import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, ApiError } from '../api.ts'
import { refreshPending, type Approval, type Decision } from '../pending.ts'
import type { PageProps } from '../routes.ts'
import { ApprovalCard } from '../ui/approval-card.tsx'
import { Page } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Empty, Loading, Problem } from '../ui/states.tsx'
import { complain } from '../ui/toast.tsx'
import { toolTitle } from '../ui/tool-title.ts'
import { UncertainCard } from '../ui/uncertain-card.tsx'

type Linked = { asked_by: string; approval: Approval }
type Answer = Pick<Decision, 'approved' | 'note'> | { decision: 'done' | 'again' | 'give_up' }

/** The one question that a link of a mail leads to. */
export function ApprovalLinkPage({ params }: PageProps): JSX.Element {
  const path = `/api/approvals/links/${encodeURIComponent(params.token ?? '')}`
  const { data, error, loading, reload } = useResource<Linked>(path)
  const [done, setDone] = useState<Linked | null>(null)
  const answer = async (given: Answer) => {
    try {
      setDone(await api.post<Linked>(path, given))
      await refreshPending()
    } catch (failure) {
      complain(failure)
      await reload()
    }
  }
  return (
    <Page title="A question for you" intro={data && !done && !isOver(error) ? `${data.asked_by} asks.` : undefined}>
      {done ? (
        <Answered linked={done} />
      ) : isOver(error) ? (
        <Over error={error} />
      ) : (
        <>
          <Problem error={error} retry={() => void reload()} />
          {!data && loading && <Loading />}
          {data && <Question approval={data.approval} answer={answer} />}
        </>
      )}
    </Page>
  )
}

type QuestionProps = { approval: Approval; answer: (given: Answer) => Promise<void> }

function Question({ approval, answer }: QuestionProps) {
  const about = {
    toolName: toolTitle(approval.tool_name, approval.arguments),
    args: approval.arguments,
    description: approval.description,
    reason: approval.reason,
    where: (
      <p class="small">
        <a href={`/runs/${approval.run_id}`}>See what it is doing</a>
      </p>
    ),
  }
  if (approval.kind === 'uncertain') return <UncertainCard {...about} settle={(decision) => answer({ decision })} />
  return (
    <ApprovalCard
      {...about}
      expiresAt={approval.expires_at}
      provenance={approval.provenance}
      fixed
      decide={({ approved, note }) => answer(note === undefined ? { approved } : { approved, note })}
    />
  )
}

function Answered({ linked: { approval } }: { linked: Linked }) {
  const yes = approval.state === 'approved'
  return (
    <Empty icon={yes ? 'check' : 'shield'} title={yes ? 'It goes ahead' : 'It is not done'}>
      <p>{approval.description}</p>
      <p>
        <a href={`/runs/${approval.run_id}`}>See the run</a> or <a href="/approvals">what else waits for you</a>.
      </p>
    </Empty>
  )
}

/** Whether the link leads nowhere any more. */
const isOver = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.status === 404 || error.status === 410)

function Over({ error }: { error: ApiError }) {
  return (
    <Empty icon="shield" title={error.status === 410 ? 'This link is no longer good' : 'There is no such link'}>
      <p>{error.message}</p>
      <p>
        <a href="/approvals">See what waits for you</a>
      </p>
    </Empty>
  )
}
