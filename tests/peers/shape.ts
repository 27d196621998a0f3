/**
 * What an answer looks like, to the letter: a word for each kind of value (a `?` after it: or null), `[shape]` for a bare list
 * of at least one such thing, an object for exactly these fields (a `?` after a name: may be left out), a regular expression for a
 * text, and `exactly(value)`.
 */
export type Shape = Kind | `${Kind}?` | RegExp | readonly [Shape] | Exactly | { readonly [name: string]: Shape }
type Kind = 'text' | 'number' | 'flag' | 'time' | 'id' | 'anything'
type Exactly = { readonly exactly: unknown }

export const exactly = (value: unknown): Exactly => ({ exactly: value })

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const KINDS: Record<Kind, (value: unknown) => boolean> = {
  text: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  flag: (value) => typeof value === 'boolean',
  time: (value) =>
    typeof value === 'string' && Number.isFinite(Date.parse(value)) && new Date(value).toISOString() === value,
  id: (value) => typeof value === 'string' && UUID_V7.test(value),
  anything: () => true,
}

/** Where a value is not of a shape, each place in a line. */
export function misfits(shape: Shape, value: unknown, at = 'it'): string[] {
  if (typeof shape === 'string') return ofKind(shape, value) ? [] : [`${at} is no ${shape}: ${JSON.stringify(value)}`]
  if (shape instanceof RegExp)
    return typeof value === 'string' && shape.test(value) ? [] : [`${at} is not ${shape}: ${JSON.stringify(value)}`]
  if ('exactly' in shape && Object.keys(shape).length === 1)
    return JSON.stringify(value) === JSON.stringify(shape.exactly)
      ? []
      : [`${at} is not ${JSON.stringify(shape.exactly)}: ${JSON.stringify(value)}`]
  if (Array.isArray(shape)) return ofList(shape[0] as Shape, value, at)
  return ofFields(shape as Record<string, Shape>, value, at)
}

function ofKind(kind: string, value: unknown): boolean {
  if (kind.endsWith('?')) return value === null || ofKind(kind.slice(0, -1), value)
  return KINDS[kind as Kind](value)
}

function ofList(item: Shape, value: unknown, at: string): string[] {
  if (!Array.isArray(value) || value.length === 0)
    return [`${at} is no list with something in it: ${JSON.stringify(value)}`]
  return value.flatMap((one, index) => misfits(item, one, `${at}[${index}]`))
}

function ofFields(fields: Record<string, Shape>, value: unknown, at: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [`${at} is no object: ${JSON.stringify(value)}`]
  const known = new Map(Object.entries(fields).map(([name, shape]) => [name.replace(/\?$/, ''), shape]))
  const strange = Object.keys(value).filter((name) => !known.has(name))
  const missing = Object.keys(fields).filter((name) => !name.endsWith('?') && !(name in value))
  return [
    ...strange.map((name) => `${at} has a field ${name}`),
    ...missing.map((name) => `${at} has no field ${name}`),
    ...Object.entries(value).flatMap(([name, one]) =>
      known.has(name) ? misfits(known.get(name)!, one, `${at}.${name}`) : [],
    ),
  ]
}
