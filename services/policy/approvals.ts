import { createHash } from 'node:crypto'
import { cursorsOf } from '../cursors.ts'
import type { Deps } from '../deps.ts'
import { AppError } from '../errors.ts'
import type { Masking } from './masking.ts'
import type { Integrity } from '../shapes/labels.ts'
import type { Provenance } from './provenance.ts'

export type ApprovalState = 'pending' | 'approved' | 'denied' | 'expired' | 'void'

export type Approval = {
  id: string
  user_id: string
  kind: 'call' | 'uncertain'
  state: ApprovalState
  run_id: string
  conversation_id: string
  agent_id: string | null
  call_id: string
  tool_name: string
  operation: string
  arguments: unknown
  hash: string
  scope: string
  targets: string[]
  integrity: Integrity
  description: string
  reason: string
  provenance: Provenance[]
  edited: boolean
  created_at: string
  expires_at: string
  decided_at: string | null
  decided_by: string | null
  note: string | null
  /** What the owner said of a call of which nobody knew whether it happened. */
  answer: Answer | null
  used_at: string | null
}

/** Beyond this one call: for the rest of the conversation, or for whatever the agent does by itself. */
export type Remember = 'conversation' | 'agent'

/** It happened; do it again; leave it. */
export type Answer = 'done' | 'again' | 'give_up'

export type Question = Pick<
  Approval,
  | 'id'
  | 'call_id'
  | 'kind'
  | 'user_id'
  | 'run_id'
  | 'conversation_id'
  | 'agent_id'
  | 'tool_name'
  | 'operation'
  | 'arguments'
  | 'scope'
  | 'targets'
  | 'integrity'
  | 'description'
  | 'reason'
  | 'provenance'
  | 'expires_at'
>

/** About a call to come: yes or no. About one of which nobody knows whether it happened: what the owner knows. */
export type Decision =
  | { approved: boolean; note?: string | undefined; arguments?: unknown; remember?: Remember | undefined }
  | { decision: Answer; note?: string | undefined }

type Row = Omit<Approval, 'arguments' | 'provenance' | 'edited' | 'targets'> & {
  arguments: string
  provenance: string
  edited: number
  targets: string
}

const COLUMNS = `id, user_id, kind, state, run_id, conversation_id, agent_id, call_id, tool_name, operation, arguments,
  arguments_hash AS hash, scope, targets, integrity, description, reason, provenance, edited, created_at, expires_at, decided_at,
  decided_by, note, answer, used_at`

const CURSORS = cursorsOf('approvals')
/** Above so many matches the count stops (contract: `total_is_min`). */
const MOST_COUNTED = 10_000

/** How long a yes to writing in a folder goes on holding. */
const AGREED_MS = 60 * 60_000

export type Approvals = ReturnType<typeof createApprovals>

/**
 * Every "may I" is a row: bound to one call by the hash of its arguments, decided once, used once. Callers hold the
 * transaction.
 */
export function createApprovals({ db, now, maskValue }: Deps & Pick<Masking, 'maskValue'>) {
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM approvals WHERE id = ?`)
  const insert = db.prepare(
    `INSERT INTO approvals (id, user_id, kind, state, run_id, conversation_id, agent_id, tool_name, operation, arguments,
       arguments_hash, scope, targets, integrity, description, reason, provenance, created_at, expires_at, call_id)
     VALUES (@id, @user_id, @kind, 'pending', @run_id, @conversation_id, @agent_id, @tool_name, @operation, @arguments, @hash,
       @scope, @targets, @integrity, @description, @reason, @provenance, @at, @expires_at, @call_id)`,
  )
  const close = db.prepare(
    `UPDATE approvals SET state = @state, decided_at = @at, decided_by = @by, note = @note, arguments = @arguments,
       arguments_hash = @hash, scope = @scope, targets = @targets, description = @description, edited = @edited, answer = @answer
     WHERE id = @id AND state = 'pending'`,
  )
  const voided = db.prepare(`UPDATE approvals SET state = 'void', note = ? WHERE id = ? AND state = 'approved'`)
  const use = db.prepare('UPDATE approvals SET used_at = ? WHERE id = ?')
  const uncertain = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM approvals WHERE call_id = ? AND kind = 'uncertain' AND used_at IS NULL ORDER BY id DESC LIMIT 1`,
  )
  const asked = db.prepare<[{ userId: string; since: string; root: string }], { n: number }>(
    `SELECT count(*) AS n FROM approvals JOIN runs ON runs.id = approvals.run_id
     WHERE approvals.user_id = @userId AND approvals.created_at > @since AND approvals.kind = 'call' AND runs.attended = 0
       AND coalesce(json_extract(runs.chain, '$[0]'), runs.task_id, '') = @root`,
  )
  const ofRun = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM approvals WHERE run_id = ?`)
  const refusedIn = db.prepare<[string], { targets: string }>(
    `WITH RECURSIVE tree (id) AS (SELECT ? UNION ALL SELECT runs.id FROM runs JOIN tree ON runs.parent_run_id = tree.id)
     SELECT targets FROM approvals WHERE run_id IN (SELECT id FROM tree) AND state IN ('denied', 'expired')`,
  )
  const expiring = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM approvals WHERE state = 'pending' AND expires_at <= ? ORDER BY expires_at`,
  )
  const soonest = db.prepare<[], { at: string | null }>(
    `SELECT min(expires_at) AS at FROM approvals WHERE state = 'pending'`,
  )
  const scopes = db.prepare<[string, string, string], { scope: string; integrity: Integrity; run_id: string }>(
    `SELECT scope, integrity, run_id FROM approvals
     WHERE conversation_id = ? AND state = 'approved' AND scope <> '' AND decided_at > ? AND (decided_at > ? OR scope LIKE 'host:%' OR scope LIKE 'form:%')`,
  )
  const listed = (index: string, where: string) => ({
    page: db.prepare<[{ userId: string; state: string; before: string; limit: number }], Row>(
      `SELECT ${COLUMNS} FROM approvals INDEXED BY ${index} WHERE ${where} AND id < @before ORDER BY id DESC LIMIT @limit`,
    ),
    count: db.prepare<[{ userId: string; state: string }], { n: number }>(
      `SELECT count(*) AS n FROM (SELECT 1 FROM approvals INDEXED BY ${index} WHERE ${where} LIMIT ${MOST_COUNTED})`,
    ),
  })
  const all = listed('approvals_listed', "user_id = @userId AND @state = ''")
  const ofState = listed('approvals_by_state', 'user_id = @userId AND state = @state')

  const find = (id: string): Approval | undefined => toApproval(byId.get(id))

  return {
    find,

    /** Throws `not_found` also for another user's. */
    get(userId: string, id: string): Approval {
      const approval = find(id)
      if (approval?.user_id !== userId) throw new AppError('not_found', 'There is no such approval.')
      return approval
    },

    /** Newest first. */
    list(userId: string, options: { state?: ApprovalState | undefined; cursor?: string | undefined; limit: number }) {
      const { page, count } = options.state === undefined ? all : ofState
      const values = { userId, state: options.state ?? '' }
      const rows = page.all({ ...values, before: CURSORS.from(options.cursor) ?? '~', limit: options.limit + 1 })
      const items = rows.slice(0, options.limit).map((row) => toApproval(row)!)
      const next_cursor = rows.length > options.limit ? CURSORS.to(items.at(-1)!.id) : null
      const total = count.get(values)!.n
      return { items, next_cursor, total, ...(total === MOST_COUNTED ? { total_is_min: true } : {}) }
    },

    ofRun: (runId: string): Approval[] => ofRun.all(runId).map((row) => toApproval(row)!),
    pendingOf: (runId: string): Approval | undefined =>
      ofRun
        .all(runId)
        .map((row) => toApproval(row)!)
        .find(({ state }) => state === 'pending'),

    /** The places the owner refused, by word or by letting a question run out, in a root run and all below it. */
    refusedIn: (rootId: string): string[] =>
      refusedIn.all(rootId).flatMap(({ targets }) => JSON.parse(targets) as string[]),

    /** The open or unused question whether a call happened. */
    uncertainOf: (callId: string): Approval | undefined => toApproval(uncertain.get(callId)),

    /** An answer counts once. */
    use: (id: string): void => void use.run(now().toISOString(), id),

    /**
     * How many calls were asked about within the last `ms` while nobody was there, by the agent (or task) at the root of a
     * run and all that it asked.
     */
    askedWithin(
      { userId, chain, taskId }: { userId: string; chain: readonly string[]; taskId: string | null },
      ms: number,
    ): number {
      const since = new Date(now().getTime() - ms).toISOString()
      return asked.get({ userId, since, root: chain[0] ?? taskId ?? '' })!.n
    },

    ask(asked: Question): Approval {
      const question = maskValue(asked) as Question
      const text = JSON.stringify(question.arguments)
      insert.run({
        ...question,
        targets: JSON.stringify(question.targets),
        provenance: JSON.stringify(question.provenance),
        arguments: text,
        hash: argumentsHash(question.tool_name, text),
        at: now().toISOString(),
      })
      return find(question.id)!
    },

    /** Closes a pending row; false when it was no longer pending. Changed arguments get a hash of their own. */
    close(
      approval: Approval,
      ending: {
        state: Exclude<ApprovalState, 'pending'>
        by: string
        note?: string | undefined
        answer?: Answer | undefined
        changed?: { arguments: unknown; scope: string; targets: string[]; description: string } | undefined
      },
    ): boolean {
      const { arguments: args, scope, targets, description } = ending.changed ?? approval
      const text = JSON.stringify(args)
      const edited = Number(ending.changed !== undefined)
      const { changes } = close.run({
        id: approval.id,
        state: ending.state,
        at: now().toISOString(),
        by: ending.by,
        note: maskValue(ending.note ?? null),
        answer: ending.answer ?? null,
        arguments: text,
        hash: argumentsHash(approval.tool_name, text),
        scope,
        targets: JSON.stringify(targets),
        description,
        edited,
      })
      return changes === 1
    },

    /** Takes back a yes whose call today's lists no longer allow. */
    voidApproved: (id: string, why: string): void => void voided.run(why, id),

    /**
     * What the owner's yeses still cover: hosts and forms for the rest of their run, writing in a folder for the conversation, an
     * hour long, since the last `clear`, and only while the run is as clean as it was then.
     */
    agreed(conversation: { id: string; clearedAt: string | null }, runId: string, integrity: Integrity): Set<string> {
      const since = new Date(now().getTime() - AGREED_MS).toISOString()
      const rows = scopes.all(conversation.id, conversation.clearedAt ?? '', since)
      const holds = (row: { scope: string; integrity: Integrity; run_id: string }) =>
        /^(host|form):/.test(row.scope) ? row.run_id === runId : row.integrity === 'owner' && integrity === 'owner'
      return new Set(rows.filter(holds).map(({ scope }) => scope))
    },

    due: (): Approval[] => expiring.all(now().toISOString()).map((row) => toApproval(row)!),
    /** When the next pending row runs out. */
    nextExpiry: (): string | null => soonest.get()?.at ?? null,
  }
}

/** SHA-256 over the tool's name and the JSON of its arguments. */
export function argumentsHash(toolName: string, argumentsJson: string): string {
  return createHash('sha256').update(`${toolName}\n${argumentsJson}`).digest('hex')
}

/** Why a decision that was already made cannot be made again; undefined where it is the same once more. */
export function alreadyDecided(approval: Approval, approved: boolean): AppError | undefined {
  if (approval.state === 'expired')
    return new AppError('expired', 'This question ran out of time; it counts as refused.')
  if ((approval.state === 'approved') === approved && approval.state !== 'void') return undefined
  return new AppError('conflict', `This was already decided: ${approval.state}.`)
}

/** The same for the answer to what became of a call. */
export function alreadyAnswered(approval: Approval, answer: Answer): AppError | undefined {
  if (approval.state === 'expired') return new AppError('expired', 'This question ran out of time.')
  if (approval.answer === answer && approval.state !== 'void') return undefined
  return new AppError('conflict', `This was already answered: ${approval.answer ?? approval.state}.`)
}

/** What outside readers see of an approval. */
export function shownApproval(approval: Approval) {
  const { user_id: _user, hash: _hash, scope: _scope, targets: _targets, edited: _edited, ...shown } = approval
  const { integrity: _integrity, used_at: _used, ...rest } = shown
  return rest
}

function toApproval(row: Row | undefined): Approval | undefined {
  return (
    row && {
      ...row,
      arguments: JSON.parse(row.arguments),
      provenance: JSON.parse(row.provenance) as Provenance[],
      targets: JSON.parse(row.targets) as string[],
      edited: row.edited === 1,
    }
  )
}
