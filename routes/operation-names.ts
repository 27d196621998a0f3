import type { Endpoint } from './endpoint.ts'

/** Words of a path that say where something is kept, not what it is. */
const PLACES = new Set(['api', 'my', 'admin', 'auth'])

/**
 * What a generated client calls an operation: `listAgents`, `createAgent`, `getAgent`, `updateAgent`, `deleteAgent`,
 * `runAgent`. An endpoint whose name would not read well says its own.
 */
export function operationName({ operationId, method, path, creates }: Endpoint, isList: boolean): string {
  if (operationId !== undefined) return operationId
  const nouns = nounsOf(path)
  const name = nouns.join('')
  if (method === 'get') return `${isList ? 'list' : 'get'}${name}`
  if (method === 'put' || method === 'patch') return `update${name}`
  if (method === 'delete') return `delete${name}`
  if (path.startsWith('/api/settings/')) return `update${name}`
  if (creates && !/\}\/[^/{]+$/.test(path)) return `create${singular(name)}`
  const [verb = ''] = nouns.splice(-1)
  return lowered(verb) + nouns.join('')
}

function nounsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '')
  const literal = parts.flatMap((part, at) => {
    if (part.startsWith('{') || PLACES.has(part)) return []
    return [parts[at + 1]?.startsWith('{') ? singular(pascal(part)) : pascal(part)]
  })
  return literal
}

const pascal = (part: string): string =>
  part
    .split(/[._-]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')

export const singular = (noun: string): string => noun.replace(/ies$/, 'y').replace(/([^s])s$/, '$1')

const lowered = (word: string): string => word.charAt(0).toLowerCase() + word.slice(1)
