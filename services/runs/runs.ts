import { setImmediate as soon } from 'node:timers/promises'
import type { Db } from '../../db/open.ts'
import type { Actor, Audit } from '../audit.ts'
import type { Conversations } from '../conversations.ts'
import { AppError, invalidField } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Grants } from '../grants.ts'
import type { Intake } from '../shapes/intake.ts'
import type { Integrity } from '../shapes/labels.ts'
import type { Admission } from './admission.ts'
import type { Engine } from './engine.ts'
import type { Gate } from './gate.ts'
import { addressOf } from './outcomes.ts'
import type { Queue } from './queue.ts'
import { NO_MODEL, type Run, type RunStore, type Whose } from './store.ts'

export type RunsDeps = {
  grants: Pick<Grants, 'drop'>
  db: Db
  store: RunStore
  conversations: Conversations
  events: Events
  audit: Pick<Audit, 'record'>
  admission: Admission
  gate: Gate
  engine: Engine
  queue: Queue
}

const MOST_DEATHS = 3
/** How often it is looked whether everything of a user has ended. */
const MOST_TRIES = 50

export type Runs = ReturnType<typeof createRuns>

/** The one way in for everything that makes the model work, and the ways to hold and to stop it. */
export function createRuns(deps: RunsDeps) {
  const { db, store, conversations, events, engine, queue, gate } = deps

  /**
   * Takes an intake in. Synchronous and one transaction: when it returns, the work is on disk. A delivery that was seen
   * before returns its first run. Throws `not_found` for what is another user's, `invalid` for an unknown model,
   * `forbidden` for agents that would ask in a circle.
   */
  function submit(intake: Intake): Run {
    if (intake.text.trim() === '' && intake.attachments.length === 0)
      throw invalidField('content', 'Write something, or attach a file.')
    const { run, begun } = db.transact(() => {
      const taken = deps.admission.accept(intake)
      return { run: taken, begun: taken.status === 'queued' && queue.beginNow(taken) }
    })
    // @NOTE where the caller holds the transaction, the run is there for the queue only after its commit.
    if (!begun) db.afterCommit(queue.wake)
    return run
  }

  /** Stops a run wherever it is, with all that it asked of others; what was said is kept. An ended one stays as it is. */
  function stop(run: Run): void {
    halt(run)
    queue.wake()
  }

  function halt(run: Run): void {
    if (engine.isRunning(run.id)) {
      store.wantStop(run.id)
      engine.abort(run.id)
    } else if (store.find(run.id)?.endedAt === null) db.transact(() => engine.endStopped(store.get(run.id)))
    for (const child of store.unfinished({ parentRunId: run.id })) halt(child)
  }

  /** Lets go what is no longer held by a pause; what a budget holds looks again. Each goes on where it stood. */
  function release(): void {
    db.transact(() => {
      for (const run of store.held()) if (gate.holdOf(run) === undefined) letGo(run)
    })
    queue.wake()
  }

  function letGo(run: Run): void {
    store.setStatus(run.id, 'queued')
    events.keep(addressOf(run), { type: 'run', status: 'queued', position: 0 })
  }

  function holdBack(run: Run): void {
    store.pause(run.id, 'agent')
    events.keep(addressOf(run), { type: 'run', status: 'paused', reason: gate.reasonOf('agent') })
  }

  function takeUp(run: Run): void {
    if (run.endedAt !== null) return
    if (run.stopWanted) engine.endStopped(run)
    else if (run.attempts >= MOST_DEATHS || run.model === NO_MODEL) interrupt(run)
    else store.setStatus(run.id, 'queued')
  }

  /** What it asked of others has nowhere to go any more. */
  function interrupt(run: Run): void {
    engine.interrupt(run)
    for (const child of store.unfinished({ parentRunId: run.id })) engine.endStopped(child)
  }

  /** One run that cannot be taken up must not keep the house from starting. */
  function takeUpOrEnd({ id }: Run): void {
    try {
      db.transact(() => takeUp(store.get(id)))
    } catch (error) {
      engine.giveUp(store.get(id), error)
    }
  }

  function stopWhere(of: Whose): void {
    db.transact(() => store.unfinished(of).forEach(halt))
    db.afterCommit(() => queue.wake())
  }

  function stopConversation(conversationId: string): void {
    for (const run of store.active(conversationId).toReversed()) stop(run)
  }

  return {
    submit,
    stop,
    release,

    /** Stops all that a user, an agent or a task has going. */
    stopWhere,

    /** Stops all that a user has going, and resolves once it has ended. */
    async endedOf(userId: string): Promise<void> {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const going = store.unfinished({ userId })
        if (going.length === 0) return
        stopWhere({ userId })
        await Promise.all(going.map(({ conversationId }) => engine.ended(conversationId)))
        await soon()
      }
      throw new AppError('conflict', 'Something of theirs does not end yet. Try again in a minute.')
    },

    /** Holds what waits in the queue for an agent or on its account; what goes is held at its next step. */
    holdAgent(agentId: string): void {
      db.transact(() => {
        for (const run of store.waitingOf(agentId)) holdBack(run)
      })
    },

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
        deps.grants.drop({ conversationId }, by)
        deps.audit.record({ kind: 'conversation', action: 'removed', subject: conversationId, by, conversationId })
      })
    },

    /** The run of a conversation that goes or waits, and those behind it. */
    active: (conversationId: string): Run[] => store.active(conversationId),

    /**
     * After a start: runs in which the process died go on from their journal, but for the one that it died in three
     * times. Then the queue opens. Says what there was.
     */
    recover(): { resumed: number; interrupted: number; waiting: number; paused: number; queued: number } {
      const dead = store.dead()
      for (const run of dead) takeUpOrEnd(run)
      const interrupted = dead.filter((run) => store.get(run.id).status === 'interrupted').length
      release()
      const { waiting, paused, queued } = store.counts()
      queue.open()
      return { resumed: dead.length - interrupted, interrupted, waiting, paused, queued }
    },
  }
}
