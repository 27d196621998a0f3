import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clean, cleanJson, cleanLine } from './clean.ts'
import type { Call } from './command.ts'
import type { Keyboard } from './keyboard.ts'
import type { ToldQuestion } from './told.ts'

/** A question to the owner, as the socket and the API give it. */
export type Question = {
  /** Of the approval. */
  id: string
  callId: string
  kind: 'call' | 'uncertain'
  tool: string
  arguments: Record<string, unknown>
  description: string
  reason: string
  expiresAt: string
  provenance: { path: string; sentence: string }[]
}

/** What the owner says: the body of POST /api/approvals/{id}. */
export type Decision =
  { approved: boolean; note?: string; arguments?: Record<string, unknown> } | { decision: 'done' | 'again' | 'give_up' }

export function questionOf(told: ToldQuestion): Question {
  return {
    id: told.approval_id ?? told.id ?? told.call_id,
    callId: told.call_id,
    kind: told.kind ?? 'call',
    tool: told.tool_name,
    arguments: told.arguments,
    description: told.description,
    reason: told.reason,
    expiresAt: told.expires_at,
    provenance: told.provenance ?? [],
  }
}

/**
 * The whole question, each line behind a bar: nothing in it can look as if Steward itself said it. The arguments stand there in
 * full and spelt out, since they are what is agreed to.
 */
export function cardOf({
  id,
  kind,
  tool,
  arguments: args,
  description,
  reason,
  expiresAt,
  provenance,
}: Question): string {
  const origins = provenance.map(({ path, sentence }) => `${cleanLine(path)}: ${cleanLine(sentence)}`)
  const lines = [
    cleanLine(tool),
    ...cleanJson(args, 2).split('\n'),
    '',
    ...clean(description).split('\n'),
    ...(reason ? [`Why you are asked: ${cleanLine(reason)}`] : []),
    ...origins,
  ]
  const head = kind === 'uncertain' ? 'Steward does not know whether this happened' : 'Steward asks'
  return [`┌ ${head}`, ...lines.map((line) => `│ ${line}`), `└ until ${cleanLine(expiresAt)} · ${cleanLine(id)}`].join(
    '\n',
  )
}

const CHOICES = {
  call: 'Allow it? [y]es, [n]o (with a note if you like), [e]dit, [l]ater: ',
  uncertain: 'Did it happen? [d]one, do it [a]gain, [g]ive up, [l]ater: ',
}

const ANSWERS: Record<Question['kind'], Record<string, Decision | 'edit' | 'later'>> = {
  call: { y: { approved: true }, yes: { approved: true }, n: { approved: false }, no: { approved: false }, e: 'edit', edit: 'edit', l: 'later', later: 'later' }, // prettier-ignore
  uncertain: { d: { decision: 'done' }, done: { decision: 'done' }, a: { decision: 'again' }, again: { decision: 'again' }, g: { decision: 'give_up' }, 'give up': { decision: 'give_up' }, l: 'later', later: 'later' }, // prettier-ignore
}

/** Asks until there is an answer that means something; undefined: later, or nobody is there any more. */
export async function decide(
  question: Question,
  keyboard: Keyboard,
  { out, env }: Pick<Call, 'out' | 'env'>,
  signal?: AbortSignal,
): Promise<Decision | undefined> {
  for (;;) {
    out.ask(CHOICES[question.kind])
    const line = await keyboard.line(signal)
    if (line === undefined) return void out.say('')
    const answer = answerIn(question, line)
    if (answer === 'later') return undefined
    if (answer === 'edit') {
      const edited = editArguments(question, keyboard, env)
      if (typeof edited === 'string') out.say(edited)
      else return { approved: true, arguments: edited }
    } else if (answer !== undefined) return answer
  }
}

/** A plain word, or a no with a note behind it. */
function answerIn({ kind }: Question, line: string): Decision | 'edit' | 'later' | undefined {
  const text = line.trim()
  const answers = ANSWERS[kind]
  if (Object.hasOwn(answers, text.toLowerCase())) return answers[text.toLowerCase()]
  const note = kind === 'call' ? /^(?:n|no)\s+(.+)$/i.exec(text)?.[1] : undefined
  return note === undefined ? undefined : { approved: false, note }
}

/** What the arguments became in the owner's editor; a sentence where that is nothing one could send. */
function editArguments(question: Question, keyboard: Keyboard, env: Call['env']): Record<string, unknown> | string {
  const editor = env.VISUAL ?? env.EDITOR ?? 'vi'
  const folder = mkdtempSync(join(tmpdir(), 'steward-'))
  const file = join(folder, 'arguments.json')
  try {
    writeFileSync(file, `${cleanJson(question.arguments, 2)}\n`, { mode: 0o600 })
    const { status, error } = keyboard.lent(() =>
      spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' }),
    )
    if (error || status !== 0) return `${editor} did not end well, so nothing was changed.`
    const edited: unknown = JSON.parse(readFileSync(file, 'utf8'))
    const isObject = typeof edited === 'object' && edited !== null && !Array.isArray(edited)
    return isObject ? (edited as Record<string, unknown>) : 'The arguments must be a JSON object. Nothing was changed.'
  } catch (error) {
    return `That is no JSON (${cleanLine((error as Error).message)}). Nothing was changed.`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
