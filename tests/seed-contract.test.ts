import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { anotherUser } from './peers/database.ts'
import { KEY, startModelApi, type ModelApi } from './peers/model-api.ts'
import { readOperations } from './peers/operations.ts'
import { refused } from './peers/refused.ts'
import { exactly, misfits, type Shape } from './peers/shape.ts'
import { startTelegram, TOKEN, type TelegramPeer } from './peers/telegram.ts'
import { makeKey, OWNER, startSteward, type Answer, type Client, type Steward } from './steward.ts'

/**
 * Every route that clients are written against, with a call and its answer to the letter: method, path, status, and each field
 * of the body. The rows are made one after the other in one house; `keeps` remembers the id of what a row made.
 */
type Row = {
  does: `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /${string}`
  /** For `{…}` in the path; what is not here was kept by a row before. */
  at?: Record<string, string>
  query?: string
  body?: object | (() => object)
  /** A file that is sent as a form. */
  file?: { name: string; content: string }
  /** What the answer's content type says, where it is no JSON; then it is told as text. */
  media?: RegExp
  as?: Who
  status: number
  is: Shape
  keeps?: string
  /** The issue that builds it. */
  later?: 7
}
type Who = 'owner' | 'nobody' | 'user' | 'script' | 'reader'

const OK: Shape = { ok: exactly(true) }
const NOTHING: Shape = exactly([])
const FAULT = (code: string): Shape => ({ error: /^\S.*\.$/, code: exactly(code), 'detail?': 'anything' })
const WRONG = (path: string): Shape => ({
  error: /^\S.*\.$/,
  code: exactly('invalid'),
  detail: [{ path: exactly(path), message: 'text' }],
})
const NOT_FOUND = { status: 404, is: FAULT('not_found') }
const CONFLICT = { status: 409, is: FAULT('conflict') }
const FORBIDDEN = { status: 403, is: FAULT('forbidden') }
const UNAUTHORIZED = { status: 401, is: FAULT('unauthorized') }
const invalid = (path: string) => ({ status: 400, is: WRONG(path) })
const NONE = '019a9d2e-7c1a-7000-8000-00000000dead'

const PASSWORD = 'a long sentence is good'
const docs = realpathSync(mkdtempSync(join(tmpdir(), 'the docs @ home: ')))
mkdirSync(join(docs, 'letters'))
writeFileSync(join(docs, 'plan.txt'), 'x')

const LANE: Shape = { running: 'number', queued: 'number', max_concurrent: 'number' }
const AUDIT_ENTRY: Shape = {
  id: 'number',
  at: 'time',
  kind: 'text',
  actor: 'text',
  action: 'text',
  subject: 'text',
  run_id: 'text?',
  session_id: 'text?',
  task_id: 'text?',
  agent_id: 'text?',
  tool_name: 'text?',
  arguments: 'anything',
  integrity: 'text?',
  privacy: 'text?',
  decision: 'text?',
  rule: 'text?',
  approved_by: 'text?',
  success: 'flag?',
  outcome: 'text?',
  duration_ms: 'number?',
}
const TIMING: Record<string, Shape> = {
  schedule: 'text?',
  run_at: 'time?',
  timezone: 'text',
  catch_up: 'flag',
  next_run_at: 'time?',
}
const USED: Record<string, Shape> = { input_tokens: 'number', output_tokens: 'number', cost_usd: 'number?' }
const AGENT: Shape = {
  id: 'id',
  name: exactly('Daily Summary'),
  prompt: 'text',
  integrity: /^(owner|third_party)$/,
  model: 'text?',
  ...TIMING,
  enabled: 'flag',
  paused: 'flag',
  prompt_mode: /^(combined|agent_only|system_only)$/,
  allowed_tools: 'anything',
  max_tool_calls: 'number?',
  max_cost_usd: 'number?',
  created_at: 'time',
  updated_at: 'time',
  user_id: 'id',
  last_run: 'anything',
  ...USED,
}
const TASK: Record<string, Shape> = {
  id: 'id',
  name: 'text',
  prompt: 'text',
  integrity: /^(owner|third_party)$/,
  agent_id: 'id?',
  model: 'text?',
  ...TIMING,
  enabled: 'flag',
  allowed_tools: 'anything',
  max_tool_calls: 'number?',
  max_cost_usd: 'number?',
  last_occurrence: 'anything',
  last_run: 'anything',
  ...USED,
  created_at: 'time',
  updated_at: 'time',
  user_id: 'id',
}
const RUN: Shape = {
  id: 'id',
  origin: /^(chat|manual|schedule|email|telegram|webhook|agent)$/,
  status: /^(queued|running|waiting|paused|succeeded|failed|stopped|interrupted)$/,
  agent_id: 'id?',
  task_id: 'id?',
  conversation_id: 'text',
  parent_run_id: 'id?',
  model: 'text',
  input: 'text',
  stop_reason: 'text?',
  error: 'text?',
  answer: 'text',
  tool_calls: 'number',
  ...USED,
  integrity: /^(owner|third_party)$/,
  attempts: 'number',
  created_at: 'time',
  started_at: 'time?',
  ended_at: 'time?',
}
const USER: Record<string, Shape> = {
  id: 'id',
  username: 'text',
  role: /^(admin|user)$/,
  is_active: 'flag',
  mfa_enabled: 'flag',
  created_at: 'time',
  last_seen_at: 'time?',
}
const MODEL: Shape = {
  id: /^[a-z]+:.+/,
  name: 'text',
  provider: 'text',
  context_length: 'number?',
  pricing: { prompt: 'number?', completion: 'number?' },
  capabilities: { vision: 'flag', tools: 'flag', online: 'flag' },
  private_ok: 'flag',
}
const CONVERSATION: Record<string, Shape> = {
  id: 'text',
  title: 'text',
  model: 'text',
  started_at: 'time',
  updated_at: 'time',
  message_count: 'number',
}

const HEALTH: Row[] = [
  { does: 'GET /health', as: 'nobody', status: 200, is: { status: exactly('ok'), version: 'text' } },
  { does: 'GET /health/live', as: 'nobody', status: 200, is: { status: exactly('ok'), version: 'text' } },
  { does: 'GET /api/no-such-thing', ...NOT_FOUND },
]

const CONTROL: Row[] = [
  {
    does: 'GET /api/status',
    status: 200,
    is: { paused: exactly(false), agent_name: exactly('Steward'), flow_guard: exactly(true) },
  },
  { does: 'GET /api/status', as: 'nobody', ...UNAUTHORIZED },
  { does: 'POST /api/pause', status: 200, is: OK },
  { does: 'GET /api/status', status: 200, is: { paused: exactly(true), agent_name: 'text', flow_guard: 'flag' } },
  { does: 'POST /api/resume', as: 'script', status: 200, is: OK },
  { does: 'POST /api/pause', as: 'reader', ...FORBIDDEN },
  { does: 'POST /api/pause', as: 'user', ...FORBIDDEN },
  {
    does: 'GET /api/queue',
    status: 200,
    is: {
      running: exactly(0),
      queued: exactly(0),
      max_concurrent: exactly(3),
      waiting: exactly(0),
      paused: exactly(0),
      is_paused: exactly(false),
      chats: LANE,
      runs: LANE,
      items: NOTHING,
    },
  },
]

const CREDENTIAL = { key: 'system:openrouter_api_key' }
const CREDENTIALS: Row[] = [
  { does: 'POST /api/credentials', body: { ...CREDENTIAL, value: 'sk-or-abcdefgh', description: 'Mine' }, status: 200, is: OK }, // prettier-ignore
  { does: 'GET /api/credentials', status: 200, is: [{ key: 'text', description: 'text', updated_at: 'time' }] },
  {
    does: 'GET /api/credentials/{key}',
    at: CREDENTIAL,
    status: 200,
    is: { key: exactly(CREDENTIAL.key), value: exactly('sk-or-abcdefgh'), description: exactly('Mine') },
  },
  { does: 'GET /api/credentials/{key}', at: { key: 'system:none' }, ...NOT_FOUND },
  { does: 'GET /api/credentials', as: 'user', ...FORBIDDEN },
  { does: 'POST /api/credentials', body: { key: 'x' }, ...invalid('value') },
  { does: 'POST /api/credentials', body: { key: 'x', value: 'y', secret: 'z' }, ...invalid('secret') },
]

const AUDIT: Row[] = [
  {
    does: 'GET /api/audit',
    query: '?start=2020-01-01&per_page=5',
    status: 200,
    is: { entries: [AUDIT_ENTRY], total: 'number', page: exactly(1), per_page: exactly(5) },
  },
  {
    does: 'GET /api/audit',
    query: `?start=2020-01-01T00:00:00Z&end=2020-01-02&tool_name=web&session_id=${NONE}&task_id=${NONE}&confirmed_only=true&page=1&per_page=50`,
    status: 200,
    is: { entries: NOTHING, total: exactly(0), page: exactly(1), per_page: exactly(50) },
  },
  { does: 'GET /api/audit', query: '?page=0', ...invalid('page') },
  { does: 'GET /api/audit', query: '?start=yesterday', ...invalid('start') },
  { does: 'DELETE /api/audit', query: '?older_than_days=90', status: 200, is: { deleted: exactly(0) } },
  { does: 'DELETE /api/audit', ...invalid('older_than_days') },
  { does: 'DELETE /api/audit', query: '?older_than_days=90', as: 'user', ...FORBIDDEN },
  { does: 'POST /api/settings/audit-retention', body: { days: 90 }, status: 200, is: OK },
  { does: 'GET /api/settings/audit-retention', status: 200, is: { days: exactly(90) } },
  { does: 'POST /api/settings/audit-retention', body: { days: -1 }, ...invalid('days') },
  { does: 'POST /api/settings/audit-retention', body: { days: 90, unit: 'd' }, ...invalid('unit') },
  { does: 'GET /api/settings/audit-retention', as: 'user', ...FORBIDDEN },
]

const EMAIL = { email: 'alice@example.com' }
const DOMAIN = { domain: 'example.com' }
const PATH = { path: docs }
const WHITELISTS: Row[] = [
  { does: 'GET /api/email-whitelist', status: 200, is: NOTHING },
  { does: 'POST /api/email-whitelist', body: { ...EMAIL, daily_limit: 10 }, status: 200, is: OK },
  { does: 'POST /api/email-whitelist', body: EMAIL, ...CONFLICT },
  { does: 'POST /api/email-whitelist', body: { email: 'alice' }, ...invalid('email') },
  { does: 'POST /api/email-whitelist', body: EMAIL, as: 'user', ...FORBIDDEN },
  {
    does: 'GET /api/email-whitelist',
    status: 200,
    is: [
      {
        email: exactly(EMAIL.email),
        daily_limit: exactly(10),
        sent_today: exactly(0),
        owner: exactly(false),
        created_at: 'time',
      },
    ],
  },
  { does: 'PUT /api/email-whitelist/{email}', at: EMAIL, body: { daily_limit: 0, owner: true }, status: 200, is: OK },
  { does: 'PUT /api/email-whitelist/{email}', at: { email: 'b@example.com' }, body: {}, ...NOT_FOUND },
  { does: 'DELETE /api/email-whitelist/{email}', at: EMAIL, status: 200, is: OK },
  { does: 'DELETE /api/email-whitelist/{email}', at: EMAIL, ...NOT_FOUND },
  { does: 'POST /api/web-whitelist', body: { ...DOMAIN, note: 'Our company site' }, status: 200, is: OK },
  { does: 'POST /api/web-whitelist', body: DOMAIN, ...CONFLICT },
  { does: 'POST /api/web-whitelist', body: { domain: 'co.uk' }, ...invalid('domain') },
  {
    does: 'GET /api/web-whitelist',
    status: 200,
    is: [{ domain: 'text', note: 'text', private_ok: 'flag', created_at: 'time' }],
  },
  { does: 'PUT /api/web-whitelist/{domain}', at: DOMAIN, body: { note: 'x', private_ok: true }, status: 200, is: OK },
  { does: 'DELETE /api/web-whitelist/{domain}', at: DOMAIN, status: 200, is: OK },
  { does: 'DELETE /api/web-whitelist/{domain}', at: DOMAIN, ...NOT_FOUND },
  { does: 'GET /api/filesystem-whitelist', status: 200, is: NOTHING },
  { does: 'POST /api/filesystem-whitelist', body: { ...PATH, note: 'Documents folder' }, status: 200, is: OK },
  { does: 'POST /api/filesystem-whitelist', body: PATH, ...CONFLICT },
  { does: 'POST /api/filesystem-whitelist', body: { path: join(docs, 'none') }, ...invalid('path') },
  {
    does: 'GET /api/filesystem-whitelist',
    status: 200,
    is: [{ path: exactly(docs), note: exactly('Documents folder'), written_by: exactly('others'), created_at: 'time' }],
  },
  { does: 'PUT /api/filesystem-whitelist/{path}', at: PATH, body: { written_by: 'me' }, status: 200, is: OK },
  { does: 'DELETE /api/filesystem-whitelist/{path}', at: PATH, status: 200, is: OK },
  { does: 'DELETE /api/filesystem-whitelist/{path}', at: PATH, ...NOT_FOUND },
  {
    does: 'GET /api/filesystem-browser',
    query: `?path=${encodeURIComponent(docs)}`,
    status: 200,
    is: {
      path: exactly(docs),
      entries: exactly([
        { name: 'letters', type: 'dir' },
        { name: 'plan.txt', type: 'file' },
      ]),
    },
  },
  { does: 'GET /api/filesystem-browser', query: '?path=/etc', ...FORBIDDEN },
  { does: 'GET /api/filesystem-browser', query: '?path=docs', ...invalid('path') },
  { does: 'GET /api/filesystem-browser', as: 'user', ...FORBIDDEN },
]

const TRUSTED: Row[] = [
  { does: 'GET /api/my/browser-trusted', status: 200, is: NOTHING },
  { does: 'POST /api/my/browser-trusted', body: { ...DOMAIN, note: 'Our app' }, status: 200, is: OK },
  { does: 'POST /api/my/browser-trusted', body: DOMAIN, ...CONFLICT },
  { does: 'POST /api/my/browser-trusted', body: { domain: 'github.io' }, ...invalid('domain') },
  {
    does: 'GET /api/my/browser-trusted',
    status: 200,
    is: [{ domain: exactly('example.com'), note: exactly('Our app'), created_at: 'time', session_at: 'time?' }],
  },
  { does: 'GET /api/my/browser-trusted', as: 'user', status: 200, is: NOTHING },
  { does: 'DELETE /api/my/browser-trusted/{domain}', at: DOMAIN, as: 'user', ...NOT_FOUND },
  { does: 'DELETE /api/my/browser-trusted/{domain}', at: DOMAIN, status: 200, is: OK },
]

const MODELS: Row[] = [
  { does: 'GET /api/models', status: 200, is: { models: ['text'], default: /^anthropic:/, 'warnings?': ['text'] } },
  { does: 'GET /api/models/info', as: 'reader', status: 200, is: [MODEL] },
  { does: 'GET /api/models', as: 'nobody', ...UNAUTHORIZED },
]

const LIMITS: Record<string, Shape> = {
  max_tool_calls: 'number',
  max_autonomous_runs_per_hour: 'number',
  max_concurrent_runs: 'number',
  max_concurrent_chats: 'number',
  daily_budget_usd: 'number?',
  monthly_budget_usd: 'number?',
}
const SECURITY: Record<string, Shape> = {
  flow_guard: exactly(true),
  sanitize_enhanced: 'flag',
  canary: exactly(false),
  llm_screen: exactly(false),
  llm_screen_model: 'text?',
  output_validation: 'flag',
  approval_timeout_chat_s: 'number',
  approval_timeout_unattended_s: 'number',
  max_result_chars: 'number',
  public_only_providers: NOTHING,
}
const SETTINGS: Row[] = [
  {
    does: 'GET /api/settings/limits',
    status: 200,
    is: { ...LIMITS, max_tool_calls: exactly(20), max_autonomous_runs_per_hour: exactly(10), max_concurrent_runs: exactly(3) }, // prettier-ignore
  },
  { does: 'POST /api/settings/limits', body: { max_tool_calls: 30 }, status: 200, is: OK },
  {
    does: 'GET /api/settings/limits',
    status: 200,
    is: { ...LIMITS, max_tool_calls: exactly(30), max_concurrent_runs: exactly(3) },
  },
  { does: 'POST /api/settings/limits', body: { max_everything: 1 }, ...invalid('max_everything') },
  { does: 'POST /api/settings/limits', body: { max_concurrent_runs: 0 }, ...invalid('max_concurrent_runs') },
  { does: 'GET /api/settings/limits', as: 'user', ...FORBIDDEN },
  { does: 'POST /api/settings/provider', body: { default_provider: 'openrouter' }, status: 200, is: OK },
  {
    does: 'GET /api/settings/provider',
    status: 200,
    is: {
      default_provider: exactly('openrouter'),
      available_providers: exactly(['anthropic', 'openrouter', 'rehearsal']),
      default_model: exactly(null),
    },
  },
  { does: 'POST /api/settings/provider', body: { default_provider: 'ollama' }, ...invalid('default_provider') },
  { does: 'POST /api/settings/provider', body: { provider: 'anthropic' }, ...invalid('provider') },
  { does: 'POST /api/settings/provider', body: { default_provider: 'anthropic' }, as: 'script', status: 200, is: OK },
  { does: 'GET /api/settings/provider', as: 'user', ...FORBIDDEN },
  { does: 'GET /api/settings/security', status: 200, is: { ...SECURITY, sanitize_enhanced: exactly(false) } },
  { does: 'POST /api/settings/security', body: { sanitize_enhanced: true }, status: 200, is: OK },
  { does: 'GET /api/settings/security', status: 200, is: { ...SECURITY, sanitize_enhanced: exactly(true) } },
  { does: 'POST /api/settings/security', body: { wall: false }, ...invalid('wall') },
  { does: 'GET /api/settings/security', as: 'user', ...FORBIDDEN },
  { does: 'PUT /api/settings/personality', body: { agent_name: 'Hedwig' }, status: 200, is: OK },
  { does: 'GET /api/settings/personality', status: 200, is: { agent_name: exactly('Hedwig'), soul: 'text', user: 'text' } }, // prettier-ignore
  { does: 'PUT /api/settings/personality', body: { mood: 'x' }, ...invalid('mood') },
]

const DRAFT = {
  name: 'Daily Summary',
  prompt: 'Summarise what today holds.',
  model: 'rehearsal:offline',
  schedule: '0 8 * * *',
  allowed_tools: ['web', 'filesystem.read_file'],
  enabled: true,
  prompt_mode: 'combined',
  max_tool_calls: null,
}
const AGENTS: Row[] = [
  { does: 'GET /api/agents', status: 200, is: NOTHING },
  { does: 'POST /api/agents', body: DRAFT, status: 201, is: AGENT, keeps: '/api/agents/{id}' },
  { does: 'POST /api/agents', body: { ...DRAFT, schedule: 'at eight' }, ...invalid('schedule') },
  { does: 'POST /api/agents', body: { ...DRAFT, tools: [] }, ...invalid('tools') },
  { does: 'GET /api/agents', status: 200, is: [AGENT] },
  { does: 'GET /api/agents', as: 'user', status: 200, is: NOTHING },
  { does: 'PUT /api/agents/{id}', body: { max_tool_calls: 5 }, status: 200, is: OK },
  { does: 'POST /api/agents/{id}/run', body: { message: 'Only this' }, status: 202, is: { run_id: 'id' } },
  { does: 'POST /api/agents/{id}/message', body: { content: 'And this' }, status: 202, is: { run_id: 'id' } },
  {
    does: 'GET /api/agents/{id}',
    status: 200,
    is: {
      agent: AGENT,
      runs: [RUN],
      total_input_tokens: 'number',
      total_output_tokens: 'number',
      total_cost_usd: 'number?',
      unknown_cost_turns: 'number',
    },
  },
  { does: 'POST /api/agents/{id}/stop', status: 200, is: OK },
  { does: 'POST /api/agents/{id}/pause', status: 200, is: OK },
  { does: 'POST /api/agents/{id}/resume', status: 200, is: OK },
  { does: 'GET /api/agents/{id}', as: 'user', ...NOT_FOUND },
  { does: 'POST /api/agents/{id}/run', as: 'reader', body: {}, ...FORBIDDEN },
  { does: 'PUT /api/agents/{id}', at: { id: NONE }, body: {}, ...NOT_FOUND },
  {
    does: 'GET /api/runs',
    query: '?origin=manual',
    status: 200,
    is: { items: [RUN], next_cursor: 'text?', total: exactly(2) },
  },
  { does: 'DELETE /api/agents/{id}', status: 200, is: OK },
  { does: 'DELETE /api/agents/{id}', ...NOT_FOUND },
]

const TASKS: Row[] = [
  { does: 'GET /api/tasks', status: 200, is: NOTHING },
  {
    does: 'POST /api/tasks',
    body: { name: 'Water', prompt: 'Water them.', schedule: '0 8 * * *', allowed_tools: ['web'], enabled: true },
    status: 201,
    is: { ...TASK, enabled: exactly(true), schedule: exactly('0 8 * * *') },
    keeps: '/api/tasks/{id}',
  },
  { does: 'POST /api/tasks', body: { name: 'Water' }, ...invalid('prompt') },
  { does: 'GET /api/tasks', status: 200, is: [TASK] },
  { does: 'PUT /api/tasks/{id}', body: { name: 'Water more' }, status: 200, is: OK },
  { does: 'POST /api/tasks/{id}/toggle', status: 200, is: { enabled: exactly(false) } },
  { does: 'POST /api/tasks/{id}/run', status: 202, is: { ok: exactly(true), run_id: 'id' } },
  { does: 'GET /api/tasks/{id}', status: 200, is: { ...TASK, name: exactly('Water more'), runs: [RUN] } },
  { does: 'GET /api/tasks/{id}', as: 'user', ...NOT_FOUND },
  { does: 'DELETE /api/tasks/{id}', status: 200, is: OK },
  { does: 'GET /api/tasks/{id}', ...NOT_FOUND },
]

const FILE: Shape = { name: 'text', type: /^(file|dir)$/, size: 'number', modified_at: 'time' }
const LETTER = { name: 'räksmörgås & co.txt', content: 'Dear all' }
const IN_LETTERS = `?path=${encodeURIComponent(`/letters/${LETTER.name}`)}`
const FILES: Row[] = [
  { does: 'GET /api/my/files', status: 200, is: { path: exactly('/'), entries: NOTHING, next_cursor: exactly(null), total: exactly(0) } }, // prettier-ignore
  { does: 'POST /api/my/folders', body: { path: '/letters' }, status: 201, is: { path: exactly('/letters'), ...FILE } },
  { does: 'POST /api/my/folders', body: { path: '/../letters' }, ...invalid('path') },
  {
    does: 'POST /api/my/files',
    query: '?path=/letters',
    file: LETTER,
    status: 201,
    is: { path: exactly('/letters'), entries: [FILE] },
  },
  {
    does: 'GET /api/my/files',
    query: '?path=/letters',
    status: 200,
    is: {
      path: exactly('/letters'),
      entries: [{ name: exactly(LETTER.name), type: exactly('file'), size: exactly(8), modified_at: 'time' }],
      next_cursor: exactly(null),
      total: exactly(1),
    },
  },
  { does: 'GET /api/my/files', query: '?path=/letters', as: 'user', ...NOT_FOUND },
  { does: 'GET /api/my/files', query: '?path=/../..', ...invalid('path') },
  {
    does: 'GET /api/my/files/download',
    query: IN_LETTERS,
    media: /^text\/plain/,
    status: 200,
    is: exactly('Dear all'),
  },
  { does: 'GET /api/my/files/download', query: '?path=/none.txt', ...NOT_FOUND },
  {
    does: 'GET /api/my/files/download-zip',
    query: '?path=/letters',
    media: /^application\/zip$/,
    status: 200,
    is: /^PK/,
  },
  { does: 'PATCH /api/my/files', query: IN_LETTERS, body: { name: 'b.txt' }, status: 200, is: OK },
  { does: 'DELETE /api/my/files', query: '?path=/letters/b.txt', as: 'reader', ...FORBIDDEN },
  { does: 'DELETE /api/my/files', query: '?path=/letters/b.txt', status: 200, is: OK },
  { does: 'DELETE /api/my/files', query: '?path=/letters/b.txt', ...NOT_FOUND },
  { does: 'DELETE /api/my/files', query: '?path=/', status: 400, is: FAULT('invalid') },
]

const WORK = {
  label: 'Work',
  account_type: 'trigger',
  imap_host: 'mail.example.com',
  imap_port: 993,
  imap_username: 'user@example.com',
  imap_password: 'the imap password',
  smtp_host: 'mail.example.com',
  smtp_port: 465,
  smtp_username: 'user@example.com',
  smtp_password: 'the smtp password',
}
const MAILBOX: Shape = {
  id: 'id',
  label: 'text',
  account_type: /^(trigger|handling)$/,
  enabled: 'flag',
  address: 'text',
  agent_id: 'id?',
  folders: ['text'],
  extra_tools: 'anything',
  allowed_senders: 'anything',
  authserv_id: 'text?',
  telegram_chat_id: 'text?',
  auth: 'text',
  secure: /^(tls|starttls|none)$/,
  tls_ca: 'text?',
  imap_host: 'text?',
  imap_port: 'number?',
  imap_secure: 'text?',
  imap_username: 'text?',
  imap_password_set: exactly(true),
  smtp_host: 'text?',
  smtp_port: 'number?',
  smtp_secure: 'text?',
  smtp_username: 'text?',
  smtp_password_set: exactly(true),
  'status?': 'text',
  'last_error?': 'text?',
  'last_message_at?': 'time?',
  created_at: 'time',
  updated_at: 'time',
}
const MAIL: Row[] = [
  { does: 'GET /api/email-accounts', status: 200, is: NOTHING },
  { does: 'POST /api/email-accounts', body: WORK, status: 201, is: MAILBOX, keeps: '/api/email-accounts/{id}' },
  { does: 'POST /api/email-accounts', body: { ...WORK, account_type: 'other' }, ...invalid('account_type') },
  { does: 'POST /api/email-accounts', body: { ...WORK, pop_host: 'x' }, ...invalid('pop_host') },
  { does: 'GET /api/email-accounts', status: 200, is: [MAILBOX] },
  { does: 'GET /api/email-accounts', as: 'user', status: 200, is: NOTHING },
  { does: 'GET /api/email-accounts/{id}', status: 200, is: MAILBOX },
  { does: 'GET /api/email-accounts/{id}', as: 'user', ...NOT_FOUND },
  { does: 'PUT /api/email-accounts/{id}', body: { label: 'Office', enabled: false }, status: 200, is: OK },
  { does: 'DELETE /api/email-accounts/{id}', status: 200, is: OK },
  { does: 'DELETE /api/email-accounts/{id}', ...NOT_FOUND },
]

const BOT: Shape = {
  bot_token_set: exactly(true),
  status: /^(stopped|starting|running|error)$/,
  last_error: 'text?',
  last_heard_at: 'time?',
  bot: { id: 'text', username: 'text', name: 'text' },
  enabled: 'flag',
  default_agent_id: 'id?',
  max_age_s: 'number',
  deadline_s: 'number',
  notices: ['text'],
}
const PHONE: Shape = {
  chat_id: exactly('123456789'),
  label: exactly('My phone'),
  owner: exactly(true),
  created_at: 'time',
}
const WEATHER: Shape = {
  id: 'id',
  position: 'number',
  trigger_word: exactly('weather'),
  agent_id: 'id',
  enabled: 'flag',
}
const TELEGRAM: Row[] = [
  { does: 'GET /api/telegram/config', status: 200, is: { ...BOT, bot_token_set: exactly(false), bot: exactly(null) } },
  { does: 'POST /api/telegram/config', body: { bot_token: TOKEN }, status: 200, is: OK },
  { does: 'POST /api/telegram/config', body: { bot_token: '1:unknown' }, ...invalid('bot_token') },
  { does: 'POST /api/telegram/config', body: { token: TOKEN }, ...invalid('token') },
  { does: 'POST /api/telegram/config', body: { bot_token: TOKEN }, as: 'reader', ...FORBIDDEN },
  { does: 'GET /api/telegram/config', status: 200, is: BOT },
  { does: 'GET /api/telegram/whitelist', status: 200, is: NOTHING },
  {
    does: 'POST /api/telegram/whitelist',
    body: { chat_id: '123456789', label: 'My phone' },
    status: 201,
    is: PHONE,
  },
  { does: 'POST /api/telegram/whitelist', body: { chat_id: '123456789', label: 'My phone' }, ...CONFLICT },
  { does: 'POST /api/telegram/whitelist', body: { chat_id: 'me', label: 'My phone' }, ...invalid('chat_id') },
  { does: 'GET /api/telegram/whitelist', status: 200, is: [PHONE] },
  { does: 'GET /api/telegram/whitelist', as: 'user', status: 200, is: NOTHING },
  { does: 'DELETE /api/telegram/whitelist/{chat_id}', at: { chat_id: '123456789' }, as: 'user', ...NOT_FOUND },
  { does: 'DELETE /api/telegram/whitelist/{chat_id}', at: { chat_id: '123456789' }, status: 200, is: OK },
  { does: 'DELETE /api/telegram/whitelist/{chat_id}', at: { chat_id: '123456789' }, ...NOT_FOUND },
  { does: 'GET /api/telegram/triggers', status: 200, is: NOTHING },
  { does: 'POST /api/agents', body: DRAFT, status: 201, is: AGENT, keeps: 'the weather agent' },
  {
    does: 'POST /api/telegram/triggers',
    body: () => ({ trigger_word: 'weather', agent_id: kept['the weather agent'], enabled: true }),
    status: 201,
    is: WEATHER,
    keeps: '/api/telegram/triggers/{id}',
  },
  { does: 'POST /api/telegram/triggers', body: { trigger_word: 'x', agent_id: NONE }, ...invalid('agent_id') },
  { does: 'GET /api/telegram/triggers', status: 200, is: [WEATHER] },
  { does: 'GET /api/telegram/triggers', as: 'user', status: 200, is: NOTHING },
  { does: 'PUT /api/telegram/triggers/{id}', body: { enabled: false }, as: 'user', ...NOT_FOUND },
  { does: 'PUT /api/telegram/triggers/{id}', body: { enabled: false }, status: 200, is: OK },
  { does: 'DELETE /api/telegram/triggers/{id}', status: 200, is: OK },
  { does: 'DELETE /api/telegram/triggers/{id}', ...NOT_FOUND },
]

const ALICE = { username: 'alice', password: PASSWORD, role: 'user' }
const USERS: Row[] = [
  { does: 'POST /api/admin/users', body: ALICE, status: 201, is: { ...USER, mfa_enabled: exactly(false) }, keeps: '/api/admin/users/{id}' }, // prettier-ignore
  { does: 'POST /api/admin/users', body: ALICE, ...CONFLICT },
  { does: 'POST /api/admin/users', body: { ...ALICE, password: 'short' }, ...invalid('password') },
  { does: 'GET /api/admin/users', status: 200, is: [USER] },
  { does: 'GET /api/admin/users', as: 'user', ...FORBIDDEN },
  {
    does: 'GET /api/admin/users/{id}',
    status: 200,
    is: {
      ...USER,
      username: exactly('alice'),
      belongings: { conversations: 'number', agents: 'number', tasks: 'number', api_keys: 'number', files: 'number' },
    },
  },
  { does: 'GET /api/admin/users/{id}', at: { id: NONE }, ...NOT_FOUND },
  { does: 'PUT /api/admin/users/{id}', body: { role: 'admin', is_active: true }, status: 200, is: OK },
  { does: 'PUT /api/admin/users/{id}', body: { role: 'king' }, ...invalid('role') },
  {
    does: 'POST /api/admin/users/{id}/mfa-setup',
    status: 200,
    is: { provisioning_uri: /^otpauth:\/\/totp\//, qr_code: /^data:image\/png;base64,/ },
  },
  { does: 'POST /api/admin/users/{id}/mfa-disable', status: 200, is: OK },
  { does: 'DELETE /api/admin/users/{id}', status: 200, is: OK },
  { does: 'DELETE /api/admin/users/{id}', ...NOT_FOUND },
]

const CONVERSATIONS: Row[] = [
  {
    does: 'GET /api/conversations',
    query: '?page=1&per_page=10',
    status: 200,
    is: { conversations: [CONVERSATION], total: exactly(1) },
  },
  { does: 'GET /api/conversations', as: 'user', status: 200, is: { conversations: NOTHING, total: exactly(0) } },
  { does: 'GET /api/conversations', query: '?per_page=1000', ...invalid('per_page') },
  {
    does: 'GET /api/conversations/{id}',
    status: 200,
    is: {
      ...CONVERSATION,
      agent_id: 'id?',
      last_seq: 'number',
      integrity: 'text',
      privacy: 'text',
      web_open: 'flag',
      messages: ['anything'],
    },
  },
  { does: 'PATCH /api/conversations/{id}', body: { title: 'New title' }, status: 200, is: OK },
  { does: 'PATCH /api/conversations/{id}', body: { title: '' }, ...invalid('title') },
  { does: 'PATCH /api/conversations/{id}', body: { title: 'Mine' }, as: 'user', ...NOT_FOUND },
  { does: 'DELETE /api/conversations/{id}', status: 200, is: OK },
  { does: 'GET /api/conversations/{id}', ...NOT_FOUND },
]

const TALLY: Shape = {
  turns: 'number',
  unknown_turns: 'number',
  input_tokens: 'number',
  output_tokens: 'number',
  cost_usd: 'number?',
}
const EMPTY_LIST: Shape = { items: NOTHING, next_cursor: exactly(null), total: exactly(0) }
const FURTHER: Row[] = [
  { does: 'GET /health/detailed', as: 'nobody', ...UNAUTHORIZED },
  { does: 'GET /api/notifications', status: 200, is: { ...EMPTY_LIST, unread_count: exactly(0) } },
  { does: 'POST /api/notifications/read-all', status: 200, is: OK },
  {
    does: 'GET /api/usage',
    query: '?from=2026-01-01&to=2026-01-31&group=day',
    status: 200,
    is: {
      from: exactly('2026-01-01'),
      to: exactly('2026-01-31'),
      group: exactly('day'),
      timezone: exactly('UTC'),
      rows: NOTHING,
      total: TALLY,
      'budgets?': 'anything',
    },
  },
  { does: 'GET /api/usage', query: '?group=moon', ...invalid('group') },
  { does: 'GET /api/audit/verify', status: 200, is: { ok: exactly(true), entries: 'number' } },
  { does: 'GET /api/tools', status: 200, is: { items: ['anything'], 'next_cursor?': 'anything', 'total?': 'number' } },
  { does: 'GET /api/trash', status: 200, is: { items: ['anything'], next_cursor: 'text?', total: 'number' } },
  { does: 'POST /api/cron/retention', as: 'nobody', status: 503, is: FAULT('unavailable') },
]

const ACCOUNT: Row[] = [
  {
    does: 'GET /api/auth/me',
    status: 200,
    is: { id: 'id', username: exactly('anna'), role: exactly('admin'), mfa_enabled: exactly(false), email: 'text?' },
  },
  { does: 'POST /api/auth/confirm', body: { password: OWNER.password }, status: 200, is: OK },
  { does: 'POST /api/auth/confirm', body: { password: OWNER.password }, as: 'script', ...FORBIDDEN },
  { does: 'POST /api/auth/confirm', body: { password: 'wrong' }, status: 401, is: FAULT('invalid_credentials') },
  {
    does: 'POST /api/auth/totp/setup',
    status: 200,
    is: { secret: /^[A-Z2-7]{32}$/, provisioning_uri: /^otpauth:/, qr_code: /^data:image\/png;base64,/ },
  },
  { does: 'POST /api/auth/totp/enable', body: { code: 'x' }, ...invalid('code') },
  { does: 'GET /api/auth/passkeys', status: 200, is: EMPTY_LIST },
  {
    does: 'GET /api/auth/sessions',
    status: 200,
    is: {
      items: [
        {
          id: 'id',
          current: 'flag',
          user_agent: 'text',
          address: 'text',
          created_at: 'time',
          last_seen_at: 'time',
          expires_at: 'time',
        },
      ],
      next_cursor: exactly(null),
      total: 'number',
    },
  },
  { does: 'POST /api/auth/sessions/end-others', status: 200, is: OK },
  {
    does: 'POST /api/api-keys',
    body: { name: 'backup', scopes: ['read'] },
    status: 201,
    is: {
      id: 'id',
      name: exactly('backup'),
      prefix: /^\w{8}$/,
      scopes: exactly(['read']),
      input: exactly('third_party'),
      expires_at: exactly(null),
      last_used_at: exactly(null),
      created_at: 'time',
      key: /^stw_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}$/,
    },
    keeps: '/api/api-keys/{id}',
  },
  { does: 'POST /api/api-keys', body: { name: 'x', scopes: ['all'] }, ...invalid('scopes.0') },
  { does: 'DELETE /api/api-keys/{id}', as: 'user', ...NOT_FOUND },
  { does: 'DELETE /api/api-keys/{id}', status: 200, is: OK },
  { does: 'POST /api/auth/forgot-password', as: 'nobody', body: { email: 'a@example.com' }, status: 200, is: { ok: exactly(true), configured: exactly(false) } }, // prettier-ignore
  { does: 'POST /api/setup', as: 'nobody', body: { token: 'x', username: 'eve', password: PASSWORD }, ...CONFLICT },
  { does: 'POST /api/auth/login', as: 'nobody', body: { ...OWNER, password: 'not this one' }, status: 401, is: FAULT('invalid_credentials') }, // prettier-ignore
  { does: 'POST /api/ws-ticket', status: 201, is: { ticket: 'text', expires_at: 'time' } },
  { does: 'GET /api/setup', as: 'nobody', status: 200, is: { needed: exactly(false) } },
  { does: 'GET /api/approvals', query: '?state=pending', status: 200, is: { items: NOTHING, next_cursor: exactly(null), total: exactly(0) } }, // prettier-ignore
  { does: 'GET /api/grants', status: 200, is: { items: NOTHING, next_cursor: exactly(null), total: exactly(0) } },
]

const TABLE: [part: string, rows: Row[]][] = [
  ['health', HEALTH],
  ['status and control', CONTROL],
  ['credentials', CREDENTIALS],
  ['the audit log', AUDIT],
  ['whitelists', WHITELISTS],
  ['sites that the browser tool may act on', TRUSTED],
  ['models', MODELS],
  ['settings', SETTINGS],
  ['agents', AGENTS],
  ['tasks', TASKS],
  ['mail accounts', MAIL],
  ['Telegram', TELEGRAM],
  ['people', USERS],
  ['files', FILES],
  ['conversations', CONVERSATIONS],
  ['further routes', FURTHER],
  ['the account', ACCOUNT],
  ['what goes last', [{ does: 'DELETE /api/credentials/{key}', at: CREDENTIAL, status: 200, is: OK }]],
]

let steward: Steward
let api: ModelApi
let telegram: TelegramPeer
const clients = {} as Record<Who, Client>
const kept: Record<string, string> = {}

before(async () => {
  api = await startModelApi()
  telegram = await startTelegram()
  const { ANTHROPIC_API_KEY: _none, ...env } = api.env
  steward = await startSteward({
    env: { ...env, ...telegram.env, ANTHROPIC_API_KEY: KEY, OPENROUTER_BASE_URL: 'http://127.0.0.1:9' },
  })
  const { owner } = steward
  const user = await anotherUser(steward)
  const [admin, read] = [await makeKey(owner, ['admin']), await makeKey(owner, ['read'])]
  Object.assign(clients, { owner, user, nobody: steward.anybody(), script: steward.anybody(admin), reader: steward.anybody(read) }) // prettier-ignore
  kept['/api/conversations/{id}'] = randomUUID()
  const chat = await owner.chat(kept['/api/conversations/{id}'])
  await chat.ask('Good morning', { model: 'rehearsal:offline' })
  await chat.close()
})
after(async () => {
  await steward[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
  await telegram[Symbol.asyncDispose]()
})

function pathOf({ does, at = {}, query = '' }: Row): string {
  const path = does.slice(does.indexOf(' ') + 1)
  const filled = path.replace(/\{(\w+)\}/g, (place, name: string, index: number) =>
    encodeURIComponent(at[name] ?? kept[path.slice(0, index + place.length)] ?? assert.fail(`nothing for ${place}`)),
  )
  return filled + query
}

function call(row: Row): Promise<Answer> {
  const [method] = row.does.split(' ')
  if (row.file) return upload(pathOf(row), row.file)
  const given = typeof row.body === 'function' ? (row.body as () => object)() : row.body
  const body = given ?? (method === 'GET' || method === 'DELETE' ? undefined : {})
  return clients[row.as ?? 'owner'].request(method!, pathOf(row), body)
}

function upload(path: string, { name, content }: { name: string; content: string }): Promise<Answer> {
  const head = `--x\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: text/plain\r\n\r\n`
  const headers = { 'content-type': 'multipart/form-data; boundary=x' }
  return clients.owner.post(path, undefined, { raw: `${head}${content}\r\n--x--\r\n`, headers })
}

for (const [part, rows] of TABLE)
  describe(part, () => {
    for (const row of rows) {
      const { does, query = '', as = 'owner', status, is, media = /^application\/json/ } = row
      const when = row.later ? ` until issue ${row.later}` : ''
      it(`${does}${query.slice(0, 60)} by ${as} is ${status}${when}: ${JSON.stringify(row.body ?? {})}`, async () => {
        const answer = await call(row)
        assert.equal(answer.status, status, answer.text.slice(0, 500))
        assert.match(answer.headers.get('content-type') ?? '', media)
        assert.deepEqual(misfits(is, answer.body), [])
        if (status >= 400) refused(answer, status, answer.body.code)
        if (row.keeps) kept[row.keeps] = answer.body.id
      })
    }
  })

/** The routes of `REST API Reference`, in its order. */
const SEED = `
GET /health · GET /api/status · POST /api/pause · POST /api/resume · GET /api/queue · GET /api/credentials ·
GET /api/credentials/{key} · POST /api/credentials · DELETE /api/credentials/{key} · GET /api/audit · DELETE /api/audit ·
GET /api/settings/audit-retention · POST /api/settings/audit-retention · GET /api/email-whitelist · POST /api/email-whitelist ·
DELETE /api/email-whitelist/{email} · GET /api/web-whitelist · POST /api/web-whitelist · DELETE /api/web-whitelist/{domain} ·
GET /api/filesystem-whitelist · POST /api/filesystem-whitelist · DELETE /api/filesystem-whitelist/{path} ·
GET /api/filesystem-browser · GET /api/my/browser-trusted · POST /api/my/browser-trusted ·
DELETE /api/my/browser-trusted/{domain} · GET /api/models · GET /api/models/info · GET /api/settings/limits ·
POST /api/settings/limits · GET /api/settings/provider · POST /api/settings/provider · GET /api/settings/security ·
POST /api/settings/security · GET /api/agents · POST /api/agents · GET /api/agents/{id} · PUT /api/agents/{id} ·
DELETE /api/agents/{id} · POST /api/agents/{id}/run · POST /api/agents/{id}/stop · GET /api/tasks · POST /api/tasks ·
GET /api/tasks/{id} · PUT /api/tasks/{id} · DELETE /api/tasks/{id} · POST /api/tasks/{id}/toggle · POST /api/tasks/{id}/run ·
GET /api/email-accounts · POST /api/email-accounts · GET /api/email-accounts/{id} · PUT /api/email-accounts/{id} ·
DELETE /api/email-accounts/{id} · GET /api/telegram/config · POST /api/telegram/config · GET /api/telegram/whitelist ·
POST /api/telegram/whitelist · DELETE /api/telegram/whitelist/{chat_id} · GET /api/telegram/triggers ·
POST /api/telegram/triggers · PUT /api/telegram/triggers/{id} · DELETE /api/telegram/triggers/{id} · GET /api/admin/users ·
POST /api/admin/users · GET /api/admin/users/{id} · PUT /api/admin/users/{id} · DELETE /api/admin/users/{id} ·
POST /api/admin/users/{id}/mfa-setup · POST /api/admin/users/{id}/mfa-disable · GET /api/my/files ·
GET /api/my/files/download · GET /api/my/files/download-zip · DELETE /api/my/files · GET /api/conversations ·
GET /api/conversations/{id} · PATCH /api/conversations/{id} · DELETE /api/conversations/{id}`
  .split('·')
  .map((route) => route.trim())

describe('the table', () => {
  const rows = TABLE.flatMap(([, all]) => all)

  it('has every route of the document that clients are written against, done', () => {
    const done = new Set(
      rows.filter(({ status, later }) => status < 300 || later !== undefined).map(({ does }) => does),
    )
    assert.deepEqual(SEED.filter((route) => !done.has(route as Row['does'])), []) // prettier-ignore
  })

  it('puts off no route that is there', async () => {
    const built = new Set((await readOperations(steward)).map(({ method, path }) => `${method} ${path}`))
    assert.deepEqual(rows.filter(({ does, later }) => later !== undefined && built.has(does)), []) // prettier-ignore
    const missing = SEED.filter((route) => route !== 'GET /health' && !built.has(route))
    assert.deepEqual(missing, rows.filter(({ later }) => later !== undefined).map(({ does }) => does)) // prettier-ignore
  })
})
