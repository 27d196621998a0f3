import { z } from 'zod'
import type { ToolSchema } from '../agent/model.ts'
import type { Operation, Tool } from '../agent/tool.ts'

type JsonObject = { properties?: Record<string, unknown>; required?: string[] }

/**
 * Tools as models see them: one schema a family, with an `operation` and the arguments of all its operations side by side
 * (vendors refuse unions at the top), and a line in the description for each operation. Small on purpose: it is sent with
 * every question.
 */
export function toolSchemas(tools: readonly Tool[]): ToolSchema[] {
  return tools.map((tool) => ({
    name: tool.name,
    description: [tool.description, ...Object.entries(tool.operations).map(describe)].join('\n'),
    inputSchema: inputSchema(tool),
  }))
}

/** The same tool with some of its operations only, and with no argument that only the others take. */
export function narrowed(schema: ToolSchema, operations: readonly string[]): ToolSchema {
  const [head = '', ...lines] = schema.description.split('\n')
  const kept = lines.filter((line) => operations.includes(line.slice(0, line.indexOf('('))))
  const taken = new Set(kept.flatMap((line) => argumentsIn(line)))
  const { properties = {}, ...rest } = schema.inputSchema as JsonObject
  const own = Object.entries(properties).filter(([name]) => taken.has(name))
  const inputSchema = { ...rest, properties: { operation: { enum: operations }, ...Object.fromEntries(own) } }
  return { ...schema, description: [head, ...kept].join('\n'), inputSchema }
}

/** `read_file(path, offset?): …` takes path and offset. */
function argumentsIn(line: string): string[] {
  const list = line.slice(line.indexOf('(') + 1, line.indexOf(')'))
  return list.split(', ').map((name) => name.replace('?', ''))
}

function describe([name, operation]: [string, Operation]): string {
  const { properties = {}, required = [] } = jsonOf(operation)
  const args = Object.keys(properties).map((key) => (required.includes(key) ? key : `${key}?`))
  return `${name}(${args.join(', ')}): ${operation.description}`
}

function inputSchema(tool: Tool): Record<string, unknown> {
  const properties: Record<string, unknown> = { operation: { enum: Object.keys(tool.operations) } }
  for (const operation of Object.values(tool.operations)) addProperties(tool.name, properties, jsonOf(operation))
  return { type: 'object', properties, required: ['operation'] }
}

/** The same argument name means the same thing in every operation of a family; else the merged schema would lie. */
function addProperties(tool: string, into: Record<string, unknown>, from: JsonObject): void {
  for (const [name, schema] of Object.entries(from.properties ?? {})) {
    const known = into[name]
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`The operations of ${tool} disagree about the argument ${name}.`)
    }
    into[name] = schema
  }
}

function jsonOf(operation: Operation): JsonObject {
  return z.toJSONSchema(operation.input(), { io: 'input' }) as JsonObject
}
