/** What is listened to, and whose it is. `name` stands in front of a sentence: “The mail account “Work””. */
export type Watched = { userId: string; name: string }

/** A way by which the other side can be asked whether it is still there. */
export type Line = {
  /** Asks; resolves with the answer. */
  ask: () => Promise<unknown>
  /** Grows with whatever comes in answer to us; undefined while nothing is awaited. */
  progress: () => number | undefined
  /** The deadline has passed without an answer: let go of it. */
  silent: (words: string) => void
}

export type LivenessDeps = {
  /** How long nobody may be silent. */
  deadlineMs: () => number
  notify: (draft: { userId: string; kind: 'trouble'; title: string; text: string }) => void
  onFault: (error: unknown) => void
}

export type Liveness = ReturnType<typeof createLiveness>
export type Watch = ReturnType<Liveness['watch']>

type State = {
  of: Watched
  provenAt: number
  line: Line | undefined
  asking: boolean
  seen: number | undefined
  words: string | undefined
  told: boolean
  /** What could not be told when it was time to. */
  untold: string | undefined
}

const LONGEST_STEP_MS = 5_000
const SHORTEST_STEP_MS = 50
const STEPS = 10

/**
 * Keeps of everything that listens a last proof of life and a deadline. Half a deadline without a proof, the other side is
 * asked; a whole one, and its line is given up. The owner is told once of an outage that lasts longer than the deadline
 * (at once of one that only they can end), and again when it is over, where they had been told.
 */
export function createLiveness({ deadlineMs, notify, onFault }: LivenessDeps) {
  const all = new Set<State>()
  let timer: NodeJS.Timeout | undefined
  let lookedAt = 0

  const step = () => Math.min(Math.max(deadlineMs() / STEPS, SHORTEST_STEP_MS), LONGEST_STEP_MS)
  const silence = (state: State) => performance.now() - state.provenAt

  function say(state: State, title: string, text: string): boolean {
    try {
      notify({ userId: state.of.userId, kind: 'trouble', title, text })
      return true
    } catch (error) {
      if (state.untold === undefined) onFault(error)
      return false
    }
  }

  function tell(state: State): void {
    if (state.told || state.words === undefined) return
    const text = `${state.words} Steward keeps trying; nothing is lost meanwhile.`
    state.told = say(state, `${state.of.name} cannot be listened to`, text)
    state.untold = state.told ? undefined : state.words
  }

  function prove(state: State): void {
    state.provenAt = performance.now()
    if (state.words === undefined) return
    state.words = undefined
    const rest = 'What came in meanwhile is being looked at.'
    if (state.told) say(state, `${state.of.name} is listened to again`, rest)
    else if (state.untold !== undefined)
      say(state, `${state.of.name} could not be listened to for a while`, `${state.untold} That is over. ${rest}`)
    state.told = false
    state.untold = undefined
  }

  function fail(state: State, words: string): void {
    state.words = words
    state.line = undefined
    if (silence(state) >= deadlineMs()) tell(state)
  }

  function ask(state: State, line: Line): void {
    state.asking = true
    line
      .ask()
      .then(
        () => state.line === line && prove(state),
        () => {},
      )
      .finally(() => void (state.asking = false))
  }

  function look(state: State): void {
    const { line } = state
    if (!line) return silence(state) >= deadlineMs() ? tell(state) : undefined
    const seen = line.progress()
    const moved = seen !== undefined && state.seen !== undefined && seen > state.seen
    state.seen = seen
    if (moved) prove(state)
    if (silence(state) >= deadlineMs()) giveUp(state, line)
    else if (silence(state) >= deadlineMs() / 2 && !state.asking) ask(state, line)
  }

  function giveUp(state: State, line: Line): void {
    const words = `The server has not answered for ${Math.round(silence(state) / 1_000)} seconds, although the connection looks open.`
    fail(state, words)
    line.silent(words)
  }

  /** @NOTE a machine that slept, or was busy with other things, says nothing about the other side. */
  function forgiveSleep(elapsed: number, expected: number): void {
    if (elapsed < expected * 3) return
    for (const state of all) if (state.line) state.provenAt += elapsed - expected
  }

  function beat(): void {
    const expected = step()
    timer = setTimeout(() => {
      forgiveSleep(performance.now() - lookedAt, expected)
      for (const state of all) look(state)
      beat()
    }, expected)
    lookedAt = performance.now()
    timer.unref()
  }

  return {
    watch(of: Watched) {
      const blank = {
        line: undefined,
        asking: false,
        seen: undefined,
        words: undefined,
        told: false,
        untold: undefined,
      }
      const state: State = { of, provenAt: performance.now(), ...blank }
      all.add(state)
      if (timer === undefined) beat()
      return {
        /** The other side has said something in answer to us. An outage is over. */
        alive: (): void => prove(state),

        /** From now on this must be answered. */
        attach(line: Line): void {
          Object.assign(state, { line, asking: false, seen: undefined })
        },

        /** Nothing is expected any more. */
        detach: (): void => void (state.line = undefined),

        /** It does not work, and why, in a sentence for the owner. `needsOwner`: it will not mend itself. */
        fails(words: string, { needsOwner = false } = {}): void {
          fail(state, words)
          if (needsOwner) tell(state)
        },

        /** Why it does not work; undefined while it does. */
        trouble: (): string | undefined => state.words,

        end(): void {
          all.delete(state)
          if (all.size > 0) return
          clearTimeout(timer)
          timer = undefined
        },
      }
    },
  }
}
