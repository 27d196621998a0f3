import { cardOf, decide, questionOf, type Decision, type Question } from './card.ts'
import { cleanLine } from './clean.ts'
import { EXIT, type Call, type CommandError } from './command.ts'
import type { Keyboard } from './keyboard.ts'
import type { Server } from './server.ts'
import type { Frame, Usage } from './told.ts'

/** How a run went. */
export type Outcome = {
  run_id: string
  status: string
  text: string
  stop_reason: string | null
  tool_calls_made: number
  usage: Usage | null
  error: { message: string; code: string } | null
}

export type WatchDeps = Pick<Call, 'out' | 'env'> & {
  server: Server
  /** There where the owner sits at the terminal; without it, questions wait for the page. */
  keyboard: Keyboard | undefined
}

const LONGEST_SHOWN = 300

export type Watch = ReturnType<typeof createWatch>

/**
 * Shows a run as its frames come: what is said on stdout, what is done and asked on stderr. `runId` is the run whose end is
 * waited for; frames of others in its conversation are only asked about.
 */
export function createWatch({ out, env, server, keyboard }: WatchDeps) {
  let runId: string | undefined
  let said = ''
  let midLine = false
  let status = ''
  let held = ''
  let stopped = false
  const asked = new Map<string, AbortController>()
  const { promise: outcome, resolve: finish, reject: fail } = Promise.withResolvers<Outcome>()
  outcome.catch(() => {})

  function write(text: string): void {
    if (text === '') return
    said += text
    midLine = !text.endsWith('\n')
    if (!out.json) out.write(text)
  }

  /** For people, in a line of its own. */
  function line(text: string): void {
    endLine()
    out.say(text)
  }

  function endLine(): void {
    if (midLine && !out.json) out.write('\n')
    midLine = false
  }

  /** What is not shown yet of a text that is told whole; where it became another, all of it. */
  function catchUp(text: string): void {
    if (text.startsWith(said)) return write(text.slice(said.length))
    endLine()
    said = ''
    write(text)
  }

  function end(more: Pick<Outcome, 'text' | 'stop_reason' | 'tool_calls_made' | 'usage' | 'error'>): void {
    for (const controller of asked.values()) controller.abort()
    endLine()
    finish({ run_id: runId!, status: status || (more.error ? 'failed' : 'succeeded'), ...more })
  }

  /** Answers the owner gives here go to the server one at a time; what cannot be taken is asked again. */
  async function ask(question: Question): Promise<void> {
    if (asked.has(question.callId) || stopped) return
    const controller = new AbortController()
    asked.set(question.callId, controller)
    line(cardOf(question))
    if (!keyboard) return out.say(whereToDecide(server))
    while (!controller.signal.aborted) {
      const decision = await decide(question, keyboard, { out, env }, controller.signal)
      if (controller.signal.aborted) return
      if (decision === undefined) return out.say(`It waits for you: ${server.url}/approvals, or steward approvals.`)
      if (await wasTaken(question, decision)) return
    }
  }

  async function wasTaken(question: Question, decision: Decision): Promise<boolean> {
    const { status: code, body } = await server.ask('POST', `/api/approvals/${question.id}`, decision)
    if (code === 200) return true
    out.say(cleanLine(String(body.error ?? `Steward answered ${code}.`)))
    return code !== 400
  }

  function show(frame: Frame): void {
    if (frame.type === 'text') write(frame.content)
    if (frame.type === 'run') hold(frame.status, frame.reason)
    if (frame.type === 'state') resume(frame.status, frame.text)
    if (frame.type === 'tool_start') line(`→ ${shortened(`${frame.tool_name} ${JSON.stringify(frame.arguments)}`)}`)
    if (frame.type === 'tool_done') line(`${frame.success ? '✓' : '✗'} ${shortened(frame.result_summary)}`)
    if (frame.type === 'images') line(`[${frame.data_urls.length} pictures; they are shown on the page]`)
    if (frame.type === 'done') done(frame)
    if (frame.type === 'error') failed({ message: frame.error, code: frame.code })
  }

  function hold(now: string, reason = ''): void {
    status = now
    if (['queued', 'paused'].includes(now) && reason !== '' && reason !== held) line(`… ${cleanLine(reason)}`)
    held = reason
  }

  function resume(now: string, text: string): void {
    status = now
    catchUp(text)
  }

  function done({ text, stop_reason, tool_calls_made, usage }: Extract<Frame, { type: 'done' }>): void {
    if (said === '') write(text)
    end({ text, stop_reason, tool_calls_made, usage, error: null })
  }

  function failed(error: Outcome['error']): void {
    end({ text: said, stop_reason: null, tool_calls_made: 0, usage: null, error })
  }

  return {
    outcome,
    fail,
    /** The owner wants it stopped: nothing is asked any more. */
    stopping(): void {
      stopped = true
      for (const controller of asked.values()) controller.abort()
    },
    /** From now on it is this run. */
    follow: (id: string): void => void (runId = id),
    followed: (): string | undefined => runId,

    /** Takes a frame of the conversation. */
    take(frame: Frame): void {
      if (frame.type === 'confirmation_required') return void ask(questionOf(frame)).catch(fail)
      if (frame.type === 'state') for (const open of frame.confirmations ?? []) ask(questionOf(open)).catch(fail)
      if (frame.type === 'confirmation_closed') return closed(frame)
      if (frame.run_id !== undefined && frame.run_id === runId) show(frame)
    },
  }

  function closed({ call_id, decision, by }: Extract<Frame, { type: 'confirmation_closed' }>): void {
    asked.get(call_id)?.abort()
    asked.delete(call_id)
    if (!stopped) line(`${decision === 'approved' ? '✓' : '✗'} ${decision} (${by})`)
  }
}

const shortened = (text: string): string => {
  const one = cleanLine(text)
  return one.length <= LONGEST_SHOWN ? one : `${one.slice(0, LONGEST_SHOWN - 1)}…`
}

/** Who may answer, where the one who looks may not. */
function whereToDecide({ url, identity }: Server): string {
  const why =
    identity.by === 'key'
      ? 'A key cannot decide about a run that it started.'
      : 'This is no terminal at which somebody could be asked.'
  return `It waits for you: ${url}/approvals. ${why} Signed in at a terminal (steward login), steward approvals decides too.`
}

/** How a command ends that watched a run to its end. */
export function exitOf({ stop_reason, error }: Outcome): number {
  if (error) return error.code === 'forbidden' ? EXIT.notAllowed : EXIT.failed
  return stop_reason === 'end_turn' ? EXIT.ok : EXIT.failed
}

export function reportFailure({ status, stop_reason, error }: Outcome, out: Call['out']): void {
  if (error) out.say(cleanLine(error.message))
  else if (stop_reason !== 'end_turn') out.say(`It ended early: ${stop_reason ?? status}.`)
}

export const needsSomebody = (server: Server, otherwise: () => CommandError): Server => {
  if (server.identity.by === 'nobody') throw otherwise()
  return server
}
