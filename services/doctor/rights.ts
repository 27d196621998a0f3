import { isLoopback } from '../config.ts'
import { about, type Check, type Records } from './finding.ts'

const UNUSED_DAYS = 90
const MANY_DESTINATIONS = 3
const MANY_A_DAY = 50
const DAY_MS = 24 * 3600_000

type Key = { name: string; prefix: string; input: string; usedAt: string; endless: number; strong: number }

/** API keys that are worth stealing and easy to forget. */
export const apiKeys: Check<Records> = ({ rows, now }) => {
  const keys = rows<Key>(
    `SELECT name, prefix, input, coalesce(last_used_at, created_at) AS usedAt, expires_at IS NULL AS endless,
       EXISTS (SELECT 1 FROM json_each(scopes) WHERE value IN ('admin', 'approve')) AS strong
     FROM api_keys WHERE expires_at IS NULL OR expires_at > ? ORDER BY name`,
    now.toISOString(),
  )
  const since = new Date(now.getTime() - UNUSED_DAYS * DAY_MS).toISOString()
  const those = (fits: (key: Key) => boolean) => keys.filter(fits).map(({ name, prefix }) => `"${name}" (${prefix})`)
  return [
    ...about(
      those(({ strong, endless }) => strong === 1 && endless === 1),
      {
        id: 'keys-endless',
        severity: 'warning',
        title: 'API keys that may administer or approve never end.',
        detail: (list) => `${list}.`,
        fix: 'Make keys with an end, or with fewer scopes, under Settings, API keys, and remove these.',
      },
    ),
    ...about(
      those(({ usedAt }) => usedAt < since),
      {
        id: 'keys-unused',
        severity: 'warning',
        title: `API keys have not been used for ${UNUSED_DAYS} days.`,
        detail: (list) => `${list}.`,
        fix: 'Remove them under Settings, API keys.',
      },
    ),
    ...about(
      those(({ input }) => input === 'owner'),
      {
        id: 'keys-owner-input',
        severity: 'info',
        title: 'What comes in by some API keys counts as your own words.',
        detail: (list) => `${list}.`,
        fix: 'Make sure that their scripts pass on nothing that others wrote; else make keys without input: owner.',
      },
    ),
  ]
}

/** Administrators whom a password alone lets in, where others can reach the page. */
export const oneFactor: Check<Records> = ({ rows, config }) => {
  const reachable = !isLoopback(config.host) || (config.publicUrl && !isLoopback(config.publicUrl.hostname))
  if (!reachable) return []
  const admins = rows<{ username: string }>(
    `SELECT username FROM users u WHERE role = 'admin' AND is_active = 1 AND totp_active = 0
       AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id) ORDER BY username`,
  )
  return about(
    admins.map(({ username }) => username),
    {
      id: 'admin-one-factor',
      severity: 'warning',
      title: 'A password alone lets an administrator in, and Steward can be reached from beyond this machine.',
      detail: (list) => `${list}: neither two-factor sign-in nor a passkey.`,
      fix: 'Turn two-factor sign-in on, or add a passkey, under Settings, Account.',
    },
  )
}

/** Agents that may use every tool and start by themselves. */
export const agents: Check<Records> = ({ rows }) => {
  const found = rows<{ name: string }>(
    `SELECT a.name FROM agents a JOIN schedules s ON s.id = a.id
     WHERE a.deleted_at IS NULL AND a.enabled = 1 AND a.allowed_tools IS NULL AND s.next_at IS NOT NULL
     UNION ALL
     SELECT t.name FROM tasks t JOIN schedules s ON s.id = t.id LEFT JOIN agents a ON a.id = t.agent_id
     WHERE t.deleted_at IS NULL AND t.enabled = 1 AND t.allowed_tools IS NULL AND a.allowed_tools IS NULL
       AND s.next_at IS NOT NULL ORDER BY 1`,
  )
  return about(
    found.map(({ name }) => `"${name}"`),
    {
      id: 'agents-all-tools',
      severity: 'warning',
      title: 'Agents or tasks start by themselves with every tool.',
      detail: (list) => `${list}.`,
      fix: 'Name the tools that each needs, in its settings.',
    },
  )
}

type Grant = {
  operation: string
  whose: string
  strangers: number
  destinations: number
  perDay: number
  endless: number
}

/** Grants (standing yeses) that cover much. */
export const grants: Check<Records> = ({ rows, now }) => {
  const found = rows<Grant>(
    `SELECT g.operation, coalesce(a.name, 'a conversation') AS whose, g.after_third_party AS strangers,
       json_array_length(g.destinations) + json_array_length(g.paths) AS destinations, g.per_day AS perDay,
       g.expires_at IS NULL AND g.agent_id IS NOT NULL AS endless
     FROM grants g LEFT JOIN agents a ON a.id = g.agent_id
     WHERE (g.expires_at IS NULL OR g.expires_at > ?) AND a.deleted_at IS NULL ORDER BY g.id`,
    now.toISOString(),
  )
  const those = (fits: (grant: Grant) => boolean) =>
    found.filter(fits).map(({ operation, whose }) => `${operation} of ${whose}`)
  const fix = 'Narrow or revoke them under Settings, Grants.'
  return [
    ...about(
      those(({ strangers, destinations }) => strangers === 1 && destinations > MANY_DESTINATIONS),
      {
        id: 'grants-wide',
        severity: 'warning',
        title: 'Grants hold for many places, also after reading what others wrote.',
        detail: (list) => `${list}.`,
        fix,
      },
    ),
    ...about(
      those(({ perDay }) => perDay > MANY_A_DAY),
      {
        id: 'grants-many',
        severity: 'warning',
        title: `Grants hold more than ${MANY_A_DAY} times a day.`,
        detail: (list) => `${list}.`,
        fix,
      },
    ),
    ...about(
      those(({ endless }) => endless === 1),
      {
        id: 'grants-endless',
        severity: 'info',
        title: 'Grants have no end.',
        detail: (list) => `${list}.`,
        fix,
      },
    ),
  ]
}
