import { createHash } from 'node:crypto'
import { z } from 'zod'
import { operation, type Operation, type Reach, type Tool, type ToolOutcome } from '../agent/tool.ts'
import type { Memory } from '../memory/entries.ts'
import type { Brain } from '../memory/memory.ts'
import { statsOf } from '../memory/stats.ts'
import { joinLabels, type Labels } from '../shapes/labels.ts'
import { lazy } from '../shapes/lazy.ts'
import { MEMORY_KINDS, MemoryKindShape, MemoryTags, MemoryText, type MemoryKind } from '../shapes/memory.ts'
import { escapedName, quoted } from './wording.ts'

const OWN: Labels = { integrity: 'owner', privacy: 'private' }
const WORST: Labels = { integrity: 'third_party', privacy: 'private' }
const FOUND = 8
const BROWSED = 20

type Capture = { text: string; kind?: MemoryKind | undefined; tags?: string[] | undefined }

/** Long-term memory. What is kept has the labels of the run that kept it, and gives them to whoever reads it. */
export function createBrainTool({ memories, settings, search }: Pick<Brain, 'memories' | 'settings' | 'search'>): Tool {
  const reading = {
    effect: 'read',
    destructive: false,
    attendedOnly: false,
    yields: WORST,
    recovery: 'redo',
    inspect: () => ({}),
  } satisfies Partial<Operation>

  const capture = operation<Capture>({
    description: 'Remember a fact about the owner or their world, in one sentence that stands by itself',
    input: lazy(() =>
      z.strictObject({ text: MemoryText(), kind: MemoryKindShape().optional(), tags: MemoryTags().optional() }),
    ),
    effect: 'write',
    destructive: false,
    attendedOnly: false,
    yields: OWN,
    recovery: 'verify',
    verify: async (_args, { callId }) => (memories.ofCall(callId) ? 'done' : 'not_done'),
    inspect: (_args, userId) => (settings.get(userId).brain_auto_approve ? { agreed: true } : {}),
    describe: ({ text, kind = 'note' }) => `Keep in mind (${kind}): ${quoted(text, 500)}.`,
    run: async (args, { userId, runId, callId, labels }) => {
      const by = { userId, name: `run:${runId}` }
      const { memory, isNew } = memories.create(userId, args, { labels, source: 'run', by, runId, callId })
      const words = isNew ? 'Kept in mind' : 'That was in mind already'
      return { content: `${words}, as ${memory.id}.`, summary: `${words}: ${memory.text}` }
    },
  })

  const find = operation<{ query: string; limit?: number | undefined }>({
    ...reading,
    description: 'Search memory by words',
    input: lazy(() =>
      z.strictObject({ query: z.string().trim().min(1).max(500), limit: z.number().int().min(1).max(50).optional() }),
    ),
    describe: ({ query }) => `Look in memory for ${quoted(query)}.`,
    run: async ({ query, limit = FOUND }, { userId, signal }) => {
      const { found, note } = await search(userId, query, { aliveAt: memories.now() }, limit, signal)
      return told(found, found.length === 0 ? 'Nothing in memory fits that.' : '', note)
    },
  })

  const browse = operation<{ kind?: MemoryKind | undefined; tag?: string | undefined; offset?: number | undefined }>({
    ...reading,
    description: `List memory, the newest first, ${BROWSED} at a time`,
    input: lazy(() =>
      z.strictObject({
        kind: MemoryKindShape().optional(),
        tag: z.string().trim().min(1).max(64).optional(),
        offset: z.number().int().min(0).max(100_000).optional(),
      }),
    ),
    describe: () => 'Look through memory.',
    run: async ({ kind, tag, offset = 0 }, { userId }) => {
      const { items, total } = memories.browse(userId, { kind, tag }, offset, BROWSED)
      const rest = total - offset - items.length
      const more = rest > 0 ? `${rest} more: browse with offset ${offset + items.length}.` : undefined
      return told(items, items.length === 0 ? 'There is nothing in memory here.' : '', more)
    },
  })

  const forget = operation<{ id: string }>({
    description: 'Delete one memory by its id',
    input: lazy(() => z.strictObject({ id: z.string().min(1).max(64) })),
    effect: 'write',
    destructive: true,
    attendedOnly: false,
    yields: OWN,
    recovery: 'verify',
    verify: async ({ id }, { userId }) => (memories.has(userId, id) ? 'not_done' : 'done'),
    inspect: ({ id }, userId): Reach => ({ pins: [fingerprint(memories.get(userId, id))] }),
    describe: ({ id }, userId) =>
      memories.has(userId, id)
        ? `Forget for good: ${quoted(memories.get(userId, id).text, 500)}.`
        : `Forget the memory ${quoted(id, 64)}, which is not there.`,
    run: async ({ id }, { userId, runId }) => {
      memories.remove(userId, id, { userId, name: `run:${runId}` })
      return { content: 'Forgotten.', summary: 'Forgot one memory' }
    },
  })

  const stats = operation<Record<string, never>>({
    ...reading,
    description: 'How much is in memory',
    input: lazy(() => z.strictObject({})),
    yields: OWN,
    describe: () => 'Count what is in memory.',
    run: async (_args, { userId }) => {
      const { total, pinned, by_kind } = statsOf(memories.counts(userId))
      const kinds = MEMORY_KINDS.map((kind) => `${kind} ${by_kind[kind]}`).join(', ')
      return { content: `${total} memories, ${pinned} pinned: ${kinds}.` }
    },
  })

  return {
    name: 'brain',
    description: 'Long-term memory.',
    operations: { capture, search: find, browse, forget, stats },
  }
}

/** What an approval to forget is bound to: another text under the same id is another one. */
function fingerprint({ id, text }: Memory): string {
  return `${id}#${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}

function told(entries: readonly Memory[], nothing: string, note: string | undefined): ToolOutcome {
  const labels = entries.reduce<Labels>((all, one) => joinLabels(all, { ...one }), OWN)
  const lines = entries.map(lineFor)
  const content = [...(nothing === '' ? [] : [nothing]), ...lines, ...(note === undefined ? [] : [`(${note})`])]
  const others = entries.filter(({ integrity }) => integrity === 'third_party').length
  const source = others > 0 ? `memory: ${others} of what was kept after reading others` : undefined
  return {
    content: content.join('\n'),
    summary: entries.length === 1 ? '1 memory' : `${entries.length} memories`,
    labels,
    ...(source === undefined ? {} : { source }),
  }
}

function lineFor({ id, kind, text, tags, pinned, createdAt, integrity }: Memory): string {
  const marks = [
    kind,
    createdAt.slice(0, 10),
    ...(pinned ? ['pinned'] : []),
    ...(tags.length > 0 ? [`tags ${tags.map(escapedName).join(', ')}`] : []),
    ...(integrity === 'third_party' ? ['not the owner’s own words'] : []),
  ]
  return `[${id}] (${marks.join('; ')}) ${text}`
}
