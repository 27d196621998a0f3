-- The whole present schema; what a fresh install runs. Older files are taken forward by db/migrations/.
-- Times are ISO-8601 UTC text, ids UUIDv7 text. Everything that belongs to somebody carries user_id.

CREATE TABLE users (
  id            TEXT PRIMARY KEY,
  username      TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password_hash TEXT NOT NULL,                            -- argon2id, PHC string
  role          TEXT NOT NULL CHECK (role IN ('admin', 'user')),
  is_active     INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  created_at    TEXT NOT NULL,
  updated_at    TEXT NOT NULL
) STRICT;

-- Browser sessions. Only a hash of the cookie's id is kept: a copied database holds no usable cookie.
CREATE TABLE http_sessions (
  id           TEXT PRIMARY KEY,                          -- SHA-256 of the session id, hex
  user_id      TEXT REFERENCES users (id) ON DELETE CASCADE,
  public_id    TEXT NOT NULL UNIQUE,                      -- what /api/auth/sessions calls it
  data         TEXT NOT NULL,                             -- express-session's JSON
  user_agent   TEXT NOT NULL DEFAULT '',
  address      TEXT NOT NULL DEFAULT '',
  created_at   TEXT NOT NULL,
  last_seen_at TEXT NOT NULL,
  expires_at   TEXT NOT NULL
) STRICT;
CREATE INDEX http_sessions_by_user ON http_sessions (user_id, last_seen_at);
CREATE INDEX http_sessions_by_expiry ON http_sessions (expires_at);

CREATE TABLE api_keys (
  id           TEXT PRIMARY KEY,
  user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name         TEXT NOT NULL,
  prefix       TEXT NOT NULL UNIQUE,                      -- the 8 characters that name it in lists and logs
  key_hash     TEXT NOT NULL,                             -- SHA-256 of the whole key, hex
  scopes       TEXT NOT NULL,                             -- JSON array of read, run, admin, approve
  input        TEXT NOT NULL CHECK (input IN ('owner', 'third_party')),
  expires_at   TEXT,
  last_used_at TEXT,
  created_at   TEXT NOT NULL
) STRICT;
CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at);

-- Answers of creating requests, kept 24 hours, so that a repeat does not create twice.
CREATE TABLE idempotency_keys (
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  key        TEXT NOT NULL,
  request    TEXT NOT NULL,                               -- SHA-256 of method, path and body
  status     INTEGER NOT NULL,
  answer     TEXT,                                        -- JSON; NULL where it showed a secret once
  answer_id  TEXT,                                        -- the id inside the answer
  created_at TEXT NOT NULL,
  PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- House settings, one JSON value a name. Secrets are in credentials, never here.
CREATE TABLE settings (
  name       TEXT PRIMARY KEY,
  value      TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Secrets of the house. `sealed` is v1.<key id>.<nonce>.<data+tag>, bound to table, row and field (services/vault.ts).
CREATE TABLE credentials (
  key         TEXT PRIMARY KEY,
  sealed      TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  created_at  TEXT NOT NULL,
  updated_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Tier 1: domains (with their subdomains) that a clean run may read without asking.
CREATE TABLE web_whitelist (
  domain     TEXT PRIMARY KEY,
  note       TEXT NOT NULL DEFAULT '',
  private_ok INTEGER NOT NULL DEFAULT 0 CHECK (private_ok IN (0, 1)),  -- may be told of URLs after private or third-party reading
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO web_whitelist (domain, note, private_ok, created_at)
SELECT column1, column2, 0, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM (VALUES
  ('wikipedia.org', 'Encyclopedia; there from the start, remove it if you like'),
  ('duckduckgo.com', 'Search; there from the start, remove it if you like'),
  ('yr.no', 'Weather; there from the start, remove it if you like'),
  ('weather.met.no', 'Weather; there from the start, remove it if you like'),
  ('timeanddate.com', 'Time and calendars; there from the start, remove it if you like')
);

-- Folders outside of which no tool touches a file.
CREATE TABLE filesystem_whitelist (
  path       TEXT PRIMARY KEY,                            -- absolute, symbolic links resolved
  note       TEXT NOT NULL DEFAULT '',
  written_by TEXT NOT NULL DEFAULT 'others' CHECK (written_by IN ('me', 'others')),
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE conversations (
  id            TEXT PRIMARY KEY,                         -- the session id of /ws/{session_id}, chosen by the client
  user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  agent_id      TEXT,
  title         TEXT NOT NULL,
  model         TEXT NOT NULL,                            -- of its newest run
  integrity     TEXT NOT NULL DEFAULT 'owner' CHECK (integrity IN ('owner', 'third_party')),
  privacy       TEXT NOT NULL DEFAULT 'private' CHECK (privacy IN ('public', 'private')),
  web_open      INTEGER NOT NULL DEFAULT 0 CHECK (web_open IN (0, 1)),  -- Tier 2
  cleared_after INTEGER NOT NULL DEFAULT 0,               -- runs.number: what came up to it is no longer told to the model
  cleared_at    TEXT,                                     -- yeses given before it no longer hold
  trimmed_to    INTEGER NOT NULL DEFAULT 0,               -- events.seq: retention took frames up to it
  message_count INTEGER NOT NULL DEFAULT 0,
  started_at    TEXT NOT NULL,
  updated_at    TEXT NOT NULL
) STRICT;
CREATE INDEX conversations_by_user ON conversations (user_id, updated_at DESC, id);

-- Everything that makes the model work. One row is one question with all that came of it.
CREATE TABLE runs (
  number          INTEGER PRIMARY KEY AUTOINCREMENT,      -- the order of work
  id              TEXT NOT NULL UNIQUE,
  user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  agent_id        TEXT,
  task_id         TEXT,
  parent_run_id   TEXT,
  api_key_id      TEXT,                                   -- the key that started it; it may not decide its approvals
  origin          TEXT NOT NULL CHECK (origin IN ('chat', 'manual', 'schedule', 'email', 'telegram', 'webhook', 'agent')),
  door            TEXT NOT NULL,                          -- web, api, telegram, email, scheduler, hooks
  address         TEXT NOT NULL DEFAULT '',               -- where an answer goes, in the door's own terms
  attended        INTEGER NOT NULL CHECK (attended IN (0, 1)),
  status          TEXT NOT NULL CHECK (status IN ('queued', 'running', 'waiting', 'paused', 'succeeded', 'failed', 'stopped', 'interrupted')),
  stop_wanted     INTEGER NOT NULL DEFAULT 0 CHECK (stop_wanted IN (0, 1)),
  input           TEXT NOT NULL,
  input_integrity TEXT NOT NULL CHECK (input_integrity IN ('owner', 'third_party')),
  model           TEXT NOT NULL,
  integrity       TEXT NOT NULL CHECK (integrity IN ('owner', 'third_party')),
  privacy         TEXT NOT NULL CHECK (privacy IN ('public', 'private')),
  attempts        INTEGER NOT NULL DEFAULT 0,             -- committed before each pick-up; three deaths make it interrupted
  tool_calls      INTEGER NOT NULL DEFAULT 0,
  input_tokens    INTEGER NOT NULL DEFAULT 0,
  output_tokens   INTEGER NOT NULL DEFAULT 0,
  cost_usd        REAL,                                   -- NULL: the price is not known
  stop_reason     TEXT,
  error_code      TEXT,
  error           TEXT,
  answer          TEXT NOT NULL DEFAULT '',
  created_at      TEXT NOT NULL,
  started_at      TEXT,
  ended_at        TEXT
) STRICT;
CREATE INDEX runs_queued ON runs (number) WHERE status = 'queued';
CREATE INDEX runs_active ON runs (conversation_id, number) WHERE status IN ('queued', 'running', 'waiting', 'paused');
CREATE INDEX runs_by_conversation ON runs (conversation_id, number);

-- Full-text search over what was asked and answered; kept in step by triggers.
CREATE VIRTUAL TABLE runs_text USING fts5 (input, answer, content = 'runs', content_rowid = 'number', tokenize = 'unicode61', columnsize = 0);
CREATE TRIGGER runs_text_insert AFTER INSERT ON runs BEGIN
  INSERT INTO runs_text (rowid, input, answer) VALUES (new.number, new.input, new.answer);
END;
CREATE TRIGGER runs_text_update AFTER UPDATE OF answer ON runs BEGIN
  INSERT INTO runs_text (runs_text, rowid, input, answer) VALUES ('delete', old.number, old.input, old.answer);
  INSERT INTO runs_text (rowid, input, answer) VALUES (new.number, new.input, new.answer);
END;
CREATE TRIGGER runs_text_delete AFTER DELETE ON runs BEGIN
  INSERT INTO runs_text (runs_text, rowid, input, answer) VALUES ('delete', old.number, old.input, old.answer);
END;

-- What every door has already handed in; a redelivery finds its first run here.
CREATE TABLE seen (
  door        TEXT NOT NULL,
  external_id TEXT NOT NULL,
  run_id      TEXT NOT NULL,
  created_at  TEXT NOT NULL,
  PRIMARY KEY (door, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachments (
  id         TEXT PRIMARY KEY,
  run_id     TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  name       TEXT NOT NULL,
  media_type TEXT NOT NULL,
  data       BLOB NOT NULL
) STRICT;
CREATE INDEX attachments_by_run ON attachments (run_id, position);

-- The journal: every model turn and every tool call of a run, in order.
-- A tool call is written as started before it happens and as finished after, so that a crash leaves no doubt where it stood.
CREATE TABLE steps (
  id            TEXT PRIMARY KEY,                         -- of a tool call: its call_id
  run_id        TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  position      INTEGER NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('model', 'tool')),
  status        TEXT NOT NULL CHECK (status IN ('started', 'finished')),
  tool_name     TEXT,
  operation     TEXT,
  arguments     TEXT,                                     -- JSON, as executed
  decision      TEXT CHECK (decision IN ('allow', 'ask', 'deny')),
  rule          TEXT,
  reason        TEXT,
  content       TEXT NOT NULL DEFAULT '',                 -- model: JSON parts; tool: the text given to the model
  summary       TEXT,
  success       INTEGER CHECK (success IN (0, 1)),
  confirmed     INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1)),
  result_urls   TEXT,                                     -- JSON: URLs that stood whole in a search result list
  integrity     TEXT NOT NULL CHECK (integrity IN ('owner', 'third_party')),  -- of the run after this step
  privacy       TEXT NOT NULL CHECK (privacy IN ('public', 'private')),
  model         TEXT,
  input_tokens  INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  cost_usd      REAL,
  started_at    TEXT NOT NULL,
  finished_at   TEXT,
  UNIQUE (run_id, position)
) STRICT;

-- Every "may I". Bound to one call and the hash of its arguments, used once, decided once.
CREATE TABLE approvals (
  id              TEXT PRIMARY KEY,                       -- the call_id
  user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind            TEXT NOT NULL CHECK (kind IN ('call', 'uncertain')),
  state           TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'void')),
  run_id          TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  conversation_id TEXT NOT NULL,
  agent_id        TEXT,
  tool_name       TEXT NOT NULL,
  operation       TEXT NOT NULL,
  arguments       TEXT NOT NULL,                          -- JSON: what would be executed, byte for byte
  arguments_hash  TEXT NOT NULL,                          -- SHA-256 of tool name and arguments
  scope           TEXT NOT NULL DEFAULT '',               -- what a yes goes on covering: host:… or write:…
  targets         TEXT NOT NULL DEFAULT '[]',             -- JSON: the places it touches; a no holds for them until the run ends
  integrity       TEXT NOT NULL CHECK (integrity IN ('owner', 'third_party')),  -- of the run when it asked
  description     TEXT NOT NULL,
  reason          TEXT NOT NULL,
  provenance      TEXT NOT NULL DEFAULT '[]',             -- JSON: where each argument came from
  edited          INTEGER NOT NULL DEFAULT 0 CHECK (edited IN (0, 1)),
  created_at      TEXT NOT NULL,
  expires_at      TEXT NOT NULL,
  decided_at      TEXT,
  decided_by      TEXT,
  note            TEXT
) STRICT;
CREATE INDEX approvals_pending ON approvals (user_id, created_at) WHERE state = 'pending';
CREATE INDEX approvals_expiring ON approvals (expires_at) WHERE state = 'pending';
CREATE INDEX approvals_by_run ON approvals (run_id);
CREATE INDEX approvals_by_user ON approvals (user_id, created_at);
CREATE INDEX approvals_by_conversation ON approvals (conversation_id, decided_at) WHERE state = 'approved';

-- The one log of everything that clients are told; seq is the cursor they resume by and is never used twice.
CREATE TABLE events (
  seq             INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id         TEXT NOT NULL,
  conversation_id TEXT,
  run_id          TEXT,
  agent_id        TEXT,
  type            TEXT NOT NULL,
  data            TEXT NOT NULL,                          -- JSON: the frame without type, run_id and seq
  created_at      TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_conversation ON events (conversation_id, seq);
CREATE INDEX events_by_age ON events (created_at);

-- Old versions of files that a tool overwrote or deleted, kept 30 days in DATA_DIR/trash/<id>.
CREATE TABLE trash (
  id          TEXT PRIMARY KEY,
  user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  run_id      TEXT,
  path        TEXT NOT NULL,                              -- where it was
  size        INTEGER NOT NULL,
  mode        INTEGER NOT NULL,
  cause       TEXT NOT NULL CHECK (cause IN ('overwritten', 'deleted')),
  created_at  TEXT NOT NULL,
  restored_at TEXT
) STRICT;
CREATE INDEX trash_by_user ON trash (user_id, created_at);
CREATE INDEX trash_by_age ON trash (created_at);

-- The labels of what Steward itself wrote, found again by content wherever the file went.
CREATE TABLE file_labels (
  path       TEXT PRIMARY KEY,
  folder     TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  integrity  TEXT NOT NULL CHECK (integrity IN ('owner', 'third_party')),
  privacy    TEXT NOT NULL CHECK (privacy IN ('public', 'private')),
  run_id     TEXT,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX file_labels_by_content ON file_labels (sha256);
CREATE INDEX file_labels_by_folder ON file_labels (folder);

-- Append-only. Each entry's mac covers the entry and the mac before it (services/audit.ts).
CREATE TABLE audit (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  at              TEXT NOT NULL,
  user_id         TEXT,
  kind            TEXT NOT NULL,                          -- tool_call, sign_in, sign_out, credential, whitelist, api_key, setting, …
  actor           TEXT NOT NULL,                          -- web:<username>, key:<prefix>, run:<id>, system
  action          TEXT NOT NULL,
  subject         TEXT NOT NULL DEFAULT '',
  run_id          TEXT,
  conversation_id TEXT,
  task_id         TEXT,
  agent_id        TEXT,
  tool_name       TEXT,
  arguments       TEXT,                                   -- JSON, known secrets masked
  integrity       TEXT,
  privacy         TEXT,
  decision        TEXT,
  rule            TEXT,
  approved_by     TEXT,
  success         INTEGER,
  outcome         TEXT,
  duration_ms     INTEGER,
  mac             TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_user ON audit (user_id, id);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_tool ON audit (tool_name, id) WHERE tool_name IS NOT NULL;
CREATE INDEX audit_by_conversation ON audit (conversation_id, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX audit_by_task ON audit (task_id, id) WHERE task_id IS NOT NULL;
CREATE INDEX audit_confirmed ON audit (id) WHERE approved_by IS NOT NULL;
