import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { navigate } from '../router.ts'
import type { PageProps } from '../routes.ts'
import { bodyOf, changesOf, draftOf, FIELDS, type Draft } from '../work/draft.ts'
import { EditForm } from '../work/edit-form.tsx'
import { ModelField } from '../work/model-field.tsx'
import { ScheduleField } from '../work/schedule-field.tsx'
import { EnabledField, LimitFields } from '../work/terms-fields.tsx'
import { ToolsField } from '../work/tools-field.tsx'
import type { Agent, AgentDetail } from '../work/types.ts'
import { useAction } from '../ui/action.ts'
import { AreaField, ChoiceField, TextField } from '../ui/field.tsx'
import { Page } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

const PROMPT_MODES = [
  ['combined', 'The house’s personality and this prompt', 'It knows who you are and how Steward speaks.'],
  ['agent_only', 'Only this prompt', 'Fewer tokens, and nothing about you is passed on.'],
  ['system_only', 'Only the house’s personality', 'This prompt is what it is asked, instead.'],
] as const

/** Makes an agent. */
export function NewAgentPage(): JSX.Element {
  return (
    <Page title="New agent" intro="An agent does one kind of work in its own words, with its own tools and limits.">
      <AgentForm agent={null} />
    </Page>
  )
}

/** Changes one. */
export function EditAgentPage({ params }: PageProps): JSX.Element {
  const found = useResource<AgentDetail>(`/api/agents/${params['id']}`)
  return (
    <Page title={found.data ? `Edit ${found.data.agent.name}` : 'Edit agent'}>
      <Problem error={found.error} retry={() => void found.reload()} />
      {!found.data && found.loading && <Loading />}
      {found.data && <AgentForm agent={found.data.agent} />}
    </Page>
  )
}

function AgentForm({ agent }: { agent: Agent | null }) {
  const [draft, setDraft] = useState<Draft>(() => draftOf(agent))
  const { busy, error, run } = useAction()
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }))
  const save = () =>
    void run(async () => {
      const id = agent ? agent.id : (await api.post<Agent>('/api/agents', bodyOf(draft, 'agent'))).id
      // @NOTE what others could have written is the owner's again only when the owner sends all of it.
      const whole = agent?.integrity === 'third_party'
      const changes = whole ? bodyOf(draft, 'agent') : changesOf(draftOf(agent), draft, 'agent')
      if (agent) await api.put(`/api/agents/${id}`, changes)
      tell(agent ? 'Saved.' : `${draft.name.trim()} is ready.`)
      navigate(`/agents/${id}`)
    })
  return (
    <EditForm
      action={agent ? 'Save' : 'Create agent'}
      back={agent ? `/agents/${agent.id}` : '/agents'}
      busy={busy}
      disabled={!draft.name.trim() || !draft.prompt.trim()}
      onSubmit={save}
      error={elsewhere(error, FIELDS)}
    >
      <TextField
        label="Name"
        value={draft.name}
        onInput={(name) => change({ name })}
        error={fieldError(error, 'name')}
        maxLength={100}
        placeholder="Morning briefing"
        required
      />
      <AreaField
        label="Prompt"
        hint="What it is for and how it shall work. It reads this before every run."
        value={draft.prompt}
        onInput={(prompt) => change({ prompt })}
        error={fieldError(error, 'prompt')}
        rows={12}
        required
      />
      <ChoiceField
        label="It is told"
        value={draft.prompt_mode}
        options={PROMPT_MODES}
        onChange={(prompt_mode) => change({ prompt_mode })}
      />
      <h2>When</h2>
      <ScheduleField draft={draft} change={change} error={error} />
      <EnabledField draft={draft} change={change} />
      <h2>With what</h2>
      <ModelField value={draft.model} onChange={(model) => change({ model })} error={fieldError(error, 'model')} />
      <ToolsField
        value={draft.allowed_tools}
        onChange={(allowed_tools) => change({ allowed_tools })}
        error={fieldError(error, 'allowed_tools')}
      />
      <h2>How far</h2>
      <LimitFields draft={draft} change={change} error={error} />
    </EditForm>
  )
}
