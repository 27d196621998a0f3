import { z } from 'zod'
import { lazy } from './lazy.ts'

export const MEMORY_KINDS = ['fact', 'preference', 'person', 'task', 'note'] as const
export type MemoryKind = (typeof MEMORY_KINDS)[number]

export const MEMORY_TEXT_LENGTH = 4_000
export const MEMORY_TAGS = 20

export const MemoryKindShape = lazy(() => z.enum(MEMORY_KINDS))
export const MemoryText = lazy(() => z.string().trim().min(1, 'Write what to keep in mind').max(MEMORY_TEXT_LENGTH))
export const MemoryTags = lazy(() => z.array(z.string().trim().min(1).max(64)).max(MEMORY_TAGS))

/** What a run was told from memory without asking. */
export type Recalled = { id: string; kind: MemoryKind; text: string }

/** How an entry stands in a prompt. */
export const lineOf = ({ kind, text }: Pick<Recalled, 'kind' | 'text'>): string => `- ${kind}: ${text}`
