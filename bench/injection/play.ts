import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { newAgent } from '../../tests/peers/agents.ts'
import { Client } from '../../tests/steward.ts'
import { EVERY_TOOL, type Case, type CaseAgent, type Said, type Step } from './case.ts'
import type { House } from './house.ts'

/** What came of a case. `cards` are the questions that the owner was asked. */
export type Played = { effects: string[]; cards: string[]; statuses: string[]; answers: string[] }

type Stage = {
  house: House
  conversationId: string
  agents: Map<string, string>
  cards: string[]
  runs: string[]
  alwaysYes: boolean
}

const LONGEST_MS = 20_000

/** Plays a case from an empty world on. `alwaysYes`: the owner agrees to whatever is asked; otherwise to nothing. */
export async function play(house: House, one: Case, { alwaysYes }: { alwaysYes: boolean }): Promise<Played> {
  house.fresh()
  const stage: Stage = { house, conversationId: randomUUID(), agents: new Map(), cards: [], runs: [], alwaysYes }
  for (const [where, text] of Object.entries(one.place ?? {})) put(house, where, filled(text, house))
  house.mail.deliver(house.world.mails)
  await hire(stage, one)
  house.forget()
  for (const step of one.steps) await take(stage, step)
  const effects = house.effects()
  await dismiss(stage)
  const ended = stage.runs.map((id) => house.steward.services.runStore.get(id))
  const { cards } = stage
  return { effects, cards, statuses: ended.map(({ status }) => status), answers: ended.map(({ answer }) => answer) }
}

async function hire({ house, agents }: Stage, { agents: wanted = {}, grant }: Case): Promise<void> {
  const { owner } = house.steward
  for (const [name, { tools = EVERY_TOOL, prompt = 'Help.' }] of Object.entries<CaseAgent>({ Helper: {}, ...wanted })) {
    const made = await newAgent(owner, { name, prompt: filled(prompt, house), allowed_tools: tools })
    agents.set(name, made.id)
  }
  if (!grant) return
  const draft = { agent_id: agents.get('Helper'), ...(filledIn(grant, house) as object) }
  const { status, text } = await owner.post('/api/grants', draft)
  if (status !== 201) throw new Error(`no grant: ${text}`)
}

async function dismiss({ house, agents }: Stage): Promise<void> {
  for (const id of agents.values()) await house.steward.owner.delete(`/api/agents/${id}`)
}

async function take(stage: Stage, step: Step): Promise<void> {
  const { house } = stage
  if ('restart' in step) return house.restart()
  if ('later' in step) return house.steward.later(step.later)
  if ('forget' in step) return house.forget()
  if ('clear' in step) return clear(stage)
  stage.runs.push(await said(stage, step))
  await settled(stage, step)
}

async function clear({ house, conversationId }: Stage): Promise<void> {
  const chat = await house.steward.owner.chat(conversationId)
  chat.send({ type: 'clear' })
  chat.send({ type: 'ping' })
  await chat.next('pong')
  await chat.close()
}

/** Brings words in by their door; answers the id of the run they made. */
async function said(stage: Stage, step: Said): Promise<string> {
  const { house, agents } = stage
  const text = filled(step.text, house)
  const agentId = agents.get(step.agent ?? 'Helper')!
  if (step.by === 'owner') return typed(stage, step, text)
  if (step.by === 'agent' || step.by === 'key') {
    const { owner, url } = house.steward
    const client = step.by === 'agent' ? owner : new Client(url, house.key)
    const started = await client.post(`/api/agents/${agentId}/run`, { message: text })
    if (started.status !== 202) throw new Error(`did not start: ${started.text}`)
    return started.body.run_id
  }
  const telegram = step.by === 'telegram'
  const run = house.steward.services.runs.submit({
    door: step.by === 'webhook' ? 'hooks' : step.by,
    address: 'stranger@evil.example',
    userId: owner(house),
    conversationId: telegram && !step.alone ? stage.conversationId : randomUUID(),
    kind: telegram ? 'chat' : 'run',
    origin: step.by,
    by: telegram ? 'telegram' : 'api',
    attended: telegram,
    integrity: 'third_party',
    text,
    attachments: [],
    ...(telegram ? {} : { agentId }),
  })
  return run.id
}

function owner(house: House): string {
  return house.steward.services.db.prepare('SELECT id FROM users').pluck().get() as string
}

async function typed(stage: Stage, step: Said, text: string): Promise<string> {
  const { house } = stage
  const chat = await house.steward.owner.chat(step.alone ? randomUUID() : stage.conversationId)
  const attachments = Object.entries(step.attach ?? {}).map(([name, content]) => ({
    name,
    media_type: 'text/plain',
    data: Buffer.from(filled(content, house)).toString('base64'),
  }))
  const more = { ...(step.web ? { web: true } : {}), ...(step.model ? { model: step.model } : {}) }
  chat.send({ type: 'message', content: text, ...(attachments.length > 0 ? { attachments } : {}), ...more })
  const frame = await chat.next((one) => one.type === 'user_message' || one.type === 'error')
  await chat.close()
  if (frame.type === 'error') throw new Error(`was not taken: ${frame.error}`)
  return frame.message_id
}

/** Answers what is asked until nothing goes on any more. */
async function settled(stage: Stage, step: Said): Promise<void> {
  const { services } = stage.house.steward
  const unfinished = services.db.prepare('SELECT count(*) FROM runs WHERE ended_at IS NULL').pluck()
  const asked = services.db.prepare<[], { id: string; description: string }>(
    `SELECT id, description FROM approvals WHERE state = 'pending'`,
  )
  const until = Date.now() + LONGEST_MS
  while (unfinished.get() !== 0) {
    for (const question of asked.all()) await answer(stage, step, question)
    if (Date.now() > until) throw new Error('a run did not come to an end')
    await sleep(2)
  }
}

async function answer(stage: Stage, step: Said, { id, description }: { id: string; description: string }) {
  stage.cards.push(description)
  const approved = stage.alwaysYes || step.yes === true || step.edit !== undefined
  const change = step.edit ? { arguments: filledIn(step.edit, stage.house) } : {}
  const { status, text } = await stage.house.steward.owner.post(`/api/approvals/${id}`, { approved, ...change })
  if (status !== 200) throw new Error(`was not answered: ${text}`)
}

const MAIL_FROM = 'stranger@evil.example'

function put(house: House, where: string, text: string): void {
  const { world } = house
  const [what, path = ''] = where.split(' ')
  if (what === 'evil' || what === 'news') house.site(what).page(path, `<pre>${escaped(text)}</pre>`)
  else if (what === 'redirect') house.site('news').redirect(where.split(' ').at(-1)!, text)
  else if (what === 'results') house.site('engine').searchResults(...resultsIn(text))
  else if (what === 'mail') world.mails.push({ id: '1', from: path || MAIL_FROM, subject: 'News', body: text })
  else if (what === 'reply-to') world.mails.at(-1)!.replyTo = text
  else if (what === 'event') world.events.push(text)
  else if (what === 'note') world.notes.push(text)
  else if (what === 'answer') house.answerOfHome(text)
  else if (what === 'full') house.mail.fill(house.steward, text)
  else if (what === 'memory') house.remember(text, 'third_party')
  else if (what === 'own') house.remember(text, 'owner')
  else house.put(where, text)
}

function resultsIn(text: string) {
  const lines = text.split('\n')
  return lines.map((line) => ({
    title: 'A find',
    url: line.split(' ')[0]!,
    content: line.slice(line.indexOf(' ') + 1),
  }))
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

function filled(text: string, house: House): string {
  return text.replace(/\$(ME|SHARED|NEWS|EVIL|STEWARD|DATA|SECRET|MAIL)\b/g, (_, name: string) => house.words()[name]!)
}

function filledIn(value: unknown, house: House): unknown {
  return JSON.parse(filled(JSON.stringify(value), house))
}
