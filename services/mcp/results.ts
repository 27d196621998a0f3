import type { CallToolResult } from '@modelcontextprotocol/client'
import { isRecord } from '../shapes/record.ts'
import { quoted } from '../tools/wording.ts'

const MOST_CHARS = 200_000

/** What a tool answered, as text: pictures and sounds are named, links are shown and not followed. */
export function textOf({ content, structuredContent }: Pick<CallToolResult, 'content' | 'structuredContent'>): string {
  const parts = (content ?? []).map(partOf).filter((text) => text !== '')
  const text =
    parts.length === 0 && structuredContent !== undefined ? JSON.stringify(structuredContent) : parts.join('\n')
  if (text === '') return '[It answered with nothing.]'
  return text.length <= MOST_CHARS
    ? text
    : `${text.slice(0, MOST_CHARS)}\n[Cut here: the answer has ${text.length} characters.]`
}

function partOf(part: CallToolResult['content'][number]): string {
  if (part.type === 'text') return part.text
  if (part.type === 'resource_link') return `[Link ${quoted(part.name)}: ${part.uri}]`
  if (part.type === 'resource') return resourceOf(part.resource)
  if (part.type === 'image' || part.type === 'audio') return `[${part.type}, ${part.mimeType}, ${sizeOf(part.data)}]`
  return ''
}

function resourceOf(resource: unknown): string {
  if (!isRecord(resource)) return ''
  if (typeof resource.text === 'string') return resource.text
  const size = typeof resource.blob === 'string' ? `, ${sizeOf(resource.blob)}` : ''
  return `[Resource ${String(resource.uri)}${size}]`
}

const sizeOf = (base64: string): string => `${Math.ceil((base64.length * 3) / 4 / 1024)} KiB`
