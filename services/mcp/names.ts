import { createHash } from 'node:crypto'

/** Vendors take no longer names of tools. */
const MOST_CHARS = 64
const HASH_CHARS = 6

/** The name of a server as models see it within those of its tools: no underscore, so that it is known where it ends. */
export const SERVER_NAME = /^[a-z][a-z0-9-]{0,23}$/

/** What names every tool of a server in `allowed_tools`. */
export const serverPrefix = (server: string): string => `mcp__${server}`

/**
 * The name by which models call a server's tool: `mcp__server__tool`, with characters that vendors refuse replaced, and cut
 * where it is too long; what would then be the name of another one ends in a hash.
 */
export function toolName(server: string, remote: string, taken: ReadonlySet<string>): string {
  const prefix = `${serverPrefix(server)}__`
  const plain = remote.replace(/[^\w-]/g, '_')
  const whole = `${prefix}${plain}`
  if (plain !== '' && whole.length <= MOST_CHARS && !taken.has(whole)) return whole
  const hash = createHash('sha256').update(remote).digest('hex').slice(0, HASH_CHARS)
  return `${whole.slice(0, MOST_CHARS - HASH_CHARS - 1)}_${hash}`
}
