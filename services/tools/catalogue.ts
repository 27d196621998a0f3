import { z } from 'zod'
import type { ToolSchema } from '../agent/model.ts'
import { operation, type Operation, type Tool } from '../agent/tool.ts'
import { AppError } from '../errors.ts'
import type { Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { CATALOGUE } from './through-catalogue.ts'
import { named, quoted } from './wording.ts'

/** With more tokens of schemas than this, the less used tools stand behind the catalogue. */
const MOST_TOKENS = 900
const BYTES_A_TOKEN = 4
const MOST_FOUND = 8
const OWN: Labels = { integrity: 'owner', privacy: 'private' }

/** `offeredTo`: everything that a run may use now. */
export type CatalogueDeps = { offeredTo: (runId: string) => readonly ToolSchema[] }

/**
 * The tools that a run may use without being told of them in each question: found by words, described whole, and called
 * through it. What is called through it is decided, asked about and written down as that tool's own call
 * (services/tools/through-catalogue.ts); `call` itself never runs.
 */
export function createCatalogue({ offeredTo }: CatalogueDeps): Tool {
  const looking = {
    effect: 'read',
    destructive: false,
    attendedOnly: false,
    unlisted: true,
    yields: OWN,
    recovery: 'redo',
    inspect: () => ({}),
  } satisfies Partial<Operation>
  const find = operation<{ query: string }>({
    ...looking,
    description: 'Find tools by words',
    input: lazy(() => z.strictObject({ query: z.string().max(200) })),
    describe: ({ query }) => `Look for tools: ${quoted(query)}.`,
    run: async ({ query }, { runId }) => {
      const hits = found(offeredTo(runId), query)
      return { content: hits.map(({ name, description }) => `${name}: ${description}`).join('\n\n') || NOTHING }
    },
  })
  const describe = operation<{ name: string }>({
    ...looking,
    description: 'What a tool takes',
    input: lazy(() => z.strictObject({ name: Name() })),
    describe: ({ name }) => `Look up the tool ${quoted(name)}.`,
    run: async ({ name }, { runId }) => {
      const all = offeredTo(runId)
      const [wanted = ''] = name.split('.')
      const tool = all.find((one) => one.name === wanted)
      if (!tool) throw new AppError('not_found', `There is no tool ${quoted(name, 100)}. ${namesOf(all)}.`)
      return {
        content: `${tool.name}: ${tool.description}\n\nArguments (JSON Schema):\n${JSON.stringify(tool.inputSchema)}`,
      }
    },
  })
  const call = operation<{ name: string; arguments: Record<string, unknown> }>({
    description: 'Use a tool: its name and its arguments, operation included',
    input: lazy(() => z.strictObject({ name: Name(), arguments: z.record(z.string(), z.unknown()) })),
    effect: 'execute',
    destructive: false,
    attendedOnly: false,
    yields: { integrity: 'third_party', privacy: 'private' },
    recovery: 'ask',
    inspect: () => {
      throw new AppError('invalid', 'Call the tool itself, by its own name.')
    },
    describe: ({ name }) => `Use the tool ${quoted(name)}.`,
    run: async () => {
      throw new AppError('invalid', 'Call the tool itself, by its own name.')
    },
  })
  return { name: CATALOGUE, description: 'Further tools.', operations: { find, describe, call } }
}

const Name = lazy(() => z.string().trim().min(1).max(200))
const NOTHING = 'There is no such tool.'

/**
 * What is sent with a question: all of it while it is little, else the most used (`uses` by name; where equal, in the
 * order given) and the catalogue, which names the rest. The same as long as `uses` is, since vendors cache by it.
 */
export function arranged(
  all: readonly ToolSchema[],
  catalogue: ToolSchema,
  uses: () => ReadonlyMap<string, number>,
): ToolSchema[] {
  const sizes = new Map(all.map((schema) => [schema, tokensOf(schema)]))
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  if (total <= MOST_TOKENS) return [...all]
  const used = uses()
  const ranked = [...all].sort((a, b) => (used.get(b.name) ?? 0) - (used.get(a.name) ?? 0))
  let room = MOST_TOKENS - tokensOf(catalogue) - tokensOf(ranked.map(({ name }) => name))
  const shown = new Set<ToolSchema>()
  for (const schema of ranked) {
    const size = sizes.get(schema)!
    if (size > room) continue
    room -= size
    shown.add(schema)
  }
  const hidden = all.filter((schema) => !shown.has(schema))
  const description = `${catalogue.description}\n${namesOf(hidden)}`
  return [...all.filter((schema) => shown.has(schema)), { ...catalogue, description }]
}

/** Those that hold most of the words come first; without words, all. */
function found(all: readonly ToolSchema[], query: string): readonly ToolSchema[] {
  const words = fold(query)
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
  if (words.length === 0) return all
  const hits = all
    .map((schema) => ({ schema, score: scoreOf(fold(`${schema.name} ${schema.description}`), words) }))
    .filter(({ score }) => score > 0)
  return hits
    .sort((a, b) => b.score - a.score)
    .slice(0, MOST_FOUND)
    .map(({ schema }) => schema)
}

const scoreOf = (text: string, words: readonly string[]): number => words.filter((word) => text.includes(word)).length
const fold = (text: string): string => text.normalize('NFKC').toLowerCase()
const namesOf = (all: readonly ToolSchema[]): string =>
  named(
    'There are',
    all.map(({ name }) => name),
  ) || NOTHING
const tokensOf = (value: unknown): number => Math.ceil(Buffer.byteLength(JSON.stringify(value)) / BYTES_A_TOKEN)
