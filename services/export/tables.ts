/**
 * Every table of db/schema.sql, and what of it goes into the export of a user's data. tests/export.test.ts holds this list
 * against the schema: a new table, or a new column that could hold a secret, has to be decided on here.
 */
export type Exported = {
  /** Which rows are the user's; `@user` is their id. */
  where: string
  /** Columns that are left out: secrets, hashes, and what only a machine understands. */
  without?: readonly string[]
  /** Belongs to the house: only in the export of an administrator. */
  admin?: true
}

const OWN = { where: 'user_id = @user' } as const
const OF_RUNS = { where: 'run_id IN (SELECT id FROM runs WHERE user_id = @user)' } as const
const HOUSE = { where: '1', admin: true } as const

export const EXPORTED: Record<string, Exported> = {
  users: { where: 'id = @user', without: ['password_hash', 'totp_sealed', 'totp_last_step'] },
  passkeys: { ...OWN, without: ['credential_id', 'public_key', 'counter'] },
  api_keys: { ...OWN, without: ['key_hash'] },
  personalities: OWN,
  conversations: OWN,
  runs: OWN,
  steps: OF_RUNS,
  attachments: { ...OF_RUNS, without: ['data'] },
  step_pictures: { ...OF_RUNS, without: ['data'] },
  prompts: { where: 'hash IN (SELECT system_prompt FROM runs WHERE user_id = @user)' },
  approvals: { ...OWN, without: ['arguments_hash'] },
  grants: OWN,
  grant_uses: { where: 'grant_id IN (SELECT id FROM grants WHERE user_id = @user)' },
  events: OWN,
  agents: OWN,
  tasks: OWN,
  schedules: OWN,
  occurrences: { where: 'schedule_id IN (SELECT id FROM schedules WHERE user_id = @user)' },
  email_accounts: { ...OWN, without: ['imap_sealed', 'smtp_sealed'] },
  email_folders: { where: 'account_id IN (SELECT id FROM email_accounts WHERE user_id = @user)' },
  email_triggers: OWN,
  email_messages: OWN,
  email_runs: OF_RUNS,
  email_notices: OWN,
  telegram_bots: { ...OWN, without: ['sealed'] },
  telegram_chats: OWN,
  telegram_triggers: OWN,
  telegram_answers: OWN,
  telegram_questions: OWN,
  dav_accounts: { ...OWN, without: ['sealed'] },
  dav_collections: { where: 'account_id IN (SELECT id FROM dav_accounts WHERE user_id = @user)' },
  memories: OWN,
  memory_settings: OWN,
  run_recalls: OF_RUNS,
  webhook_targets: { ...OWN, without: ['sealed'] },
  browser_trusted: OWN,
  mcp_servers: OWN,
  mcp_tools: {
    where: 'server_id IN (SELECT id FROM mcp_servers WHERE user_id = @user)',
    without: ['accepted_hash', 'offered_hash'],
  },
  browser_sessions: { ...OWN, without: ['sealed'] },
  outbox: OWN,
  notifications: OWN,
  usage_days: OWN,
  trash: OWN,
  audit: OWN,
  settings: { where: `name NOT IN ('vault_check', 'vault_retired', 'audit_head')`, admin: true },
  credentials: { ...HOUSE, without: ['sealed'] },
  web_whitelist: HOUSE,
  filesystem_whitelist: HOUSE,
  email_whitelist: HOUSE,
}

/** What is left out, and why. */
export const LEFT_OUT: Record<string, string> = {
  recovery_codes: 'Hashes of codes that let somebody in.',
  password_resets: 'Hashes of links that let somebody in.',
  http_sessions: 'Hashes and contents of sessions that let somebody in.',
  idempotency_keys: 'Answers remembered for a day, so that a repeated request does nothing twice.',
  chat_counts: 'How many conversations somebody has, kept so that counting them costs nothing.',
  seen: 'Which deliveries of doors were handed in already; without content.',
  email_reservations: 'What counts against the daily limits of addresses; belongs to the house.',
  telegram_seen: 'Which updates of bots were taken already; without content.',
  telegram_told: 'When chats were told what they are told once a day; without content.',
  telegram_parts: 'Numbers of messages at Telegram.',
  telegram_links: 'Hashes of codes by which a chat is bound to somebody.',
  approval_links: 'Hashes of links to single questions.',
  file_labels: 'What had been read when a file was written, by its hash; belongs to the house.',
  budget_notices: 'Which budget warnings were given; belongs to the house.',
  memory_vectors: 'What an embeddings model made of memories; made anew from them.',
  backup_runs: 'What became of backups; belongs to the house.',
}
