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
import type { Agent, Task, TaskDetail } from '../work/types.ts'
import { useAction } from '../ui/action.ts'
import { AreaField, SelectField, TextField } from '../ui/field.tsx'
import { Page } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { tell } from '../ui/toast.tsx'

/** Makes a task. */
export function NewTaskPage({ query }: PageProps): JSX.Element {
  return (
    <Page title="New task" intro="A task is one thing to do, at its times, by Steward or by one of your agents.">
      <TaskForm task={null} agentId={query.get('agent') ?? ''} />
    </Page>
  )
}

/** Changes one. */
export function EditTaskPage({ params }: PageProps): JSX.Element {
  const found = useResource<TaskDetail>(`/api/tasks/${params['id']}`)
  return (
    <Page title={found.data ? `Edit ${found.data.name}` : 'Edit task'}>
      <Problem error={found.error} retry={() => void found.reload()} />
      {!found.data && found.loading && <Loading />}
      {found.data && <TaskForm task={found.data} agentId="" />}
    </Page>
  )
}

function TaskForm({ task, agentId }: { task: Task | null; agentId: string }) {
  const [draft, setDraft] = useState<Draft>(() =>
    task ? draftOf(task) : { ...draftOf(null), starts: 'schedule', agent_id: agentId },
  )
  const { busy, error, run } = useAction()
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }))
  const save = () =>
    void run(async () => {
      const id = task ? task.id : (await api.post<Task>('/api/tasks', bodyOf(draft, 'task'))).id
      if (task) await api.put(`/api/tasks/${id}`, changesOf(draftOf(task), draft, 'task'))
      tell(task ? 'Saved.' : `${draft.name.trim()} is ready.`)
      navigate(`/tasks/${id}`)
    })
  return (
    <EditForm
      action={task ? 'Save' : 'Create task'}
      back={task ? `/tasks/${task.id}` : '/tasks'}
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
        placeholder="Water the tomatoes"
        required
      />
      <AreaField
        label="What shall be done"
        value={draft.prompt}
        onInput={(prompt) => change({ prompt })}
        error={fieldError(error, 'prompt')}
        rows={8}
        required
      />
      <WhoField draft={draft} change={change} error={error} />
      <h2>When</h2>
      <ScheduleField draft={draft} change={change} error={error} />
      <EnabledField draft={draft} change={change} />
      <h2>With what</h2>
      <ModelField
        value={draft.model}
        onChange={(model) => change({ model })}
        error={fieldError(error, 'model')}
        preset={draft.agent_id ? 'The agent’s model' : 'House default'}
      />
      <ToolsField
        value={draft.allowed_tools}
        onChange={(allowed_tools) => change({ allowed_tools })}
        error={fieldError(error, 'allowed_tools')}
        preset={draft.agent_id ? 'What the agent may use' : 'Every tool that may run unattended'}
      />
      <h2>How far</h2>
      <LimitFields draft={draft} change={change} error={error} />
    </EditForm>
  )
}

type WhoFieldProps = { draft: Draft; change: (part: Partial<Draft>) => void; error: unknown }

function WhoField({ draft, change, error }: WhoFieldProps) {
  const agents = useResource<Agent[]>('/api/agents')
  const names = (agents.data ?? []).map(({ id, name }) => [id, name] as const)
  const gone = draft.agent_id && !names.some(([id]) => id === draft.agent_id)
  return (
    <SelectField
      label="Who does it"
      value={draft.agent_id}
      options={[
        ['', 'Steward itself'],
        ...(gone ? [[draft.agent_id, 'The agent chosen before'] as const] : []),
        ...names,
      ]}
      onChange={(agent_id) => change({ agent_id })}
      error={fieldError(error, 'agent_id')}
    />
  )
}
