import type { ToolSchema } from '../agent/model.ts'

export type Command = { tool: string; arguments: Record<string, unknown> }

/** One operation of a tool with the names of the arguments it cannot do without. */
type OperationHint = { name: string; required: string[] }

type Schema = {
  properties?: Record<string, { const?: unknown; enum?: unknown[] }>
  required?: string[]
  oneOf?: Schema[]
  anyOf?: Schema[]
}

const HEAD = /^\/(?<tool>[\w-]+)(?:\.(?<operation>[\w-]+))?(?=\s|$)/
const ARGUMENT = /^\s+(?<key>[\w-]+)=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>[^\s"]*))(?=\s|$)/
const ESCAPES: Record<string, string> = { n: '\n', t: '\t' }

/** The commands in a message, one a line that starts with `/`; the text says what is wrong where one cannot be read. */
export function readCommands(text: string, tools: readonly ToolSchema[]): Command[] | string {
  const lines = text.split('\n').map((line) => line.trim())
  const read = lines.filter((line) => line.startsWith('/')).map((line) => readLine(line, tools))
  return read.find((result) => typeof result === 'string') ?? (read as Command[])
}

/** The form of every command the tools take, one a line. */
export function commandForms(tools: readonly ToolSchema[]): string {
  return tools.flatMap((tool) => formsOf(tool).map((form) => `    ${form}`)).join('\n')
}

function readLine(line: string, tools: readonly ToolSchema[]): Command | string {
  const head = HEAD.exec(line)
  const name = head?.groups?.['tool']
  const operation = head?.groups?.['operation']
  if (!head || !name) return `I cannot read \`${line}\`.`
  const tool = tools.find((candidate) => candidate.name === name)
  if (!tool) return `There is no tool called \`${name}\` here.`
  const known = operationsOf(tool)
  if (known.length > 0 && !known.some((one) => one.name === operation)) {
    return `The tool \`${name}\` has no operation ${operation ? `\`${operation}\`` : 'without a name'}.`
  }
  const values = readArguments(line.slice(head[0].length))
  if (typeof values === 'string') return `I cannot read \`${values}\` in \`${line}\`.`
  return { tool: name, arguments: operation ? { operation, ...values } : values }
}

/** The `key=value` pairs of a line, or the rest that is none. */
function readArguments(text: string): Record<string, unknown> | string {
  const values: Record<string, unknown> = {}
  let rest = text.trimEnd()
  while (rest !== '') {
    const match = ARGUMENT.exec(rest)
    const { key, quoted, bare } = match?.groups ?? {}
    if (!match || key === undefined) return rest.trim()
    values[key] = quoted === undefined ? bareValue(bare ?? '') : unescape(quoted)
    rest = rest.slice(match[0].length)
  }
  return values
}

function bareValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(text) ? Number(text) : text
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter)
}

function formsOf(tool: ToolSchema): string[] {
  const operations = operationsOf(tool)
  if (operations.length === 0) return [[`/${tool.name}`, ...blanks(tool.inputSchema as Schema)].join(' ')]
  return operations.map(({ name, required }) =>
    [`/${tool.name}.${name}`, ...required.map((key) => `${key}=…`)].join(' '),
  )
}

function blanks(schema: Schema): string[] {
  return (schema.required ?? []).filter((key) => key !== 'operation').map((key) => `${key}=…`)
}

/** Operations stand in the schema as one variant each, or as an enum of one object. */
function operationsOf(tool: ToolSchema): OperationHint[] {
  const schema = tool.inputSchema as Schema
  return (schema.oneOf ?? schema.anyOf ?? [schema]).flatMap((variant) => {
    const { const: only, enum: several } = variant.properties?.['operation'] ?? {}
    const names = (several ?? [only]).filter((name) => typeof name === 'string')
    const required = names.length > 1 ? [] : (variant.required ?? []).filter((key) => key !== 'operation')
    return names.map((name) => ({ name, required }))
  })
}
