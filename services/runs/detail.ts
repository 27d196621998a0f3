import type { Db } from '../../db/open.ts'
import { AppError } from '../errors.ts'
import type { EventLog } from '../event-log.ts'
import type { ShownEmail } from '../mail/messages.ts'
import type { Transcript } from '../transcript.ts'
import type { History, RunEntry } from './history.ts'
import type { Run, RunStore } from './store.ts'

type Named = { name: string }
type Answered = { callId: string; decidedBy: string | null; decidedAt: string | null; note: string | null }

export type RunDetailsDeps = {
  db: Db
  store: RunStore
  history: History
  transcript: Transcript
  log: EventLog
  agents: { find(id: string): Named | undefined }
  tasks: { find(id: string): Named | undefined }
  emails: { ofRun(runId: string): ShownEmail | null }
}

export type RunDetails = ReturnType<typeof createRunDetails>

/** One run as people read it: what was asked, what was said and done, who agreed to it, and what it used. */
export function createRunDetails({ db, store, history, transcript, log, agents, tasks, emails }: RunDetailsDeps) {
  const answers = db.prepare<[string], Answered>(
    `SELECT CASE call_id WHEN '' THEN id ELSE call_id END AS callId, decided_by AS decidedBy, decided_at AS decidedAt, note FROM approvals
     WHERE run_id = (SELECT ?) ORDER BY created_at`,
  )

  /** Throws `not_found` also for another user's. */
  function get(userId: string, id: string): Run {
    const run = store.find(id)
    if (run?.userId !== userId) throw new AppError('not_found', 'There is no such run.')
    return run
  }

  type Part = ReturnType<Transcript['ofRun']>[number]

  function callsOf(run: Run, parts: Part[]) {
    const byCall = new Map(answers.all(run.id).map((answer) => [answer.callId, answer]))
    return parts.flatMap((part) => {
      if (part.type !== 'tool') return []
      const { type: _type, result: _result, ...call } = part
      const answer = byCall.get(call.call_id)
      const { decidedBy = null, decidedAt = null, note = null } = answer ?? {}
      return [{ ...call, decided_by: decidedBy, decided_at: decidedAt, note }]
    })
  }

  function of(run: Run) {
    const parts = transcript.ofRun(run)
    return {
      ...entryOf(run),
      agent_name: run.agentId === null ? null : (agents.find(run.agentId)?.name ?? null),
      task_name: run.taskId === null ? null : (tasks.find(run.taskId)?.name ?? null),
      error_code: run.errorCode,
      reason: log.reasonOf(run),
      transcript: parts,
      calls: callsOf(run, parts),
      children: history.children(run.id),
      attachments: store.attachmentNames(run.id),
      email: emails.ofRun(run.id),
    }
  }

  return { get, of }
}

function entryOf(run: Run): RunEntry {
  return {
    id: run.id,
    origin: run.origin,
    status: run.status,
    agent_id: run.agentId,
    task_id: run.taskId,
    conversation_id: run.conversationId,
    parent_run_id: run.parentRunId,
    model: run.model,
    input: run.input,
    stop_reason: run.stopReason,
    error: run.error,
    answer: run.answer,
    tool_calls: run.toolCalls,
    input_tokens: run.inputTokens,
    output_tokens: run.outputTokens,
    cost_usd: run.costUsd,
    integrity: run.integrity,
    attempts: run.attempts,
    created_at: run.createdAt,
    started_at: run.startedAt,
    ended_at: run.endedAt,
  }
}
