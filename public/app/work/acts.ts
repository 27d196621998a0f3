import { api } from '../api.ts'
import { navigate } from '../router.ts'
import { askConfirm } from '../ui/confirm.tsx'
import { tell } from '../ui/toast.tsx'
import type { Agent, Task } from './types.ts'

/** What one can do with agents, tasks and runs, from wherever they are shown. */

type Kind = 'agents' | 'tasks'
type Reload = () => Promise<void>

/** Starts it now and says so; `message` is what it is told beside its prompt. */
export async function startNow(kind: Kind, work: Agent | Task, reload: Reload, message = ''): Promise<void> {
  await api.post(`/api/${kind}/${work.id}/run`, message.trim() ? { message: message.trim() } : {})
  tell(`${work.name} was started.`)
  await reload()
}

export async function switchTask(task: Task, reload: Reload): Promise<void> {
  const { enabled } = await api.post<{ enabled: boolean }>(`/api/tasks/${task.id}/toggle`, {})
  tell(`${task.name} is ${enabled ? 'on' : 'off'}.`)
  await reload()
}

export async function pauseAgent(agent: Agent, reload: Reload): Promise<void> {
  await api.post(`/api/agents/${agent.id}/${agent.paused ? 'resume' : 'pause'}`, {})
  tell(agent.paused ? `${agent.name} goes on.` : `${agent.name} is paused.`)
  await reload()
}

export async function stopAgent(agent: Agent, reload: Reload): Promise<void> {
  await api.post(`/api/agents/${agent.id}/stop`, {})
  tell('Its unfinished runs were stopped.')
  await reload()
}

/** Deletes it after one question, and leads back to the list. */
export async function removeWork(kind: Kind, work: Agent | Task): Promise<void> {
  const yes = await askConfirm({
    title: `Delete ${work.name}?`,
    body: 'Its unfinished runs are stopped and it does not start again. What it did stays in the activity and the audit log.',
    action: 'Delete',
    danger: true,
  })
  if (!yes) return
  await api.remove(`/api/${kind}/${work.id}`)
  tell(`${work.name} was deleted.`)
  navigate(`/${kind}`, { replace: true })
}

export async function stopRun(id: string): Promise<void> {
  await api.post(`/api/runs/${id}/stop`, {})
  tell('The run was stopped.')
}
