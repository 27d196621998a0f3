import type { Audit, Actor } from './audit.ts'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import { createMasking } from './policy/masking.ts'
import type { Secret } from './policy/encodings.ts'
import { SHORTEST_NEEDLE } from './policy/needles.ts'
import type { Vault } from './vault.ts'

/** The keys Steward itself looks for. Other keys are the owner's own and are kept as well. */
export const CREDENTIAL_KINDS = [
  {
    key: 'system:anthropic_api_key',
    label: 'Anthropic API key',
    description: 'Lets Steward use the Claude models. Made at console.anthropic.com.',
  },
  {
    key: 'system:openrouter_api_key',
    label: 'OpenRouter API key',
    description: 'Lets Steward use the models of openrouter.ai.',
  },
  {
    key: 'system:openai_api_key',
    label: 'OpenAI API key',
    description: 'Lets Steward use the models of OpenAI, or of the service OPENAI_BASE_URL names.',
  },
  {
    key: 'system:ollama_base_url',
    label: 'Ollama address',
    description: 'Where Ollama listens, like http://127.0.0.1:11434. Needs no key.',
  },
  {
    key: 'system:brave_api_key',
    label: 'Brave Search API key',
    description: 'Searches with Brave instead of DuckDuckGo.',
  },
  {
    key: 'system:searxng_url',
    label: 'SearXNG address',
    description: 'Searches with your own SearXNG (its JSON format must be on). Goes before Brave.',
  },
] as const

export type CredentialEntry = { key: string; description: string; updated_at: string }

export type Credentials = ReturnType<typeof createCredentials>

const ADDRESSES = new Set(['system:ollama_base_url', 'system:searxng_url'])

const ENVIRONMENT: Actor = { userId: null, name: 'system' }

/**
 * Secrets of the house, sealed at rest. Lists never hold values; `read` is for the owner's eyes and is audited; `find` is
 * for the moment of use. `mask` replaces every known value in a text by the name of its key (services/masking.ts).
 */
export function createCredentials({ db, now, vault, audit }: Deps & { vault: Vault; audit: Pick<Audit, 'record'> }) {
  const rows = db.prepare<[], CredentialEntry>('SELECT key, description, updated_at FROM credentials ORDER BY key')
  const sealedOf = db.prepare<[string], { sealed: string; description: string }>(
    'SELECT sealed, description FROM credentials WHERE key = ?',
  )
  const put = db.prepare(
    `INSERT INTO credentials (key, sealed, description, created_at, updated_at) VALUES (@key, @sealed, @description, @at, @at)
     ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed, description = excluded.description, updated_at = excluded.updated_at`,
  )
  const remove = db.prepare('DELETE FROM credentials WHERE key = ?')
  const adopted = db.prepare<[string], { one: number }>('SELECT 1 AS one FROM settings WHERE name = ?')
  const noteAdopted = db.prepare(`INSERT INTO settings (name, value, updated_at) VALUES (?, 'true', ?)`)
  const listeners = new Set<(key: string) => void>()
  let opened: Map<string, string> | undefined
  const masking = createMasking()
  const valuesChanged = masking.add(() => [...values()].filter(isSecret))

  const place = (key: string) => ({ table: 'credentials', row: key, field: 'value' })

  function values(): Map<string, string> {
    opened ??= new Map(rows.all().flatMap(({ key }) => readable(key)))
    return opened
  }

  /** One row that cannot be opened must not take the others along. */
  function readable(key: string): [string, string][] {
    try {
      return [[key, vault.open(sealedOf.get(key)!.sealed, place(key))]]
    } catch {
      return []
    }
  }

  function changed(key: string): void {
    opened = undefined
    valuesChanged()
    for (const listener of listeners) listener(key)
  }

  function write(key: string, value: string, description: string): void {
    put.run({ key, sealed: vault.seal(value, place(key)), description, at: now().toISOString() })
    db.afterCommit(() => changed(key))
  }

  return {
    list: (): CredentialEntry[] => rows.all(),
    find: (key: string): string | undefined => values().get(key),

    read(key: string, by: Actor): { key: string; value: string; description: string } {
      const row = sealedOf.get(key)
      if (!row) throw new AppError('not_found', `There is no credential named ${key}.`)
      audit.record({ kind: 'credential', action: 'shown', subject: key, by })
      return { key, value: vault.open(row.sealed, place(key)), description: row.description }
    },

    set(draft: { key: string; value: string; description?: string | undefined }, by: Actor): void {
      db.transact(() => {
        write(draft.key, draft.value, describe(draft) ?? sealedOf.get(draft.key)?.description ?? '')
        audit.record({ kind: 'credential', action: 'set', subject: draft.key, by })
      })
    },

    remove(key: string, by: Actor): void {
      db.transact(() => {
        if (remove.run(key).changes === 0) throw new AppError('not_found', `There is no credential named ${key}.`)
        audit.record({ kind: 'credential', action: 'removed', subject: key, by })
        db.afterCommit(() => changed(key))
      })
    },

    /** Takes keys from the environment into the vault, each once: never over a value, nor after it was removed here. */
    adopt(fromEnvironment: Record<string, string | undefined>): void {
      db.transact(() => {
        for (const [key, value] of Object.entries(fromEnvironment)) {
          if (value === undefined || sealedOf.get(key) || adopted.get(`adopted:${key}`)) continue
          noteAdopted.run(`adopted:${key}`, now().toISOString())
          write(key, value, 'Copied from the environment at first start')
          audit.record({ kind: 'credential', action: 'set', subject: key, by: ENVIRONMENT })
        }
      })
    },

    mask: masking.mask,
    maskValue: masking.maskValue,
    maskedJson: masking.maskedJson,
    maskedText: masking.maskedText,
    secrets: masking.secrets,

    /** Secrets kept elsewhere are masked too. The answer is to be called whenever they change. */
    alsoMask: masking.add,

    onChange: (listener: (key: string) => void): void => void listeners.add(listener),
  }
}

/** Nobody means to write the value into its own description. */
function describe({ key, value, description }: { key: string; value: string; description?: string | undefined }) {
  return value.length < SHORTEST_NEEDLE ? description : description?.replaceAll(value, () => `[${key}]`)
}

/** Where a service listens is no secret, unless a password stands in the address. */
function isSecret([key, value]: Secret): boolean {
  return !ADDRESSES.has(key) || /\/\/[^/]*@/.test(value)
}
