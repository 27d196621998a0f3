import type { Deps } from '../deps.ts'
import type { RunStatus, StopReason } from '../shapes/frames.ts'
import type { Integrity, Labels, Privacy } from '../shapes/labels.ts'
import type { Origin } from '../shapes/intake.ts'

/** A run as the engine works with it. */
export type Run = {
  number: number
  id: string
  userId: string
  conversationId: string
  agentId: string | null
  taskId: string | null
  apiKeyId: string | null
  origin: Origin
  door: string
  attended: boolean
  status: RunStatus
  stopWanted: boolean
  input: string
  inputIntegrity: Integrity
  model: string
  integrity: Integrity
  privacy: Privacy
  attempts: number
  toolCalls: number
  inputTokens: number
  outputTokens: number
  costUsd: number | null
  stopReason: StopReason | null
  errorCode: string | null
  error: string | null
  answer: string
  createdAt: string
  startedAt: string | null
  endedAt: string | null
}

type Row = Omit<Run, 'attended' | 'stopWanted'> & { attended: number; stopWanted: number }

export type NewRun = Pick<
  Run,
  | 'id'
  | 'userId'
  | 'conversationId'
  | 'apiKeyId'
  | 'origin'
  | 'door'
  | 'attended'
  | 'input'
  | 'inputIntegrity'
  | 'model'
  | 'integrity'
  | 'privacy'
> & { address: string }

export type StoredAttachment = { id: string; name: string; mediaType: string; data: Buffer }

export type AttachmentEntry = { id: string; name: string; media_type: string; size: number }

export type Ending = {
  status: 'succeeded' | 'failed' | 'stopped' | 'interrupted'
  stopReason: StopReason | null
  answer: string
  error?: { code: string; message: string }
}

/** Which runs share a limit: chats, or everything else. */
export type Lane = 'chat' | 'other'
const CHATS = `('chat', 'telegram')`

const COLUMNS = `number, id, user_id AS userId, conversation_id AS conversationId, agent_id AS agentId, task_id AS taskId,
  api_key_id AS apiKeyId, origin, door, attended, status, stop_wanted AS stopWanted, input, input_integrity AS inputIntegrity,
  model, integrity, privacy, attempts, tool_calls AS toolCalls, input_tokens AS inputTokens, output_tokens AS outputTokens,
  cost_usd AS costUsd, stop_reason AS stopReason, error_code AS errorCode, error, answer, created_at AS createdAt,
  started_at AS startedAt, ended_at AS endedAt`

export type RunStore = ReturnType<typeof createRunStore>

/**
 * The rows of runs and their attachments. Callers hold the transaction.
 * @NOTE `= (SELECT ?)` before an ORDER BY: for a bare `?` SQLite plans the statement anew with every value, which takes
 * ten times as long as running it.
 */
export function createRunStore({ db, now }: Deps) {
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM runs WHERE id = ?`)
  const ofConversation = db.prepare<[string, number], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE conversation_id = (SELECT ?) AND number > (SELECT ?) ORDER BY number`,
  )
  const active = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE conversation_id = (SELECT ?) AND status IN ('queued', 'running', 'waiting', 'paused') ORDER BY number`,
  )
  const unfinished = db.prepare<[], Row>(`SELECT ${COLUMNS} FROM runs WHERE status = 'running' ORDER BY number`)
  const next = (lane: Lane) =>
    db.prepare<[], Row>(
      `SELECT ${COLUMNS} FROM runs AS r WHERE status = 'queued' AND origin ${lane === 'chat' ? 'IN' : 'NOT IN'} ${CHATS}
       AND NOT EXISTS (SELECT 1 FROM runs AS e WHERE e.conversation_id = r.conversation_id AND e.number < r.number
                       AND e.status IN ('queued', 'running', 'waiting', 'paused'))
       ORDER BY number LIMIT 1`,
    )
  const nextOf = { chat: next('chat'), other: next('other') }
  const insert = db.prepare(
    `INSERT INTO runs (id, user_id, conversation_id, api_key_id, origin, door, address, attended, status, input, input_integrity,
       model, integrity, privacy, cost_usd, created_at)
     VALUES (@id, @userId, @conversationId, @apiKeyId, @origin, @door, @address, @attended, 'queued', @input, @inputIntegrity,
       @model, @integrity, @privacy, 0, @at)`,
  )
  const attach = db.prepare(
    'INSERT INTO attachments (id, run_id, position, name, media_type, data) VALUES (@id, @runId, @position, @name, @mediaType, @data)',
  )
  const attachments = db.prepare<[string], StoredAttachment>(
    'SELECT id, name, media_type AS mediaType, data FROM attachments WHERE run_id = (SELECT ?) ORDER BY position',
  )
  const attachmentNames = db.prepare<[string], AttachmentEntry>(
    'SELECT id, name, media_type, length(data) AS size FROM attachments WHERE run_id = (SELECT ?) ORDER BY position',
  )
  const attachment = db.prepare<[string, string], StoredAttachment>(
    `SELECT a.id, a.name, a.media_type AS mediaType, a.data FROM attachments AS a JOIN runs ON runs.id = a.run_id
     WHERE a.id = ? AND runs.conversation_id = ?`,
  )
  const start = db.prepare(
    `UPDATE runs SET status = 'running', attempts = attempts + 1, started_at = coalesce(started_at, ?) WHERE id = ?`,
  )
  const setStatus = db.prepare('UPDATE runs SET status = ? WHERE id = ?')
  const giveBack = db.prepare(`UPDATE runs SET status = ?, attempts = attempts - 1 WHERE id = ? AND status = 'running'`)
  const wantStop = db.prepare('UPDATE runs SET stop_wanted = 1 WHERE id = ?')
  const spend = db.prepare(
    'UPDATE runs SET input_tokens = input_tokens + ?, output_tokens = output_tokens + ?, cost_usd = cost_usd + ? WHERE id = ?',
  )
  const label = db.prepare('UPDATE runs SET integrity = ?, privacy = ? WHERE id = ?')
  const countCall = db.prepare('UPDATE runs SET tool_calls = tool_calls + 1 WHERE id = ?')
  const end = db.prepare(
    `UPDATE runs SET status = @status, stop_reason = @stopReason, answer = @answer, error_code = @code, error = @message, ended_at = @at
     WHERE id = @id`,
  )

  const find = (id: string): Run | undefined => toRun(byId.get(id))

  return {
    find,
    get: (id: string): Run => find(id)!,
    ofConversation: (id: string, afterNumber = 0): Run[] =>
      ofConversation.all(id, afterNumber).map((row) => toRun(row)!),
    active: (conversationId: string): Run[] => active.all(conversationId).map((row) => toRun(row)!),
    running: (): Run[] => unfinished.all().map((row) => toRun(row)!),
    /** The oldest queued run of a lane whose conversation has nothing before it. */
    next: (lane: Lane): Run | undefined => toRun(nextOf[lane].get()),
    attachments: (runId: string): StoredAttachment[] => attachments.all(runId),

    attachmentNames: (runId: string): AttachmentEntry[] => attachmentNames.all(runId),
    attachment: (conversationId: string, id: string): StoredAttachment | undefined =>
      attachment.get(id, conversationId),

    insert(run: NewRun, files: StoredAttachment[]): void {
      insert.run({ ...run, attended: Number(run.attended), at: now().toISOString() })
      files.forEach((file, position) => attach.run({ ...file, runId: run.id, position }))
    },

    start: (id: string): void => void start.run(now().toISOString(), id),
    setStatus: (id: string, status: RunStatus): void => void setStatus.run(status, id),
    /** Put aside or back to the queue by ourselves: that pick-up was no death of the process. */
    giveBack: (id: string, status: 'queued' | 'waiting'): void => void giveBack.run(status, id),
    wantStop: (id: string): void => void wantStop.run(id),
    countCall: (id: string): void => void countCall.run(id),
    spend(id: string, tokens: { inputTokens: number; outputTokens: number }, costUsd: number | null): void {
      spend.run(tokens.inputTokens, tokens.outputTokens, costUsd, id)
    },
    label: (id: string, labels: Labels): void => void label.run(labels.integrity, labels.privacy, id),

    end(id: string, ending: Ending): void {
      const { code = null, message = null } = ending.error ?? {}
      end.run({
        id,
        status: ending.status,
        stopReason: ending.stopReason,
        answer: ending.answer,
        code,
        message,
        at: now().toISOString(),
      })
    },
  }
}

function toRun(row: Row | undefined): Run | undefined {
  return row && { ...row, attended: row.attended === 1, stopWanted: row.stopWanted === 1 }
}

export const laneOf = (run: Pick<Run, 'origin'>): Lane =>
  run.origin === 'chat' || run.origin === 'telegram' ? 'chat' : 'other'
