import type { Deps } from './deps.ts'

/** What the owner can set about the house, with the value that holds until somebody sets it. */
const DEFAULTS = {
  paused: false as boolean,
  default_model: null as string | null,
  default_provider: null as string | null,
  max_tool_calls: 20 as number,
  max_concurrent_runs: 3 as number,
  max_concurrent_chats: 32 as number,
  max_autonomous_runs_per_hour: 10 as number,
  daily_budget_usd: null as number | null,
  monthly_budget_usd: null as number | null,
  approval_timeout_chat_s: 15 * 60,
  approval_timeout_unattended_s: 24 * 60 * 60,
  max_result_chars: 50_000 as number,
  flow_guard: true as boolean,
  sanitize_enhanced: false as boolean,
  canary: false as boolean,
  llm_screen: false as boolean,
  llm_screen_model: null as string | null,
  output_validation: true as boolean,
  shell_without_sandbox: false as boolean,
  audit_retention_days: null as number | null,
  transcripts_days: null as number | null,
  events_days: 30 as number | null,
  trash_days: 30 as number | null,
  notifications_days: 90 as number | null,
  deliveries_days: 365 as number | null,
  occurrences_days: 365 as number | null,
  max_upload_bytes: 1024 ** 3,
  backup_enabled: true as boolean,
  /** HH:MM in the house's time zone. */
  backup_time: '03:30' as string,
  backup_keep_daily: 7 as number,
  backup_keep_weekly: 4 as number,
  /** Which rules of a mail account count for a mail that fits several. */
  mail_match: 'first' as 'first' | 'all',
  /** How often folders are asked that nothing is announced of. */
  mail_poll_s: 60 as number,
  /** How long a mail server may be silent. */
  mail_deadline_s: 75 as number,
  /** Of a larger mail only the beginning is read. */
  mail_max_bytes: 25 * 1024 ** 2,
  /** Where Chromium is; null looks in the usual places. */
  browser_path: null as string | null,
  browser_enabled: true as boolean,
  /** Providers that may not be told what is private. */
  public_only_providers: [] as string[],
  /** provider:model that memory is also searched with; it is told all of it. */
  embedding_model: null as string | null,
}

export type SettingValues = typeof DEFAULTS
export type Settings = ReturnType<typeof createSettings>

/** What is set in a database, read with whatever reads it; what nobody set has its first value. */
export function readSettings(rows: <T>(sql: string) => T[]): SettingValues {
  const stored = rows<{ name: string; value: string }>('SELECT name, value FROM settings')
  const known = stored.filter((row) => Object.hasOwn(DEFAULTS, row.name))
  return { ...DEFAULTS, ...Object.fromEntries(known.map((row) => [row.name, JSON.parse(row.value)])) }
}

/** Reads are from memory; `change` writes first and then is seen by every reader. */
export function createSettings({ db, now }: Deps) {
  const put = db.prepare(
    `INSERT INTO settings (name, value, updated_at) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
  )
  const current = readSettings((sql) => db.prepare(sql).all() as never)
  const listeners = new Set<(changed: Partial<SettingValues>) => void>()

  return {
    get: <K extends keyof SettingValues>(name: K): SettingValues[K] => current[name],
    change(values: Partial<SettingValues>): void {
      db.transact(() => {
        for (const [name, value] of Object.entries(values)) put.run(name, JSON.stringify(value), now().toISOString())
        db.afterCommit(() => {
          Object.assign(current, values)
          for (const listener of listeners) listener(values)
        })
      })
    },

    /** Told after every change, with what was changed. */
    onChange: (listener: (changed: Partial<SettingValues>) => void): void => void listeners.add(listener),
  }
}
