import type { Tool } from '../agent/tool.ts'
import { invalidField } from '../errors.ts'

/**
 * The families of tools that exist beside those of this installation: an agent may name them before they are set up, and
 * they give it nothing until then.
 */
const FAMILIES: Record<string, readonly string[]> = {
  email: ['list_emails', 'read_email', 'search', 'send_email', 'list_whitelist'],
  email_handling: [],
  telegram: ['send_message'],
  caldav: ['list_events', 'get_event', 'create_event', 'update_event', 'delete_event'],
  contacts: ['list_contacts', 'search_contacts', 'create_contact', 'update_contact'],
  brain: ['capture', 'search', 'browse', 'forget', 'stats'],
  browser: ['fetch_page', 'screenshot', 'click', 'fill', 'select', 'press', 'wait', 'read_page'],
  pushover: ['send_notification'],
  ntfy: ['send_notification'],
  webhook: ['trigger_webhook', 'send_to_target'],
  whitelist: ['list_domains', 'add_domain', 'remove_domain'],
  bash: ['execute'],
  image_gen: ['generate'],
  agent: ['ask'],
}
const OF_A_SERVER = /^mcp__[\w-]{1,100}(\.[\w-]{1,100})?$/

/**
 * Refuses what is neither a tool, nor one of its operations (`web.search`), nor of an MCP server (`mcp__files`). Throws
 * `invalid` with the path `allowed_tools.<index>`.
 */
export function checkAllowedTools(tools: readonly Tool[], wanted: readonly string[]): void {
  const known = new Map(Object.entries(FAMILIES))
  for (const tool of tools) known.set(tool.name, Object.keys(tool.operations))
  wanted.forEach((entry, index) => {
    const problem = problemOf(entry, known)
    if (problem !== undefined) throw invalidField(`allowed_tools.${index}`, problem)
  })
}

function problemOf(entry: string, known: ReadonlyMap<string, readonly string[]>): string | undefined {
  if (OF_A_SERVER.test(entry)) return undefined
  const [name = '', ...rest] = entry.split('.')
  const operations = known.get(name)
  if (!operations) return `There is no tool ${entry}. There are: ${[...known.keys()].sort().join(', ')}.`
  if (rest.length === 0 || (rest.length === 1 && operations.includes(rest[0]!))) return undefined
  return `${name} cannot do ${rest.join('.')}. It can: ${operations.join(', ') || 'only be named as a whole'}.`
}
