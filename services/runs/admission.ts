import type { Db } from '../../db/open.ts'
import { FRESH, titleFrom, type Conversation, type Conversations } from '../conversations.ts'
import { AppError } from '../errors.ts'
import type { Events } from '../events.ts'
import { newId } from '../ids.ts'
import type { Models } from '../models/index.ts'
import { asksForWeb } from '../policy/urls.ts'
import type { Intake } from '../shapes/intake.ts'
import { joinIntegrity, joinLabels, type Labels } from '../shapes/labels.ts'
import type { Gate } from './gate.ts'
import { addressOf } from './outcomes.ts'
import { profileOf, type Profile, type ProfileDeps } from './profile.ts'
import type { Prompts } from './prompts.ts'
import type { Run } from './store.ts'

export type AdmissionDeps = ProfileDeps & {
  db: Db
  now: () => Date
  conversations: Conversations
  events: Events
  models: Pick<Models, 'choose' | 'default'>
  prompts: Prompts
  gate: Gate
  mayWork: (userId: string) => boolean
}

export type Admission = ReturnType<typeof createAdmission>

/** Turns what came in into a run with all that belongs to it. Callers hold the transaction. */
export function createAdmission(deps: AdmissionDeps) {
  const { db, store, conversations, events } = deps
  const seen = db.prepare<[string, string], { runId: string }>(
    'SELECT run_id AS runId FROM seen WHERE door = ? AND external_id = ?',
  )
  const see = db.prepare('INSERT INTO seen (door, external_id, run_id, created_at) VALUES (?, ?, ?, ?)')

  /** The run of an intake, or the first one of a delivery that was seen before. */
  function accept(intake: Intake): Run {
    const first = intake.externalId === undefined ? undefined : seen.get(intake.door, intake.externalId)
    if (first) return store.get(first.runId)
    if (!deps.mayWork(intake.userId))
      throw new AppError('forbidden', 'This user is deactivated; nothing is begun for them.')
    const known = conversations.find(intake.conversationId)
    if (known && known.userId !== intake.userId) throw new AppError('not_found', 'There is no such conversation.')
    const profile = profileOf(intake, agentOf(intake, known), deps)
    const model = modelFor(intake, profile, known)
    const labels = labelsOf(intake, profile, known)
    const run = { ...pick(intake), ...placed(intake, profile), id: newId(), model, ...labels }
    admit(intake, profile, known, { model, labels })
    store.insert(
      run,
      intake.attachments.map((file) => ({ ...file, id: newId() })),
    )
    if (intake.externalId !== undefined) see.run(intake.door, intake.externalId, run.id, deps.now().toISOString())
    return announced(store.get(run.id), intake)
  }

  /** Throws `invalid` for a model whose provider there is not. */
  function modelFor(intake: Intake, profile: Profile, known: Conversation | undefined): string {
    const own = intake.kind === 'run' ? (profile.model ?? known?.model) : (known?.model ?? profile.model)
    return deps.models.choose(intake.model ?? own ?? deps.models.default()).id
  }

  /** Instructions that others wrote stand in the message, which is then not the owner's own. */
  function placed(intake: Intake, { systemPrompt, text, integrity, model: _model, ...place }: Profile) {
    const inputIntegrity = text === intake.text ? intake.integrity : joinIntegrity(intake.integrity, integrity)
    return { ...place, inputIntegrity, input: text, systemPrompt: deps.prompts.keep(systemPrompt) }
  }

  /** A sub-agent has read all that the run had which asks it. */
  function labelsOf(intake: Intake, profile: Profile, known: Conversation | undefined): Labels {
    const { integrity, privacy } = known ?? FRESH
    const given = intake.attachments.length > 0 ? 'third_party' : joinIntegrity(intake.integrity, profile.integrity)
    const own = joinLabels({ integrity, privacy }, { integrity: given, privacy: 'private' })
    return profile.parentRunId === null ? own : joinLabels(own, store.get(profile.parentRunId))
  }

  function admit(
    intake: Intake,
    profile: Profile,
    known: Conversation | undefined,
    draft: { model: string; labels: Labels },
  ): void {
    // @NOTE what one agent writes to another opens nothing: only the owner's own words do.
    const asked = intake.origin !== 'agent' && asksForWeb(intake.text)
    const webOpen = intake.integrity === 'owner' && (intake.web === true || asked)
    const { conversationId: id, userId, kind = 'chat' } = intake
    const title = titleFrom(intake.text, intake.attachments)
    if (!known) conversations.create({ id, userId, agentId: profile.agentId, kind, ...draft, webOpen, title })
    conversations.touch(id, { ...draft, webOpen })
  }

  function announced(run: Run, intake: Intake): Run {
    const to = addressOf(run)
    const names = intake.attachments.map(({ name }) => name)
    const message = { message_id: run.id, content: run.input, attachments: names, by: intake.by }
    store.setFirstSeq(run.id, events.keep(to, { type: 'user_message', ...message }))
    if (run.hold !== null) events.keep(to, { type: 'run', status: 'paused', reason: deps.gate.reasonOf(run.hold) })
    else events.keep(to, { type: 'run', status: 'queued', ...placeInLine(run) })
    return run
  }

  function placeInLine(run: Run): { position: number; reason?: string } {
    const ahead = store.active(run.conversationId).filter((other) => other.id !== run.id)
    if (ahead.length === 0) return { position: 0 }
    const waits = ahead.some(({ status }) => status === 'waiting')
    const reason = waits ? 'waits until the question before it is answered' : 'waits for the answer before it'
    return { position: ahead.length, reason }
  }

  return { accept }
}

function agentOf({ agentId }: Intake, known: Conversation | undefined): string | undefined {
  return agentId === null ? undefined : (agentId ?? known?.agentId ?? undefined)
}

function pick(intake: Intake) {
  const { userId, conversationId, origin, door, address, apiKeyId = null } = intake
  return { userId, conversationId, origin, door, address, apiKeyId }
}
