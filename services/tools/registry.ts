import { existsSync, readFileSync } from 'node:fs'
import type { ToolSchema } from '../agent/model.ts'
import type { Operation, Tool } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import { isRecord } from '../shapes/record.ts'
import { lazy } from '../shapes/lazy.ts'
import { lists } from '../policy/decide.ts'
import { arranged } from './catalogue.ts'
import { narrowed, toolSchemas } from './schemas.ts'
import { CATALOGUE } from './through-catalogue.ts'

/** A call whose tool, operation and arguments are known to be of the right form. */
export type ParsedCall = { tool: Tool; name: string; operation: Operation; arguments: unknown }

/** For whom tools are gathered: who asks, whether somebody is there, and what the lists of agents and tasks say. */
export type Offer = {
  userId: string
  runId?: string | undefined
  attended: boolean
  byAgent?: boolean | undefined
  allowedTools: readonly string[] | null
  alsoAmong?: readonly (readonly string[])[] | undefined
}

export type Registry = ReturnType<typeof createRegistry>

/** Tools that come and go while the house runs, a list for each user; each is `alone`. */
export type ComingTools = { of(userId: string): readonly Tool[]; find(userId: string, name: string): Tool | undefined }

const NONE: ComingTools = { of: () => [], find: () => undefined }

/**
 * The tools of the house by name, and those that come and go. The JSON schemas of the former were written at build time;
 * unbuilt, they are made on first use.
 */
export function createRegistry(tools: readonly Tool[], schemaFile: string, coming: ComingTools = NONE) {
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  if (byName.size < tools.length) throw new Error('Two tools have the same name.')
  const schemas = lazy((): ToolSchema[] => {
    const written = existsSync(schemaFile) ? (JSON.parse(readFileSync(schemaFile, 'utf8')) as ToolSchema[]) : []
    return [...written, ...toolSchemas(tools.filter(({ name }) => !written.some((schema) => schema.name === name)))]
  })

  const toolOf = (userId: string, name: string): Tool | undefined => byName.get(name) ?? coming.find(userId, name)
  const toolsOf = (userId?: string): readonly Tool[] =>
    userId === undefined ? tools : [...tools, ...coming.of(userId)]

  /** The operation a call of a user's run names, if there is such a one. */
  function find(
    toolName: string,
    args: unknown,
    userId: string,
  ): { tool: Tool; name: string; operation: Operation } | undefined {
    const tool = toolOf(userId, toolName)
    const name = tool?.alone?.operation ?? (isRecord(args) && typeof args.operation === 'string' ? args.operation : '')
    const operation = tool && Object.hasOwn(tool.operations, name) ? tool.operations[name] : undefined
    return tool && operation && { tool, name, operation }
  }

  /** Throws AppError('invalid') with a sentence that tells the model how to do better. */
  function parse(toolName: string, args: unknown, userId: string): ParsedCall {
    const tool = toolOf(userId, toolName)
    if (!tool) throw new AppError('invalid', `There is no tool ${toolName}. Use those of this conversation.`)
    if (!isRecord(args)) throw new AppError('invalid', 'The arguments are not a JSON object.')
    const found = find(toolName, args, userId)
    const names = Object.keys(tool.operations).join(', ')
    if (!found) throw new AppError('invalid', `${toolName} needs an operation, one of: ${names}.`)
    const { operation: _operation, ...rest } = args
    const parsed = found.operation.input().safeParse(tool.alone ? args : rest)
    if (parsed.success) return { ...found, arguments: parsed.data }
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`)
    throw new AppError('invalid', `The arguments of ${toolName}.${found.name} are not right: ${problems.join('; ')}.`)
  }

  /** Whether an operation is worth offering; what is offered is still decided, call by call. */
  function isOffered(
    { name }: Tool,
    operation: string,
    { attendedOnly, listedOnly }: Operation,
    offer: Offer,
  ): boolean {
    const call = { tool: name, operation }
    if (attendedOnly && !offer.attended) return false
    const named = offer.allowedTools !== null && lists(offer.allowedTools, call)
    const open = offer.allowedTools === null && !(listedOnly === true && offer.byAgent === true)
    return (named || open) && (offer.alsoAmong ?? []).every((list) => lists(list, call))
  }

  /** The schemas of all that a run may use, with no more operations than that. */
  function all(offer: Offer): ToolSchema[] {
    const further = coming
      .of(offer.userId)
      .filter((tool) => Object.entries(tool.operations).some(([name, one]) => isOffered(tool, name, one, offer)))
    return [...ofTheHouse(offer), ...further.map(({ alone }) => alone!.schema)]
  }

  function ofTheHouse(offer: Offer): ToolSchema[] {
    return schemas().flatMap((schema) => {
      const tool = schema.name === CATALOGUE ? undefined : byName.get(schema.name)
      const known = tool?.known?.(offer.userId, offer.runId)
      if (!tool || known === '') return []
      const all = Object.entries(tool.operations)
      const names = all.filter(([name, operation]) => isOffered(tool, name, operation, offer)).map(([name]) => name)
      if (names.length === 0) return []
      const own = names.length === all.length ? schema : narrowed(schema, names)
      return [known === undefined ? own : { ...own, description: `${own.description}\n${known}` }]
    })
  }

  /** What of it is sent with a question; `uses` is how often each tool was called. */
  function offered(offer: Offer, uses: () => ReadonlyMap<string, number> = () => new Map()): ToolSchema[] {
    const catalogue = schemas().find(({ name }) => name === CATALOGUE)
    return catalogue ? arranged(all(offer), catalogue, uses) : all(offer)
  }

  /** What a destination of a tool is in full; the same where the tool knows no shorter form. */
  function addressOf(toolName: string, userId: string, destination: string): string {
    return toolOf(userId, toolName)?.addressOf?.(userId, destination) ?? destination
  }

  /** `tools`: those of the house; of a user, with what comes and goes. */
  return { find, parse, all, offered, addressOf, tools: toolsOf }
}
