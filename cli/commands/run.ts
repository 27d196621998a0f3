import { cleanLine } from '../clean.ts'
import { command, CommandError, EXIT, SERVER_OPTIONS, usageError, type Call } from '../command.ts'
import { openKeyboard } from '../keyboard.ts'
import { connect, notSignedIn, type Server } from '../server.ts'
import { followRun } from '../stream.ts'
import { createWatch, exitOf, needsSomebody, reportFailure } from '../watch.ts'
import { canBeAsked } from './chat.ts'

export default command({
  usage: 'AGENT ["MESSAGE"] [--follow]',
  help: `Puts an agent to work: by its name or id. Prints the id of the run; with --follow, what it does and its answer.
Ctrl-C leaves off following; the run goes on.`,
  options: {
    ...SERVER_OPTIONS,
    follow: { type: 'boolean', short: 'f', help: 'wait for the end and show what happens' },
  },
  words: [1, 2],
  run,
})

async function run(call: Call): Promise<number> {
  const { words, values, out } = call
  const server = needsSomebody(connect(call), notSignedIn)
  const agent = await agentOf(server, words[0]!)
  const { run_id } = await server.post<{ run_id: string }>(
    `/api/agents/${agent}/run`,
    words[1] === undefined ? {} : { message: words[1] },
  )
  if (values.follow === true) return follow(run_id, server, call)
  if (out.json) out.value({ run_id })
  else out.line(run_id)
  return EXIT.ok
}

async function follow(runId: string, server: Server, call: Call): Promise<number> {
  const { out } = call
  const keyboard = canBeAsked(server) ? openKeyboard() : undefined
  const watch = createWatch({ ...call, server, keyboard })
  const leaving = new AbortController()
  const left = new Promise<undefined>((resolve) => process.once('SIGINT', () => resolve(undefined)))
  watch.follow(runId)
  try {
    followRun(server, runId, watch.take, leaving.signal).catch(watch.fail)
    const outcome = await Promise.race([watch.outcome, left])
    if (outcome === undefined) return (out.say(`\nIt goes on: ${server.url}/runs/${runId}`), EXIT.interrupted)
    if (out.json) out.value(outcome)
    reportFailure(outcome, out)
    return exitOf(outcome)
  } finally {
    leaving.abort()
    keyboard?.close()
  }
}

/** The id of the agent that is meant. */
async function agentOf(server: Server, wanted: string): Promise<string> {
  const agents = await server.get<{ id: string; name: string }[]>('/api/agents')
  const byId = agents.find(({ id }) => id === wanted)
  if (byId) return byId.id
  const named = agents.filter(({ name }) => name.toLowerCase() === wanted.toLowerCase())
  if (named.length > 1) throw usageError(`There are ${named.length} agents called ${wanted}. Give the id.`)
  if (named[0]) return named[0].id
  const names = agents.map(({ name }) => cleanLine(name)).join(', ')
  throw new CommandError(
    EXIT.failed,
    `There is no agent ${cleanLine(wanted)}. ${names ? `There are: ${names}.` : 'There are none yet.'}`,
  )
}
