import { cardOf, questionOf, type Decision } from '../card.ts'
import { cleanLine } from '../clean.ts'
import { command, EXIT, SERVER_OPTIONS, textOf, usageError, type Call } from '../command.ts'
import { connect, notSignedIn, type Server } from '../server.ts'
import type { ToldApproval, ToldApprovals } from '../told.ts'
import { needsSomebody } from '../watch.ts'

const MOST = 200
const ANSWERS = ['done', 'again', 'give_up']

export default command({
  usage: '[list | show ID | approve ID | deny ID | answer ID done|again|give_up]',
  help: `What waits for a yes. Deciding needs the owner's sign-in (steward login) or a key with the scope approve; a key cannot
decide about what it started itself. Approving shows what exactly was approved.`,
  options: {
    ...SERVER_OPTIONS,
    note: { type: 'string', value: 'TEXT', help: 'what the agent is told with the decision' },
    state: {
      type: 'string',
      value: 'STATE',
      help: 'list: pending (the default), approved, denied, expired, void or all',
    },
  },
  words: [0, 3],
  run: approvals,
})

async function approvals(call: Call): Promise<number> {
  const [verb = 'list', id, answer] = call.words
  const server = () => needsSomebody(connect(call), notSignedIn)
  if (verb === 'list' && id === undefined) return list(server(), call)
  if (id === undefined) throw usageError(`Which one? steward approvals ${verb} ID`)
  const path = `/api/approvals/${encodeURIComponent(id)}`
  if (verb === 'show' && answer === undefined) return show(await server().get(path), call)
  const decision = decisionOf(verb, answer, call)
  return show(await server().post(path, decision), call)
}

async function list(server: Server, { values, out }: Call): Promise<number> {
  const state = textOf(values, 'state') ?? 'pending'
  const found = await server.get<ToldApprovals>(
    `/api/approvals?limit=${MOST}${state === 'all' ? '' : `&state=${encodeURIComponent(state)}`}`,
  )
  if (out.json) return (out.value(found), EXIT.ok)
  for (const one of found.items) out.line(`${one.id}  ${one.state.padEnd(8)}  ${cleanLine(one.description)}`)
  if (found.items.length === 0) out.say(state === 'pending' ? 'Nothing waits for you.' : 'There are none.')
  if (found.next_cursor !== null) out.say(`These are the newest ${found.items.length} of ${found.total}.`)
  return EXIT.ok
}

function show(approval: ToldApproval, { out }: Call): number {
  if (out.json) return (out.value(approval), EXIT.ok)
  out.line(cardOf(questionOf(approval)))
  out.line(approval.state)
  return EXIT.ok
}

function decisionOf(verb: string, answer: string | undefined, { values }: Call): Decision & { note?: string } {
  const note = textOf(values, 'note')
  const noted = note === undefined ? {} : { note }
  if (verb === 'approve' && answer === undefined) return { approved: true, ...noted }
  if (verb === 'deny' && answer === undefined) return { approved: false, ...noted }
  if (verb === 'answer' && ANSWERS.includes(answer ?? '')) return { decision: answer as 'done', ...noted }
  throw usageError('Use: steward approvals [list | show ID | approve ID | deny ID | answer ID done|again|give_up].')
}
