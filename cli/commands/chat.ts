import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { command, CommandError, EXIT, SERVER_OPTIONS, textOf, usageError, type Call } from '../command.ts'
import { openConversation, type Conversation } from '../conversation.ts'
import { openKeyboard, pipedText } from '../keyboard.ts'
import { connect, notSignedIn, type Server } from '../server.ts'
import type { Frame } from '../told.ts'
import { createWatch, exitOf, needsSomebody, reportFailure, type Watch } from '../watch.ts'

const FAREWELL_MS = 5_000
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export default command({
  usage: '"MESSAGE" [--conversation ID] [--agent ID] [--model MODEL] [--web]',
  help: `Says something and streams the answer. Without a message it is read from stdin.
Signed in at a terminal (steward login), questions are asked here; with a key they wait for the page, since no key decides
about its own runs. Ctrl-C stops the run; when the connection is lost, it comes back.`,
  options: {
    ...SERVER_OPTIONS,
    conversation: { type: 'string', value: 'ID', help: 'go on in this one; a new one otherwise' },
    agent: { type: 'string', value: 'ID', help: 'the agent that answers' },
    model: { type: 'string', value: 'MODEL', help: 'the model that answers, as `provider:model`' },
    web: { type: 'boolean', help: 'open the web for this conversation' },
  },
  words: [0, 1],
  run: chat,
})

async function chat(call: Call): Promise<number> {
  const { words, values, out } = call
  const content = await messageOf(words)
  const id = textOf(values, 'conversation') ?? randomUUID()
  if (!UUID.test(id)) throw usageError('A conversation has a UUID.')
  const server = needsSomebody(connect(call), notSignedIn)
  const keyboard = canBeAsked(server) ? openKeyboard() : undefined
  const watch = createWatch({ ...call, server, keyboard })
  const message = { type: 'message', content, ...optional('agent_id', values.agent), ...optional('model', values.model), ...(values.web ? { web: true } : {}) } // prettier-ignore
  try {
    const conversation = await openConversation(server, id, receiver(watch, content), watch.fail)
    const interrupt = stopOnInterrupt(conversation, watch, call)
    conversation.send(message)
    const outcome = await Promise.race([watch.outcome, interrupt.patienceIsOver])
    conversation.close()
    if (outcome === undefined) return EXIT.interrupted
    if (out.json) out.value({ conversation_id: id, ...outcome })
    else out.say(`conversation ${id}`)
    reportFailure(outcome, out)
    return interrupt.happened() ? EXIT.interrupted : exitOf(outcome)
  } finally {
    keyboard?.close()
  }
}

async function messageOf([given]: string[]): Promise<string> {
  const text = given ?? (process.stdin.isTTY ? '' : await pipedText())
  if (text.trim() === '') throw usageError('Say something: steward chat "MESSAGE", or pipe it in.')
  return text
}

const optional = (name: string, value: unknown): object => (typeof value === 'string' ? { [name]: value } : {})

/** The owner is here: signed in, at a terminal. */
export const canBeAsked = ({ identity }: Server): boolean => identity.by === 'session' && process.stdin.isTTY === true

/** The run is the one that our message began; errors of the socket itself are of no run. */
function receiver(watch: Watch, content: string): (frame: Frame) => void {
  return (frame) => {
    const isOurs = frame.type === 'user_message' && watch.followed() === undefined && frame.content === content
    if (isOurs && frame.run_id !== undefined) watch.follow(frame.run_id)
    if (frame.type !== 'error' || frame.run_id !== undefined) return watch.take(frame)
    const exit = ['forbidden', 'unauthorized'].includes(frame.code) ? EXIT.notAllowed : EXIT.failed
    watch.fail(new CommandError(exit, frame.error))
  }
}

/** Ctrl-C stops the run and waits a little for its end; a second one does not wait. */
function stopOnInterrupt(conversation: Conversation, watch: Watch, { out }: Call) {
  const { promise: patienceIsOver, resolve } = Promise.withResolvers<undefined>()
  let times = 0
  process.on('SIGINT', () => {
    if (++times > 1) return resolve(undefined)
    out.say('\nStopping. Ctrl-C again leaves at once.')
    watch.stopping()
    conversation.send({ type: 'stop' })
    void wait(FAREWELL_MS, undefined, { ref: false }).then(resolve)
  })
  return { patienceIsOver, happened: (): boolean => times > 0 }
}
