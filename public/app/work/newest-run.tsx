import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem, Time } from '../ui/states.tsx'
import { useEvery } from './live.ts'
import { originWord, StatusBadge } from './run-words.tsx'
import { RunTranscript } from './run-transcript.tsx'
import { isGoing, type RunEntry } from './types.ts'
import type { RunDetail } from './types.ts'

type NewestRunProps = { entry: RunEntry; onEnd: () => void }

/** The newest run as it happens, or as it went. */
export function NewestRun({ entry, onEnd }: NewestRunProps): JSX.Element {
  const found = useResource<RunDetail>(`/api/runs/${entry.id}`)
  const run = found.data
  const going = run ? isGoing(run) : isGoing(entry)
  useEvery(2000, going, found.reload)
  useEffect(() => {
    if (run && !isGoing(run) && isGoing(entry)) onEnd()
  }, [run?.status])
  return (
    <Section title="Newest run" actions={<a href={`/runs/${entry.id}`}>Everything about it</a>}>
      <p class="small run-line">
        <StatusBadge status={run?.status ?? entry.status} /> <Time at={entry.created_at} />
        <span class="muted"> · {originWord(entry.origin)}</span>
      </p>
      <Problem error={found.error} retry={() => void found.reload()} />
      {!run && found.loading && <Loading />}
      {run && (
        <div class="run-box">
          <RunTranscript run={run} />
        </div>
      )}
    </Section>
  )
}
