import { createHash } from 'node:crypto'
import { visible } from '../policy/sanitize.ts'
import { isRecord } from '../shapes/record.ts'

/** A tool as its server described it, made fit to be read; `problem`: why it cannot be offered. */
export type Definition = {
  description: string
  inputSchema: Record<string, unknown>
  /** Characters that nobody sees were taken out, or a text was cut. */
  cleaned: boolean
  problem: string | null
}

export type Offered = { remoteName: string; definition: Definition; hash: string }

const MOST_DESCRIPTION = 1_000
const MOST_TEXT = 400
const MOST_SCHEMA_BYTES = 16 * 1024
const MOST_DEPTH = 12
const MOST_NAME = 200
const PROPERTY = /^[A-Za-z0-9_.-]{1,64}$/
const EMPTY = { type: 'object', properties: {} }

type Told = { name: string; description?: string | undefined; inputSchema: unknown }

/**
 * What a server says of a tool. The hash is of everything it said, hidden characters included, so that no change escapes;
 * what is shown and sent to models is cleaned and capped.
 */
export function offeredFrom({ name, description = '', inputSchema }: Told): Offered {
  const schema = isRecord(inputSchema) ? inputSchema : EMPTY
  const problem = problemOf(name, schema)
  const kept = problem === null ? (cleanedSchema(schema) as Record<string, unknown>) : EMPTY
  const text = cut(visible(description).trim(), MOST_DESCRIPTION)
  const cleaned = text !== description.trim() || (problem === null && canonical(kept) !== canonical(schema))
  return {
    remoteName: name,
    definition: { description: text, inputSchema: kept, cleaned, problem },
    hash: createHash('sha256').update(canonical({ name, description, inputSchema })).digest('hex'),
  }
}

function problemOf(name: string, schema: Record<string, unknown>): string | null {
  if (name.length > MOST_NAME || visible(name) !== name) return 'Its name is too long or holds characters nobody sees.'
  if (depthOf(schema) > MOST_DEPTH) return `Its input schema is more than ${MOST_DEPTH} levels deep.`
  if (Buffer.byteLength(JSON.stringify(schema)) > MOST_SCHEMA_BYTES)
    return `Its input schema is larger than ${MOST_SCHEMA_BYTES / 1024} KiB.`
  if (schema.type !== 'object') return 'Its input schema is not one of an object.'
  const names = Object.keys(isRecord(schema.properties) ? schema.properties : {})
  return names.every((one) => PROPERTY.test(one)) ? null : 'An argument has a name that models cannot write.'
}

/** @NOTE stops looking a little below what is allowed, so that depth itself is no attack. */
function depthOf(value: unknown, above = 0): number {
  if (typeof value !== 'object' || value === null || above > MOST_DEPTH) return above
  return Math.max(above + 1, ...Object.values(value).map((one) => depthOf(one, above + 1)))
}

function cleanedSchema(value: unknown): unknown {
  if (typeof value === 'string') return cut(visible(value), MOST_TEXT)
  if (Array.isArray(value)) return value.map(cleanedSchema)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (key === '$schema' ? [] : [[visible(key), cleanedSchema(one)]])),
  )
}

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`.toWellFormed()

/** JSON with the keys of every object in order: the same for whoever means the same. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    isRecord(one) ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one,
  )
}
