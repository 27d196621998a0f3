import type { TokenUsage } from '../agent/model.ts'
import type { Picture, Verdict } from '../agent/tool.ts'
import type { Deps } from '../deps.ts'
import { newId } from '../ids.ts'
import type { Masking } from '../policy/masking.ts'
import type { Labels, Integrity, Privacy } from '../shapes/labels.ts'
import type { AssistantPart, ToolCall } from '../shapes/message.ts'

/** A model turn or a tool call, as it was written down. */
export type Step = {
  id: string
  runId: string
  position: number
  kind: 'model' | 'tool' | 'summary'
  status: 'started' | 'finished'
  toolName: string | null
  operation: string | null
  arguments: string | null
  decision: Verdict['decision'] | null
  rule: string | null
  reason: string | null
  content: string
  summary: string | null
  success: number | null
  confirmed: number
  resultUrls: string | null
  source: string | null
  flags: string | null
  integrity: Integrity
  privacy: Privacy
  model: string | null
  startedAt: string
  finishedAt: string | null
}

export type StepPicture = Picture & { stepId: string }

export type ToolStep = {
  call: ToolCall
  runId: string
  operation: string | null
  /** What is executed; differs from the call's own where the owner changed it. */
  arguments: unknown
  verdict: Verdict
  confirmed: boolean
  labels: Labels
}

export type ToolEnd = {
  content: string
  summary: string
  success: boolean
  labels: Labels
  resultUrls?: readonly string[] | undefined
  pictures?: readonly Picture[] | undefined
  /** What it was read from, in a few words for the owner. */
  source?: string | undefined
  /** What the extra layers said of it. */
  flags?: readonly string[] | undefined
}

const COLUMNS = `id, run_id AS runId, position, kind, status, tool_name AS toolName, operation, arguments, decision, rule, reason,
  content, summary, success, confirmed, result_urls AS resultUrls, source, flags, integrity, privacy, model, started_at AS startedAt,
  finished_at AS finishedAt`

export type Journal = ReturnType<typeof createJournal>

/**
 * What a run did, step by step, so that a crash leaves no doubt where it stood: a tool call is written as started before
 * it happens and as finished after. Known secrets are masked in all of it. Callers hold the transaction.
 */
export function createJournal({ db, now, mask, maskValue }: Deps & Pick<Masking, 'mask' | 'maskValue'>) {
  const byId = db.prepare<[string], Step>(`SELECT ${COLUMNS} FROM steps WHERE id = ?`)
  const ofRun = db.prepare<[string], Step>(`SELECT ${COLUMNS} FROM steps WHERE run_id = (SELECT ?) ORDER BY position`)
  const insert = db.prepare(
    `INSERT INTO steps (id, run_id, position, kind, status, tool_name, operation, arguments, decision, rule, reason, content,
       confirmed, integrity, privacy, model, input_tokens, output_tokens, cost_usd, started_at, finished_at)
     VALUES (@id, @runId, (SELECT coalesce(max(position), 0) + 1 FROM steps WHERE run_id = (SELECT @runId)), @kind, @status, @toolName,
       @operation, @arguments, @decision, @rule, @reason, @content, @confirmed, @integrity, @privacy, @model, @inputTokens,
       @outputTokens, @costUsd, @at, @finishedAt)`,
  )
  const finish = db.prepare(
    `UPDATE steps SET status = 'finished', content = @content, summary = @summary, success = @success, result_urls = @resultUrls,
       source = @source, flags = @flags, integrity = @integrity, privacy = @privacy, finished_at = @at WHERE id = @id`,
  )
  const addPicture = db.prepare(
    'INSERT INTO step_pictures (step_id, position, run_id, media_type, data) VALUES (@callId, @position, (SELECT run_id FROM steps WHERE id = @callId), @mediaType, @data)',
  )
  const picturesOf = db.prepare<[string], StepPicture>(
    'SELECT step_id AS stepId, media_type AS mediaType, data FROM step_pictures WHERE run_id = ? ORDER BY step_id, position',
  )
  const BLANK = {
    toolName: null,
    operation: null,
    arguments: null,
    decision: null,
    rule: null,
    reason: null,
    content: '',
    confirmed: 0,
    model: null,
    inputTokens: 0,
    outputTokens: 0,
    costUsd: null,
    finishedAt: null,
  }

  type Turn = { usage: TokenUsage; costUsd: number | null; model: string; labels: Labels }

  function finished(runId: string, kind: 'model' | 'summary', content: string, turn: Turn): void {
    const at = now().toISOString()
    const { usage, costUsd, model, labels } = turn
    const { inputTokens, outputTokens } = usage
    const told = { content, model, inputTokens, outputTokens, costUsd }
    insert.run({ ...BLANK, ...labels, id: newId(), runId, kind, status: 'finished', ...told, at, finishedAt: at })
  }

  /** What only its vendor understands is kept whole or not at all. */
  function maskedPart(part: AssistantPart): AssistantPart[] {
    const masked = maskValue(part) as AssistantPart
    return part.type === 'opaque' && JSON.stringify(masked) !== JSON.stringify(part) ? [] : [masked]
  }

  return {
    find: (id: string): Step | undefined => byId.get(id),
    ofRun: (runId: string): Step[] => ofRun.all(runId),
    picturesOf: (runId: string): StepPicture[] => picturesOf.all(runId),

    turn: (runId: string, { parts, ...turn }: Turn & { parts: AssistantPart[] }): void =>
      finished(runId, 'model', JSON.stringify(parts.flatMap(maskedPart)), turn),

    /** What was let go of the conversation before this point. */
    summary: (runId: string, { content, ...turn }: Turn & { content: object }): void =>
      finished(runId, 'summary', JSON.stringify(maskValue(content)), turn),

    startTool(step: ToolStep): void {
      insert.run({
        ...BLANK,
        ...step.labels,
        id: step.call.callId,
        runId: step.runId,
        kind: 'tool',
        status: 'started',
        toolName: step.call.name,
        operation: step.operation,
        arguments: JSON.stringify(maskValue(step.arguments)),
        decision: step.verdict.decision,
        rule: step.verdict.rule,
        reason: mask(step.verdict.reason),
        confirmed: Number(step.confirmed),
        at: now().toISOString(),
      })
    },

    finishTool(callId: string, end: ToolEnd): void {
      finish.run({
        id: callId,
        content: mask(end.content),
        summary: mask(end.summary),
        success: Number(end.success),
        resultUrls: end.resultUrls?.length ? JSON.stringify(maskValue(end.resultUrls)) : null,
        source: end.source === undefined ? null : mask(end.source),
        flags: end.flags?.length ? JSON.stringify(end.flags) : null,
        ...end.labels,
        at: now().toISOString(),
      })
      for (const [position, { mediaType, data }] of (end.pictures ?? []).entries())
        addPicture.run({ callId, position, mediaType, data })
    },
  }
}

/** The parts of a model step. */
export function partsOf(step: Step): AssistantPart[] {
  return JSON.parse(step.content) as AssistantPart[]
}
