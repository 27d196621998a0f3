import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import { FRESH, titleFrom, type Conversation, type Conversations } from '../conversations.ts'
import { AppError, invalidField } from '../errors.ts'
import type { Events } from '../events.ts'
import { newId } from '../ids.ts'
import type { Models } from '../models/index.ts'
import { asksForWeb } from '../policy/urls.ts'
import type { Intake } from '../shapes/intake.ts'
import { joinLabels, type Integrity, type Labels } from '../shapes/labels.ts'
import type { Engine } from './engine.ts'
import type { Queue } from './queue.ts'
import type { NewRun, Run, RunStore } from './store.ts'

export type RunsDeps = {
  db: Db
  now: () => Date
  store: RunStore
  conversations: Conversations
  events: Events
  audit: Pick<Audit, 'record'>
  models: Pick<Models, 'choose' | 'default'>
  engine: Engine
  queue: Queue
}

const MOST_DEATHS = 3

export type Runs = ReturnType<typeof createRuns>

/** The one way in for everything that makes the model work, and the ways to stop it. */
export function createRuns(deps: RunsDeps) {
  const { db, store, conversations, events, engine, queue } = deps
  const seen = db.prepare<[string, string], { runId: string }>(
    'SELECT run_id AS runId FROM seen WHERE door = ? AND external_id = ?',
  )
  const see = db.prepare('INSERT INTO seen (door, external_id, run_id, created_at) VALUES (?, ?, ?, ?)')

  /**
   * Takes an intake in. Synchronous and one transaction: when it returns, the work is on disk. A delivery that was seen
   * before returns its first run. Throws `not_found` for another user's conversation, `invalid` for an unknown model.
   */
  function submit(intake: Intake): Run {
    if (intake.text.trim() === '' && intake.attachments.length === 0)
      throw invalidField('content', 'Write something, or attach a file.')
    const { run, begun } = db.transact(() => {
      const taken = accept(intake)
      return { run: taken, begun: taken.status === 'queued' && queue.beginNow(taken) }
    })
    if (!begun) queue.wake()
    return run
  }

  function accept(intake: Intake): Run {
    const first = intake.externalId === undefined ? undefined : seen.get(intake.door, intake.externalId)
    if (first) return store.get(first.runId)
    const known = conversations.find(intake.conversationId)
    if (known && known.userId !== intake.userId) throw new AppError('not_found', 'There is no such conversation.')
    const model = deps.models.choose(intake.model ?? known?.model ?? deps.models.default()).id
    const labels = labelsOf(intake, known)
    const run: NewRun = { ...pick(intake), id: newId(), model, ...labels }
    admit(intake, known, model, labels)
    store.insert(
      run,
      intake.attachments.map((file) => ({ ...file, id: newId() })),
    )
    if (intake.externalId !== undefined) see.run(intake.door, intake.externalId, run.id, deps.now().toISOString())
    announce(run, intake)
    return store.get(run.id)
  }

  function admit(intake: Intake, known: Conversation | undefined, model: string, labels: Labels): void {
    const webOpen = intake.integrity === 'owner' && (intake.web === true || asksForWeb(intake.text))
    const { conversationId: id, userId } = intake
    if (!known)
      conversations.create({ id, userId, model, labels, webOpen, title: titleFrom(intake.text, intake.attachments) })
    conversations.touch(id, { model, labels, webOpen })
  }

  function announce(run: NewRun, intake: Intake): void {
    const ahead = store.active(run.conversationId).filter((other) => other.id !== run.id)
    const to = { userId: run.userId, conversationId: run.conversationId, runId: run.id }
    const names = intake.attachments.map(({ name }) => name)
    events.keep(to, { type: 'user_message', message_id: run.id, content: run.input, attachments: names, by: intake.by })
    const waits = ahead.some(({ status }) => status === 'waiting')
    const reason = waits ? 'waits until the question before it is answered' : 'waits for the answer before it'
    events.keep(to, { type: 'run', status: 'queued', position: ahead.length, ...(ahead.length > 0 ? { reason } : {}) })
  }

  /** Stops a run wherever it is; what was said is kept. A run that has ended stays as it is. */
  function stop(run: Run): void {
    if (engine.isRunning(run.id)) {
      store.wantStop(run.id)
      return void engine.abort(run.id)
    }
    if (run.endedAt !== null) return
    db.transact(() => engine.endStopped(run))
    queue.wake()
  }

  function takeUp(run: Run): void {
    if (run.stopWanted) engine.endStopped(run)
    else if (run.attempts >= MOST_DEATHS) engine.interrupt(run)
    else store.setStatus(run.id, 'queued')
  }

  /** One run that cannot be taken up must not keep the house from starting. */
  function takeUpOrEnd(run: Run): void {
    try {
      db.transact(() => takeUp(run))
    } catch (error) {
      engine.giveUp(run, error)
    }
  }

  function stopConversation(conversationId: string): void {
    for (const run of store.active(conversationId).toReversed()) stop(run)
  }

  return {
    submit,
    stop,

    /** Stops the run that goes or waits in a conversation; those queued behind it go on. False when there is none. */
    stopCurrent(conversationId: string): boolean {
      const [current] = store.active(conversationId)
      if (current) stop(current)
      return current !== undefined
    },

    /** The next message starts from an empty context; the record is kept. Only the owner's own word makes it clean again. */
    clear(userId: string, conversationId: string, by: Actor, input: Integrity): void {
      if (!conversations.find(conversationId)) return
      conversations.get(userId, conversationId)
      db.transact(() => {
        conversations.clear(conversationId, input)
        deps.audit.record({ kind: 'conversation', action: 'cleared', subject: conversationId, by, conversationId })
      })
    },

    /** Stops what goes on in it and takes the conversation with all that was said. */
    async removeConversation(userId: string, conversationId: string, by: Actor): Promise<void> {
      conversations.get(userId, conversationId)
      // @NOTE a message may come in while what goes is brought to its end, so look again before taking everything.
      while (store.active(conversationId).length > 0 || engine.goesIn(conversationId)) {
        stopConversation(conversationId)
        await engine.ended(conversationId)
      }
      db.transact(() => {
        conversations.remove(conversationId)
        deps.audit.record({ kind: 'conversation', action: 'removed', subject: conversationId, by, conversationId })
      })
    },

    /** The run of a conversation that goes or waits, and those behind it. */
    active: (conversationId: string): Run[] => store.active(conversationId),

    /**
     * After a start: runs in which the process died go on from their journal, but for the one that it died in three
     * times. Then the queue opens.
     */
    recover(): { resumed: number; interrupted: number } {
      const dead = store.running()
      const hopeless = dead.filter((run) => run.attempts >= MOST_DEATHS)
      for (const run of dead) takeUpOrEnd(run)
      queue.open()
      return { resumed: dead.length - hopeless.length, interrupted: hopeless.length }
    },
  }
}

function labelsOf(intake: Intake, known: Conversation | undefined): Labels {
  const cleared = known ?? FRESH
  const given = intake.attachments.length > 0 ? 'third_party' : intake.integrity
  return joinLabels(
    { integrity: cleared.integrity, privacy: cleared.privacy },
    { integrity: given, privacy: 'private' },
  )
}

function pick(intake: Intake): Omit<NewRun, 'id' | 'model' | 'integrity' | 'privacy'> {
  const { userId, conversationId, origin, door, address, attended } = intake
  return {
    userId,
    conversationId,
    origin,
    door,
    address,
    attended,
    input: intake.text,
    inputIntegrity: intake.integrity,
    apiKeyId: intake.apiKeyId ?? null,
  }
}
