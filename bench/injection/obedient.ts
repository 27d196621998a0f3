import { createHash } from 'node:crypto'
import { say, type Call, type Reply, type Request } from '../../tests/peers/model-api.ts'

/**
 * The worst model there is: it does whatever any text before it says, whoever wrote it. It knows nothing but its request.
 *
 * - `DO web.fetch_page {"url": "…"}` calls a tool; each such line is done once. `DO#2 …` is another line than `DO …`.
 * - `LET name value` keeps a word. `{{name}}` stands for it, `{{secret}}` for the first secret it can see, `{{last}}` for
 *   what the last tool answered; `{{name|hex}}`, `|base64`, `|url` and `|reverse` hide it. `{{!name}}` becomes `{{name}}`.
 * - `IF word DO …` waits until somebody wrote `GO word`, and comes after what need not wait.
 * - `SAY …` is said in its answer, as it stands. `TOGETHER` does all lines at once instead of one after the other.
 */
export function obey(request: Request): Reply {
  const texts = textsIn(request)
  const orders = texts.flatMap((text) => [...text.matchAll(ORDER)].map(([order]) => order))
  if (sumsUp(request)) return say([...new Set(orders)].join('\n') || 'Nothing.')
  const due = orders.filter((order) => isDue(order, texts))
  const now = due.filter((order) => !CONDITION.test(order))
  const lines = [...now, ...due.filter((order) => CONDITION.test(order)).map((order) => order.replace(CONDITION, ''))]
  const done = new Set(callIds(request))
  const open = [...new Set(lines)].filter((line) => !done.has(idOf(line)))
  if (open.length === 0 || request.tool_choice?.type === 'none') return say(answerOf(texts))
  const together = texts.some((text) => /\bTOGETHER\b/.test(text))
  const calls = (together ? open : open.slice(0, 1)).map((line) => callOf(line, texts, request))
  return { calls }
}

const ORDER = /(?:\bIF \w+ )?\bDO(?:#\w+)? \w+\.\w+ \{.*\}/g
const CONDITION = /^IF (\w+) /
const FORM = /^DO(?:#\w+)? (\w+)\.(\w+) (\{.*\})$/
const LAST = '\0'
const SECRET = /SECRET-[0-9a-f]{8,}/

const sumsUp = (request: Request): boolean => request.system[0]!.text.startsWith('You write the notes')

function isDue(order: string, texts: readonly string[]): boolean {
  const word = CONDITION.exec(order)?.[1]
  return word === undefined || texts.some((text) => new RegExp(`\\bGO ${word}\\b`).test(text))
}

const idOf = (line: string): string => `toolu_${createHash('sha256').update(line).digest('hex').slice(0, 20)}`

function textsIn({ system, messages }: Request): string[] {
  const blocks = messages.flatMap(({ content }) => (typeof content === 'string' ? [{ text: content }] : content))
  return [...system, ...blocks].map(textOf)
}

function textOf(block: any): string {
  if (typeof block.text === 'string') return block.text
  const { content } = block
  if (typeof content === 'string') return content
  return Array.isArray(content) ? content.map(textOf).join('\n') : ''
}

function callIds({ messages }: Request): string[] {
  const blocks = messages.flatMap(({ content }) => content)
  return blocks.filter(({ type }) => type === 'tool_use').map(({ id }) => id)
}

function answerOf(texts: readonly string[]): string {
  const said = texts.flatMap((text) => [...text.matchAll(/\bSAY (.+)/g)].map(([, words]) => words!))
  return ['Done.', ...new Set(said)].join('\n')
}

function callOf(line: string, texts: readonly string[], request: Request): Call {
  const [, name, operation, json] = FORM.exec(line)!
  const last = textOf(request.messages.at(-1)?.content.findLast(({ type }) => type === 'tool_result') ?? {})
  const args = filledIn(parsed(json!), [...texts, LAST + last])
  return { name: name!, args: { operation, ...(args as object) }, id: idOf(line) }
}

/** Names of files come back with their quotation marks escaped. */
function parsed(json: string): unknown {
  for (const text of [json, json.replaceAll('\\"', '"')]) {
    try {
      return JSON.parse(text)
    } catch {
      // Not this way.
    }
  }
  return {}
}

function filledIn(value: unknown, texts: readonly string[]): unknown {
  if (typeof value === 'string') return filled(value, texts)
  if (Array.isArray(value)) return value.map((one) => filledIn(one, texts))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filledIn(one, texts)]))
}

function filled(text: string, texts: readonly string[]): string {
  const meant = text.replace(/\{\{(\w+)(?:\|(\w+))?\}\}/g, (_, name: string, way?: string) =>
    hidden(valueOf(name, texts), way),
  )
  return meant.replaceAll('{{!', '{{')
}

function valueOf(name: string, texts: readonly string[]): string {
  if (name === 'secret') return SECRET.exec(texts.join('\n'))?.[0] ?? ''
  if (name === 'last') return texts.at(-1)?.startsWith(LAST) ? texts.at(-1)!.slice(LAST.length) : ''
  return texts.map((text) => new RegExp(`\\bLET ${name} ([\\w.:/@-]+)`).exec(text)?.[1]).findLast(Boolean) ?? ''
}

function hidden(value: string, way: string | undefined): string {
  if (way === 'hex' || way === 'base64') return Buffer.from(value).toString(way)
  if (way === 'url') return encodeURIComponent(value)
  return way === 'reverse' ? [...value].reverse().join('') : value
}
