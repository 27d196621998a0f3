import type { Audit, Actor } from './audit.ts'
import type { Deps } from './deps.ts'
import { AppError } from './errors.ts'
import { isRecord } from './shapes/record.ts'
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

const ENVIRONMENT: Actor = { userId: null, name: 'system' }

/** Shorter values would be masked out of ordinary words. */
const SHORTEST_MASKED = 8

/**
 * Secrets of the house, sealed at rest. Lists never hold values; `read` is for the owner's eyes and is audited; `find` is
 * for the moment of use. `mask` replaces every known value (8 characters and more) in a text, also inside JSON, by the name
 * of its key.
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
  let forms: { form: string; name: string }[] | undefined
  const others = new Set<() => Iterable<[name: string, value: string]>>()

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

  /** What to mask, as it is and as JSON writes it; the longest first, so that no rest of a longer value stays. */
  function maskedForms(): { form: string; name: string }[] {
    forms ??= [...values(), ...[...others].flatMap((source) => [...source()])]
      .filter(([, value]) => value.length >= SHORTEST_MASKED)
      .flatMap(([key, value]) =>
        [value, JSON.stringify(value).slice(1, -1)].map((form) => ({ form, name: `[${key}]` })),
      )
      .sort((a, b) => b.form.length - a.form.length)
    return forms
  }

  function mask(text: string): string {
    let masked = text
    for (const { form, name } of maskedForms()) masked = masked.replaceAll(form, () => name)
    return masked
  }

  function maskValue(value: unknown): unknown {
    if (typeof value === 'string') return mask(value)
    if (typeof value === 'number') return mask(String(value)) === String(value) ? value : mask(String(value))
    if (Array.isArray(value)) return value.map(maskValue)
    if (!isRecord(value)) return value ?? null
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [mask(name), maskValue(inner)]))
  }

  function changed(key: string): void {
    opened = undefined
    forms = undefined
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
        write(draft.key, draft.value, draft.description ?? sealedOf.get(draft.key)?.description ?? '')
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

    mask,
    maskValue,

    /** Secrets kept elsewhere are masked too. The answer is to be called whenever they change. */
    alsoMask(source: () => Iterable<[name: string, value: string]>): () => void {
      others.add(source)
      forms = undefined
      return () => void (forms = undefined)
    },

    onChange: (listener: (key: string) => void): void => void listeners.add(listener),
  }
}
