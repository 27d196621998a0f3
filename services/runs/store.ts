import type { Deps } from '../deps.ts'
import type { Masking } from '../policy/masking.ts'
import type { RunStatus, StopReason } from '../shapes/frames.ts'
import type { Integrity, Labels, Privacy } from '../shapes/labels.ts'
import type { Recalled } from '../shapes/memory.ts'
import type { Origin } from '../shapes/intake.ts'

/** A run as the engine works with it. */
export type Run = {
  number: number
  id: string
  userId: string
  conversationId: string
  agentId: string | null
  taskId: string | null
  parentRunId: string | null
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
  /** Which limit it counts against. */
  lane: Lane
  /** On whose account it runs; places go round between these. */
  fairKey: string
  /** Nobody asked for it at that moment; such runs have an hourly limit. */
  autonomous: boolean
  /** What holds it while it is paused. */
  hold: Hold | null
  /** Hash of the system prompt it began with. */
  systemPrompt: string | null
  /** Ids of the agents from the root run's to its own; empty where Steward itself answers. */
  chain: string[]
  maxToolCalls: number | null
  maxCostUsd: number | null
  /** The mail account that it looks after, with no other tools than that account's. */
  mailbox: string | null
}

/** Which runs share a limit: chats with their sub-agents, or everything else. */
export type Lane = 'chat' | 'background'

/** `house`: everything is paused; `agent`: its agent or one it works for is; `budget`: no money is left. */
export type Hold = 'house' | 'agent' | 'budget'

export type Row = Omit<Run, 'attended' | 'stopWanted' | 'autonomous' | 'chain'> & {
  attended: number
  stopWanted: number
  autonomous: number
  chain: string
}

export type NewRun = Pick<
  Run,
  | 'id'
  | 'userId'
  | 'conversationId'
  | 'agentId'
  | 'taskId'
  | 'parentRunId'
  | 'apiKeyId'
  | 'origin'
  | 'door'
  | 'attended'
  | 'input'
  | 'inputIntegrity'
  | 'model'
  | 'integrity'
  | 'privacy'
  | 'lane'
  | 'fairKey'
  | 'autonomous'
  | 'hold'
  | 'systemPrompt'
  | 'chain'
  | 'maxToolCalls'
  | 'maxCostUsd'
  | 'mailbox'
> & { address: string }

/** The model of a run that is one call alone. */
export const NO_MODEL = ''

export type StoredAttachment = { id: string; name: string; mediaType: string; data: Buffer }

export type AttachmentEntry = { id: string; name: string; media_type: string; size: number }

export type Ending = {
  status: 'succeeded' | 'failed' | 'stopped' | 'interrupted'
  stopReason: StopReason | null
  answer: string
  error?: { code: string; message: string }
}

/** Runs of a user, of an agent, of a task, or that a run asked of other agents. */
export type Whose = { userId: string } | { agentId: string } | { taskId: string } | { parentRunId: string }

const UNFINISHED = `('queued', 'running', 'waiting', 'paused')`

/** The columns of a run, as `toRun` takes them. */
export const COLUMNS = `number, id, user_id AS userId, conversation_id AS conversationId, agent_id AS agentId, task_id AS taskId,
  parent_run_id AS parentRunId, api_key_id AS apiKeyId, origin, door, attended, status, stop_wanted AS stopWanted, input, input_integrity AS inputIntegrity,
  model, integrity, privacy, attempts, tool_calls AS toolCalls, input_tokens AS inputTokens, output_tokens AS outputTokens,
  cost_usd AS costUsd, stop_reason AS stopReason, error_code AS errorCode, error, answer, created_at AS createdAt,
  started_at AS startedAt, ended_at AS endedAt, lane, fair_key AS fairKey, autonomous, hold, system_prompt AS systemPrompt, chain,
  max_tool_calls AS maxToolCalls, max_cost_usd AS maxCostUsd, mailbox`

export type RunStore = ReturnType<typeof createRunStore>

/**
 * The rows of runs and their attachments. Callers hold the transaction.
 * @NOTE `= (SELECT ?)` before an ORDER BY: for a bare `?` SQLite plans the statement anew with every value, which takes
 * ten times as long as running it.
 */
export function createRunStore({ db, now, mask }: Deps & Pick<Masking, 'mask'>) {
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM runs WHERE id = ?`)
  const ofConversation = db.prepare<[string, number], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE conversation_id = (SELECT ?) AND number > (SELECT ?) ORDER BY number`,
  )
  const active = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE conversation_id = (SELECT ?) AND status IN ${UNFINISHED} ORDER BY number`,
  )
  const unfinishedOf = (column: 'agent_id' | 'task_id' | 'parent_run_id' | 'user_id') =>
    db.prepare<[string], Row>(
      `SELECT ${COLUMNS} FROM runs WHERE ${column} = ? AND status IN ${UNFINISHED} ORDER BY number`,
    )
  const ofAgent = unfinishedOf('agent_id')
  const ofTask = unfinishedOf('task_id')
  const ofParent = unfinishedOf('parent_run_id')
  const ofUser = unfinishedOf('user_id')
  const waitingOf = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE status = 'queued' AND EXISTS (SELECT 1 FROM json_each(chain) WHERE value = ?) ORDER BY number`,
  )
  const counts = db.prepare<[], { status: RunStatus; n: number }>(
    `SELECT status, count(*) AS n FROM runs WHERE status IN ${UNFINISHED} GROUP BY status`,
  )
  const childOf = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM runs WHERE id = (SELECT run_id FROM seen WHERE door = 'agent' AND external_id = ?)`,
  )
  const dead = db.prepare<[], Row>(`SELECT ${COLUMNS} FROM runs WHERE status = 'running' ORDER BY number`)
  const held = db.prepare<[], Row>(`SELECT ${COLUMNS} FROM runs WHERE status = 'paused' ORDER BY number`)
  const insert = db.prepare(
    `INSERT INTO runs (id, user_id, conversation_id, agent_id, task_id, parent_run_id, api_key_id, origin, door, address, attended,
       status, hold, input, input_integrity, model, integrity, privacy, cost_usd, created_at, lane, fair_key, autonomous,
       system_prompt, chain, max_tool_calls, max_cost_usd, mailbox, ready)
     VALUES (@id, @userId, @conversationId, @agentId, @taskId, @parentRunId, @apiKeyId, @origin, @door, @address, @attended,
       @status, @hold, @input, @inputIntegrity, @model, @integrity, @privacy, 0, @at, @lane, @fairKey, @autonomous,
       @systemPrompt, @chain, @maxToolCalls, @maxCostUsd, @mailbox,
       NOT EXISTS (SELECT 1 FROM runs WHERE conversation_id = @conversationId AND status IN ${UNFINISHED}))`,
  )
  const attach = db.prepare(
    'INSERT INTO attachments (id, run_id, position, name, media_type, data) VALUES (@id, @runId, @position, @name, @mediaType, @data)',
  )
  const attachments = db.prepare<[string], StoredAttachment>(
    'SELECT id, name, media_type AS mediaType, data FROM attachments WHERE run_id = (SELECT ?) ORDER BY position',
  )
  const recalled = db.prepare<[string], { entries: string }>('SELECT entries FROM run_recalls WHERE run_id = ?')
  const setRecalled = db.prepare('INSERT INTO run_recalls (run_id, entries) VALUES (?, ?)')
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
  const setStatus = db.prepare('UPDATE runs SET status = ?, hold = ? WHERE id = ?')
  const giveBack = db.prepare(
    `UPDATE runs SET status = ?, hold = ?, attempts = attempts - 1 WHERE id = ? AND status = 'running'`,
  )
  const setFirstSeq = db.prepare('UPDATE runs SET first_seq = ? WHERE id = ?')
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
  const makeReady = db.prepare(
    `UPDATE runs SET ready = 1 WHERE number = (
       SELECT number FROM runs WHERE conversation_id = (SELECT conversation_id FROM runs WHERE id = ?) AND status IN ${UNFINISHED}
       ORDER BY number LIMIT 1)`,
  )

  const find = (id: string): Run | undefined => toRun(byId.get(id))

  function rowsOf(of: Whose): Row[] {
    if ('userId' in of) return ofUser.all(of.userId)
    if ('agentId' in of) return ofAgent.all(of.agentId)
    return 'taskId' in of ? ofTask.all(of.taskId) : ofParent.all(of.parentRunId)
  }

  function ancestors(run: Run): Run[] {
    const parent = run.parentRunId === null ? undefined : find(run.parentRunId)
    return parent ? [...ancestors(parent), parent] : []
  }

  /** Of what the owner attached, only plain text can be read for secrets. */
  function maskedData({ mediaType, data }: StoredAttachment): Buffer {
    return mediaType === 'text/plain' ? Buffer.from(mask(data.toString('utf8'))) : data
  }

  return {
    find,
    get: (id: string): Run => find(id)!,
    ofConversation: (id: string, afterNumber = 0): Run[] =>
      ofConversation.all(id, afterNumber).map((row) => toRun(row)!),
    active: (conversationId: string): Run[] => active.all(conversationId).map((row) => toRun(row)!),
    unfinished: (of: Whose): Run[] => rowsOf(of).map((row) => toRun(row)!),
    /** The run itself and those that asked for it, the root first. */
    ancestors: (run: Run): Run[] => [...ancestors(run), run],
    /** The run that a call of `agent.ask` started. */
    childOf: (callId: string): Run | undefined => toRun(childOf.get(callId)),
    /** The queued runs that an agent does, or that somebody does for it. */
    waitingOf: (agentId: string): Run[] => waitingOf.all(agentId).map((row) => toRun(row)!),
    /** How many there are of each unfinished status. */
    counts(): Record<'queued' | 'running' | 'waiting' | 'paused', number> {
      const found = counts.all().map(({ status, n }) => [status, n] as const)
      return { queued: 0, running: 0, waiting: 0, paused: 0, ...Object.fromEntries(found) }
    },
    /** Runs that were going when the process ended; asked at a start, before anything runs. */
    dead: (): Run[] => dead.all().map((row) => toRun(row)!),
    held: (): Run[] => held.all().map((row) => toRun(row)!),
    attachments: (runId: string): StoredAttachment[] => attachments.all(runId),

    /** What it was told from memory without asking. */
    recalled: (runId: string): Recalled[] => JSON.parse(recalled.get(runId)?.entries ?? '[]') as Recalled[],
    setRecalled: (runId: string, entries: readonly Recalled[]): void =>
      void setRecalled.run(runId, JSON.stringify(entries)),
    attachmentNames: (runId: string): AttachmentEntry[] => attachmentNames.all(runId),
    attachment: (conversationId: string, id: string): StoredAttachment | undefined =>
      attachment.get(id, conversationId),

    insert(run: NewRun, files: StoredAttachment[]): void {
      insert.run({
        ...run,
        input: mask(run.input),
        status: run.hold === null ? 'queued' : 'paused',
        attended: Number(run.attended),
        autonomous: Number(run.autonomous),
        chain: JSON.stringify(run.chain),
        at: now().toISOString(),
      })
      files.forEach((file, position) => attach.run({ ...file, data: maskedData(file), runId: run.id, position }))
    },

    start: (id: string): void => void start.run(now().toISOString(), id),
    /** Where its frames begin in the event log. */
    setFirstSeq: (id: string, seq: number): void => void setFirstSeq.run(seq, id),
    setStatus: (id: string, status: 'queued' | 'waiting'): void => void setStatus.run(status, null, id),
    pause: (id: string, hold: Hold): void => void setStatus.run('paused', hold, id),
    /** Put aside or back to the queue by ourselves: that pick-up was no death of the process. */
    giveBack: (id: string, status: 'queued' | 'waiting' | 'paused', hold: Hold | null = null): void =>
      void giveBack.run(status, hold, id),
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
        answer: mask(ending.answer),
        code,
        message: message === null ? null : mask(message),
        at: now().toISOString(),
      })
      makeReady.run(id)
    },
  }
}

export function toRun(row: Row | undefined): Run | undefined {
  return (
    row && {
      ...row,
      attended: row.attended === 1,
      stopWanted: row.stopWanted === 1,
      autonomous: row.autonomous === 1,
      chain: JSON.parse(row.chain) as string[],
    }
  )
}
