-- The whole present schema; what a fresh install runs. Older files are taken forward by db/migrations/.
-- Times are ISO-8601 UTC text, ids UUIDv7 text. Everything that belongs to somebody carries user_id.

CREATE TABLE users (
  id            TEXT PRIMARY KEY,
  username      TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password_hash TEXT NOT NULL,                            -- argon2id, PHC string
  role          TEXT NOT NULL CHECK (role IN ('admin', 'user')),
  is_active     INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  created_at    TEXT NOT NULL,
  updated_at    TEXT NOT NULL,
  email          TEXT COLLATE NOCASE,                     -- where a forgotten password is told of
  totp_sealed    TEXT,                                    -- the TOTP secret, sealed like credentials; not in force until totp_active
  totp_active    INTEGER NOT NULL DEFAULT 0 CHECK (totp_active IN (0, 1)),
  totp_last_step INTEGER NOT NULL DEFAULT 0               -- a step is accepted once (RFC 6238, 5.2)
) STRICT;
CREATE UNIQUE INDEX users_by_email ON users (email) WHERE email IS NOT NULL;

-- Ten codes that stand in for a TOTP, each once.
CREATE TABLE recovery_codes (
  user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL,                                -- SHA-256 of user id and code, hex
  used_at   TEXT,
  PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;

-- WebAuthn credentials.
CREATE TABLE passkeys (
  id            TEXT PRIMARY KEY,
  user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  credential_id TEXT NOT NULL UNIQUE,                     -- base64url
  public_key    TEXT NOT NULL,                            -- COSE, base64url
  counter       INTEGER NOT NULL DEFAULT 0,
  transports    TEXT NOT NULL DEFAULT '[]',               -- JSON array
  name          TEXT NOT NULL,
  backed_up     INTEGER NOT NULL DEFAULT 0 CHECK (backed_up IN (0, 1)),
  created_at    TEXT NOT NULL,
  last_used_at  TEXT
) STRICT;
CREATE INDEX passkeys_by_user ON passkeys (user_id, created_at);

-- Links in mails about a forgotten password. Kept after use, so that a second use is told from an unknown one.
CREATE TABLE password_resets (
  token_hash TEXT PRIMARY KEY,                            -- SHA-256, hex
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  used_at    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX password_resets_by_age ON password_resets (created_at);

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
  request    TEXT NOT NULL,                               -- HMAC-SHA-256 of method, path and body
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

-- Addresses that mail may be sent to. A daily limit of 0 is none.
CREATE TABLE email_whitelist (
  email       TEXT PRIMARY KEY COLLATE NOCASE,
  daily_limit INTEGER NOT NULL DEFAULT 0 CHECK (daily_limit >= 0),
  owner       INTEGER NOT NULL DEFAULT 0 CHECK (owner IN (0, 1)),  -- the owner's own address
  created_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Sites on which a user's browser tool may act in their name.
CREATE TABLE browser_trusted (
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  domain     TEXT NOT NULL,
  note       TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL,
  PRIMARY KEY (user_id, domain)
) STRICT, WITHOUT ROWID;

-- The owner's sessions at trusted sites: cookies, sealed.
CREATE TABLE browser_sessions (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL,
  domain     TEXT NOT NULL,
  sealed     TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  UNIQUE (user_id, domain),
  FOREIGN KEY (user_id, domain) REFERENCES browser_trusted (user_id, domain) ON DELETE CASCADE
) STRICT;

CREATE TABLE conversations (
  id            TEXT PRIMARY KEY,                         -- the session id of /ws/{session_id}, chosen by the client
  user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  agent_id      TEXT,
  kind          TEXT NOT NULL DEFAULT 'chat' CHECK (kind IN ('chat', 'run')),  -- run: the workings of an agent or task, not listed among chats
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
  updated_at    TEXT NOT NULL,
  title_row     INTEGER                                   -- of a chat: its row in conversation_titles
) STRICT;
CREATE INDEX conversations_by_user ON conversations (user_id, updated_at DESC, id) WHERE kind = 'chat';

-- How many chats a user has, and their titles for search; kept in step by triggers.
CREATE TABLE chat_counts (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  n       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE conversation_titles USING fts5 (title, id UNINDEXED, user_id UNINDEXED, tokenize = 'trigram', columnsize = 0);
CREATE TRIGGER conversations_insert AFTER INSERT ON conversations WHEN new.kind = 'chat' BEGIN
  INSERT INTO chat_counts (user_id, n) VALUES (new.user_id, 1) ON CONFLICT (user_id) DO UPDATE SET n = n + 1;
  INSERT INTO conversation_titles (title, id, user_id) VALUES (new.title, new.id, new.user_id);
  UPDATE conversations SET title_row = last_insert_rowid() WHERE id = new.id;
END;
CREATE TRIGGER conversations_rename AFTER UPDATE OF title ON conversations WHEN new.kind = 'chat' BEGIN
  UPDATE conversation_titles SET title = new.title WHERE rowid = new.title_row;
END;
CREATE TRIGGER conversations_delete AFTER DELETE ON conversations WHEN old.kind = 'chat' BEGIN
  UPDATE chat_counts SET n = n - 1 WHERE user_id = old.user_id;
  DELETE FROM conversation_titles WHERE rowid = old.title_row;
END;

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
  ended_at        TEXT,
  lane            TEXT NOT NULL DEFAULT 'chat' CHECK (lane IN ('chat', 'background')),  -- which limit it counts against
  fair_key        TEXT NOT NULL DEFAULT '',               -- on whose account: places go round between these
  ready           INTEGER NOT NULL DEFAULT 0 CHECK (ready IN (0, 1)),      -- nothing before it in its conversation is unfinished
  autonomous      INTEGER NOT NULL DEFAULT 0 CHECK (autonomous IN (0, 1)), -- nobody asked for it at that moment
  hold            TEXT,                                   -- while paused: what holds it (house, agent, budget)
  system_prompt   TEXT REFERENCES prompts (hash),         -- what it was told it is; NULL in rows of schema 1
  chain           TEXT NOT NULL DEFAULT '[]',             -- JSON: agent ids from the root run's to its own
  max_tool_calls  INTEGER,                                -- NULL: the house's limit
  max_cost_usd    REAL,                                   -- NULL: no limit of its own
  first_seq       INTEGER,                                -- events.seq of its first frame
  mailbox         TEXT                                    -- the mail account that it looks after, with that account's tools alone
) STRICT;
CREATE INDEX runs_ready ON runs (lane, autonomous, fair_key, number) WHERE status = 'queued' AND ready = 1 AND started_at IS NULL;
CREATE INDEX runs_resumed ON runs (lane, number) WHERE status = 'queued' AND ready = 1 AND started_at IS NOT NULL;
CREATE INDEX runs_queued ON runs (number) WHERE status = 'queued';
CREATE INDEX runs_held ON runs (number) WHERE status = 'paused';
CREATE INDEX runs_autonomous ON runs (started_at) WHERE autonomous = 1 AND started_at IS NOT NULL;
CREATE INDEX runs_by_user ON runs (user_id, number);
CREATE INDEX runs_by_agent ON runs (agent_id, number) WHERE agent_id IS NOT NULL;
CREATE INDEX runs_by_task ON runs (task_id, number) WHERE task_id IS NOT NULL;
CREATE INDEX runs_by_parent ON runs (parent_run_id, number) WHERE parent_run_id IS NOT NULL;
CREATE INDEX runs_by_origin ON runs (user_id, origin, number) WHERE origin <> 'chat';
CREATE INDEX runs_by_status ON runs (user_id, status, number) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_by_agent_status ON runs (agent_id, status, number) WHERE agent_id IS NOT NULL AND ended_at IS NOT NULL;
CREATE INDEX runs_by_task_status ON runs (task_id, status, number) WHERE task_id IS NOT NULL AND ended_at IS NOT NULL;
CREATE INDEX runs_active ON runs (conversation_id, number) WHERE status IN ('queued', 'running', 'waiting', 'paused');
CREATE INDEX runs_by_conversation ON runs (conversation_id, number);
CREATE INDEX runs_said ON runs (number, user_id, conversation_id) WHERE lane = 'chat' AND parent_run_id IS NULL;

-- Full-text search over what was asked and answered in chats; kept in step by triggers.
CREATE VIRTUAL TABLE runs_text USING fts5 (input, answer, content = 'runs', content_rowid = 'number', tokenize = 'unicode61', columnsize = 0);
CREATE TRIGGER runs_text_insert AFTER INSERT ON runs WHEN new.lane = 'chat' BEGIN
  INSERT INTO runs_text (rowid, input, answer) VALUES (new.number, new.input, new.answer);
END;
CREATE TRIGGER runs_text_update AFTER UPDATE OF answer ON runs WHEN new.lane = 'chat' BEGIN
  INSERT INTO runs_text (runs_text, rowid, input, answer) VALUES ('delete', old.number, old.input, old.answer);
  INSERT INTO runs_text (rowid, input, answer) VALUES (new.number, new.input, new.answer);
END;
CREATE TRIGGER runs_text_delete AFTER DELETE ON runs WHEN old.lane = 'chat' BEGIN
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

-- The journal: every model turn, every tool call and every compaction of a run, in order.
-- A tool call is written as started before it happens and as finished after, so that a crash leaves no doubt where it stood.
CREATE TABLE steps (
  id            TEXT PRIMARY KEY,                         -- of a tool call: its call_id
  run_id        TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  position      INTEGER NOT NULL,
  kind          TEXT NOT NULL CHECK (kind IN ('model', 'tool', 'summary')),
  status        TEXT NOT NULL CHECK (status IN ('started', 'finished')),
  tool_name     TEXT,
  operation     TEXT,
  arguments     TEXT,                                     -- JSON, as executed
  decision      TEXT CHECK (decision IN ('allow', 'ask', 'deny')),
  rule          TEXT,
  reason        TEXT,
  content       TEXT NOT NULL DEFAULT '',                 -- model: JSON parts; tool: the text given to the model; summary: JSON of a compaction
  summary       TEXT,
  success       INTEGER CHECK (success IN (0, 1)),
  confirmed     INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1)),
  result_urls   TEXT,                                     -- JSON: URLs that stood whole in a search result list
  source        TEXT,                                     -- what a result was read from, in a few words for the owner
  flags         TEXT,                                     -- JSON: what the extra layers said of it (services/policy/screens.ts)
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

-- Pictures that came back from a tool call, as the model and the owner see them.
CREATE TABLE step_pictures (
  step_id    TEXT NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
  position   INTEGER NOT NULL,
  run_id     TEXT NOT NULL,                                -- of the step, so that those of a run are found at once
  media_type TEXT NOT NULL,
  data       BLOB NOT NULL,
  PRIMARY KEY (step_id, position)
) STRICT;
CREATE INDEX step_pictures_by_run ON step_pictures (run_id);

-- Every "may I". Bound to one call and the hash of its arguments, used once, decided once.
CREATE TABLE approvals (
  id              TEXT PRIMARY KEY,                       -- of a question about a call: its call_id
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
  note            TEXT,
  call_id         TEXT NOT NULL DEFAULT '',
  answer          TEXT CHECK (answer IN ('done', 'again', 'give_up')),  -- what the owner said of an uncertain call
  used_at         TEXT                                    -- an answer counts once
) STRICT;
CREATE INDEX approvals_pending ON approvals (user_id, created_at) WHERE state = 'pending';
CREATE INDEX approvals_expiring ON approvals (expires_at) WHERE state = 'pending';
CREATE INDEX approvals_by_run ON approvals (run_id);
CREATE INDEX approvals_by_user ON approvals (user_id, created_at);
CREATE INDEX approvals_listed ON approvals (user_id, id);
CREATE INDEX approvals_by_state ON approvals (user_id, state, id);
CREATE INDEX approvals_uncertain ON approvals (call_id) WHERE kind = 'uncertain';
CREATE INDEX approvals_by_agent ON approvals (agent_id, created_at) WHERE agent_id IS NOT NULL;
CREATE INDEX approvals_by_conversation ON approvals (conversation_id, decided_at) WHERE state = 'approved';

-- The owner's standing yeses: for the runs of one agent, or within one conversation. A revoked one is gone; the audit log keeps it.
CREATE TABLE grants (
  id                TEXT PRIMARY KEY,
  user_id           TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  agent_id          TEXT,                                 -- applies where this agent is the root of the run
  conversation_id   TEXT,
  operation         TEXT NOT NULL,                        -- tool.operation
  destinations      TEXT NOT NULL DEFAULT '[]',           -- JSON: every destination of a call must be among them
  paths             TEXT NOT NULL DEFAULT '[]',           -- JSON: every path of a call must be one of them or below
  after_third_party INTEGER NOT NULL DEFAULT 0 CHECK (after_third_party IN (0, 1)),
  per_day           INTEGER NOT NULL DEFAULT 5,
  approval_id       TEXT,                                 -- the card it was made from
  expires_at        TEXT,
  created_at        TEXT NOT NULL,
  CHECK ((agent_id IS NULL) <> (conversation_id IS NULL))
) STRICT;
CREATE INDEX grants_by_user ON grants (user_id, id);
CREATE INDEX grants_by_agent ON grants (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX grants_by_conversation ON grants (conversation_id) WHERE conversation_id IS NOT NULL;

-- How often a grant was used on a day of the house (TZ).
CREATE TABLE grant_uses (
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  day      TEXT NOT NULL,                                 -- YYYY-MM-DD
  uses     INTEGER NOT NULL,
  PRIMARY KEY (grant_id, day)
) STRICT, WITHOUT ROWID;

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
CREATE INDEX events_by_agent ON events (agent_id, seq) WHERE agent_id IS NOT NULL;

-- System prompts by the SHA-256 of their text, so that a run goes on with the very words it began with.
CREATE TABLE prompts (
  hash TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The owner's own words: how the agent is called, how it should be, and whom it works for.
CREATE TABLE personalities (
  user_id    TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  agent_name TEXT NOT NULL,
  soul       TEXT NOT NULL,
  about      TEXT NOT NULL,                               -- the owner; `user` in the API
  updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Personas that work by themselves. A removed one stays as a row, so that its history keeps its name.
CREATE TABLE agents (
  id             TEXT PRIMARY KEY,
  user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name           TEXT NOT NULL,
  prompt         TEXT NOT NULL,
  integrity      TEXT NOT NULL CHECK (integrity IN ('owner', 'third_party')),  -- who could have written the prompt
  model          TEXT,                                    -- NULL: the house's default
  prompt_mode    TEXT NOT NULL CHECK (prompt_mode IN ('combined', 'agent_only', 'system_only')),
  allowed_tools  TEXT,                                    -- JSON array; NULL: every tool that may run unattended
  max_tool_calls INTEGER,
  max_cost_usd   REAL,
  enabled        INTEGER NOT NULL CHECK (enabled IN (0, 1)),  -- whether its schedule counts
  paused         INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
  created_at     TEXT NOT NULL,
  updated_at     TEXT NOT NULL,
  deleted_at     TEXT
) STRICT;
CREATE INDEX agents_by_user ON agents (user_id, created_at) WHERE deleted_at IS NULL;

-- Work that comes again. A task may name the agent that does it.
CREATE TABLE tasks (
  id             TEXT PRIMARY KEY,
  user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  agent_id       TEXT,
  name           TEXT NOT NULL,
  prompt         TEXT NOT NULL,
  integrity      TEXT NOT NULL CHECK (integrity IN ('owner', 'third_party')),
  model          TEXT,
  allowed_tools  TEXT,
  max_tool_calls INTEGER,
  max_cost_usd   REAL,
  enabled        INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  created_at     TEXT NOT NULL,
  updated_at     TEXT NOT NULL,
  deleted_at     TEXT
) STRICT;
CREATE INDEX tasks_by_user ON tasks (user_id, created_at) WHERE deleted_at IS NULL;
CREATE INDEX tasks_by_agent ON tasks (agent_id) WHERE agent_id IS NOT NULL AND deleted_at IS NULL;

-- When agents and tasks are due. Each has its row; next_at is NULL while it is off or nothing is to come.
CREATE TABLE schedules (
  id         TEXT PRIMARY KEY,                            -- the agent's or the task's id
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind       TEXT NOT NULL CHECK (kind IN ('agent', 'task')),
  expression TEXT,                                        -- cron, 5 or 6 fields; NULL: one time only, or by hand
  run_at     TEXT,                                        -- one time
  timezone   TEXT NOT NULL,                               -- IANA
  catch_up   INTEGER NOT NULL CHECK (catch_up IN (0, 1)),
  next_at    TEXT,
  updated_at TEXT NOT NULL,
  CHECK (expression IS NULL OR run_at IS NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

-- The ledger: every time a schedule was due, what became of it. Long silences are one row with a count.
CREATE TABLE occurrences (
  schedule_id TEXT NOT NULL,
  due_at      TEXT NOT NULL,
  until_at    TEXT NOT NULL,                              -- the last one this row stands for; due_at where count is 1
  count       INTEGER NOT NULL DEFAULT 1,
  state       TEXT NOT NULL CHECK (state IN ('ran', 'skipped', 'missed', 'merged')),
  reason      TEXT NOT NULL DEFAULT '',
  run_id      TEXT,                                       -- ran: the run; merged: the run it was merged into
  recorded_at TEXT NOT NULL,
  PRIMARY KEY (schedule_id, due_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX occurrences_ran ON occurrences (schedule_id, due_at) WHERE state = 'ran';

-- Mailboxes to listen to, and servers to send by; either half may be missing. Passwords are sealed like credentials.
CREATE TABLE email_accounts (
  id               TEXT PRIMARY KEY,
  user_id          TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  label            TEXT NOT NULL,
  account_type     TEXT NOT NULL CHECK (account_type IN ('trigger', 'handling')),
  enabled          INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  address          TEXT NOT NULL,                         -- its own: the From of what it sends
  agent_id         TEXT,
  folders          TEXT NOT NULL DEFAULT '["INBOX"]',     -- JSON array
  extra_tools      TEXT NOT NULL DEFAULT '[]',            -- JSON array
  allowed_senders  TEXT,                                  -- JSON array; NULL: the email whitelist, ["*"]: anybody
  authserv_id      TEXT,                                  -- whose Authentication-Results are believed (RFC 8601)
  telegram_chat_id TEXT,
  auth             TEXT NOT NULL DEFAULT 'password' CHECK (auth IN ('password', 'oauth2')),
  tls_ca           TEXT,                                  -- PEM; NULL: the system's
  imap_host        TEXT,
  imap_port        INTEGER,
  imap_secure      TEXT CHECK (imap_secure IN ('tls', 'starttls', 'none')),
  imap_username    TEXT,
  imap_sealed      TEXT,
  smtp_host        TEXT,
  smtp_port        INTEGER,
  smtp_secure      TEXT CHECK (smtp_secure IN ('tls', 'starttls', 'none')),
  smtp_username    TEXT,
  smtp_sealed      TEXT,
  created_at       TEXT NOT NULL,
  updated_at       TEXT NOT NULL
) STRICT;
CREATE INDEX email_accounts_by_user ON email_accounts (user_id, created_at);

-- Where listening stands, a row a folder: the bookmark. What the server had before `started_at` is looked at no more.
CREATE TABLE email_folders (
  account_id   TEXT NOT NULL REFERENCES email_accounts (id) ON DELETE CASCADE,
  path         TEXT NOT NULL,
  mailbox      TEXT NOT NULL,                             -- whose, at which server: another one is begun anew
  uid_validity TEXT NOT NULL,
  last_uid     INTEGER NOT NULL,
  fresh_uid    INTEGER NOT NULL,                          -- below it only what came after started_at is looked at
  started_at   TEXT NOT NULL,
  updated_at   TEXT NOT NULL,
  PRIMARY KEY (account_id, path)
) STRICT, WITHOUT ROWID;

-- Rules of an account: which mail starts which agent. A phrase of '' fits every mail.
CREATE TABLE email_triggers (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  account_id TEXT NOT NULL REFERENCES email_accounts (id) ON DELETE CASCADE,
  phrase     TEXT NOT NULL,
  agent_id   TEXT,                                        -- NULL: the account's
  enabled    INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  position   INTEGER NOT NULL DEFAULT 0,                  -- in which order they are tried
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX email_triggers_by_account ON email_triggers (account_id, position, id);

-- Every mail that was looked at, once, and what became of it. `identity` says which mail it is, wherever it lies.
CREATE TABLE email_messages (
  id           TEXT PRIMARY KEY,
  user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  account_id   TEXT NOT NULL REFERENCES email_accounts (id) ON DELETE CASCADE,
  identity     TEXT NOT NULL,
  folder       TEXT NOT NULL,                             -- where it was found first
  uid_validity TEXT NOT NULL,
  uid          INTEGER NOT NULL,
  message_id   TEXT,
  thread       TEXT NOT NULL,
  sender       TEXT,                                      -- NULL: nobody could be made out
  sender_name  TEXT,
  proven       INTEGER NOT NULL DEFAULT 0 CHECK (proven IN (0, 1)),  -- an aligned DMARC pass
  subject      TEXT NOT NULL DEFAULT '',
  sent_at      TEXT,
  received_at  TEXT NOT NULL,
  size         INTEGER NOT NULL,
  attachments  TEXT NOT NULL DEFAULT '[]',
  outcome      TEXT NOT NULL CHECK (outcome IN ('started', 'no_match', 'not_allowed', 'automatic', 'own', 'loop', 'unreadable', 'failed')),
  reason       TEXT NOT NULL DEFAULT '',
  created_at   TEXT NOT NULL,
  UNIQUE (account_id, identity)
) STRICT;
CREATE INDEX email_messages_by_account ON email_messages (account_id, id);
CREATE INDEX email_messages_started ON email_messages (account_id, thread, created_at) WHERE outcome = 'started';
CREATE INDEX email_messages_by_age ON email_messages (created_at);

CREATE TABLE email_runs (
  run_id           TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  email_message_id TEXT NOT NULL REFERENCES email_messages (id) ON DELETE CASCADE,
  trigger_id       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX email_runs_by_message ON email_runs (email_message_id);

-- What counts against the daily limit of an address; taken back where the server certainly refused.
CREATE TABLE email_reservations (
  call_id    TEXT NOT NULL,
  address    TEXT NOT NULL COLLATE NOCASE,
  day        TEXT NOT NULL,                               -- YYYY-MM-DD, the house's own (TZ)
  created_at TEXT NOT NULL,
  PRIMARY KEY (call_id, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX email_reservations_by_day ON email_reservations (address, day);

-- Where a user is told of questions and results by mail: an address of their own.
CREATE TABLE email_notices (
  user_id    TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  address    TEXT NOT NULL,
  kinds      TEXT NOT NULL,                               -- JSON: kinds of notifications
  updated_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Links to one question each, good once.
CREATE TABLE approval_links (
  token_hash  TEXT PRIMARY KEY,
  approval_id TEXT NOT NULL REFERENCES approvals (id) ON DELETE CASCADE,
  user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  expires_at  TEXT NOT NULL,
  used_at     TEXT,
  created_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_links_by_approval ON approval_links (approval_id);
CREATE INDEX approval_links_by_age ON approval_links (expires_at);

-- Where webhook.send_to_target may send to. The secret is sealed like credentials.
CREATE TABLE webhook_targets (
  id          TEXT PRIMARY KEY,
  user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name        TEXT NOT NULL COLLATE NOCASE,
  url         TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  owner       INTEGER NOT NULL DEFAULT 0 CHECK (owner IN (0, 1)),  -- the owner's own device or service
  enabled     INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  sealed      TEXT NOT NULL,
  created_at  TEXT NOT NULL,
  updated_at  TEXT NOT NULL,
  UNIQUE (user_id, name)
) STRICT;

-- Servers of calendars and address books. The password is sealed like credentials. checked_at: when it was last looked at.
CREATE TABLE dav_accounts (
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  label      TEXT NOT NULL COLLATE NOCASE,
  url        TEXT NOT NULL,
  username   TEXT NOT NULL,
  tls_ca     TEXT,                                        -- PEM; null for the system's authorities
  enabled    INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  sealed     TEXT NOT NULL,
  addresses  TEXT NOT NULL DEFAULT '[]',                  -- JSON: whose invitations are the owner's own, as the server says
  checked_at TEXT,
  last_error TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  UNIQUE (user_id, label)
) STRICT;

-- The calendars and address books of an account, as they were found, and what the owner says of each. They stay when they are
-- missed once, so that no mark is lost.
CREATE TABLE dav_collections (
  id         TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES dav_accounts (id) ON DELETE CASCADE,
  kind       TEXT NOT NULL CHECK (kind IN ('calendar', 'address_book')),
  url        TEXT NOT NULL,
  name       TEXT NOT NULL,
  read_only  INTEGER NOT NULL DEFAULT 0 CHECK (read_only IN (0, 1)),
  seen_shared INTEGER NOT NULL DEFAULT 0 CHECK (seen_shared IN (0, 1)),  -- others see it, as the server says
  shared     INTEGER CHECK (shared IN (0, 1)),            -- as the owner says; null: as the server says
  used       INTEGER NOT NULL DEFAULT 1 CHECK (used IN (0, 1)),
  there      INTEGER NOT NULL DEFAULT 1 CHECK (there IN (0, 1)),
  found_at   TEXT NOT NULL,
  UNIQUE (account_id, url)
) STRICT;

-- What Steward keeps in mind for a user. The labels are those of whoever wrote it: a run, or a key. A capture is known by its call.
CREATE TABLE memories (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  id         TEXT NOT NULL UNIQUE,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind       TEXT NOT NULL CHECK (kind IN ('fact', 'preference', 'person', 'task', 'note')),
  text       TEXT NOT NULL,
  tags       TEXT NOT NULL DEFAULT '[]',                  -- JSON array
  pinned     INTEGER NOT NULL DEFAULT 0 CHECK (pinned IN (0, 1)),
  expires_at TEXT,
  integrity  TEXT NOT NULL CHECK (integrity IN ('owner', 'third_party')),
  privacy    TEXT NOT NULL CHECK (privacy IN ('public', 'private')),
  source     TEXT NOT NULL CHECK (source IN ('run', 'page', 'api', 'import')),
  run_id     TEXT,
  call_id    TEXT UNIQUE,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX memories_by_user ON memories (user_id, number);
CREATE INDEX memories_pinned ON memories (user_id, number) WHERE pinned = 1;
CREATE INDEX memories_expiring ON memories (expires_at) WHERE expires_at IS NOT NULL;

-- Full-text search over it; kept in step by triggers. What is deleted leaves the index at once, not when segments are merged.
CREATE VIRTUAL TABLE memories_text USING fts5 (text, tags, content = 'memories', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO memories_text (memories_text, rank) VALUES ('secure-delete', 1);
CREATE VIRTUAL TABLE memories_terms USING fts5vocab ('memories_text', 'row');
CREATE TRIGGER memories_insert AFTER INSERT ON memories BEGIN
  INSERT INTO memories_text (rowid, text, tags) VALUES (new.number, new.text, new.tags);
END;
CREATE TRIGGER memories_update AFTER UPDATE OF text, tags ON memories BEGIN
  INSERT INTO memories_text (memories_text, rowid, text, tags) VALUES ('delete', old.number, old.text, old.tags);
  INSERT INTO memories_text (rowid, text, tags) VALUES (new.number, new.text, new.tags);
  DELETE FROM memory_vectors WHERE memory_number = new.number;
END;
CREATE TRIGGER memories_delete AFTER DELETE ON memories BEGIN
  INSERT INTO memories_text (memories_text, rowid, text, tags) VALUES ('delete', old.number, old.text, old.tags);
END;

-- What an embeddings model makes of a memory: 32-bit floats of length 1. A row of another model is made anew.
CREATE TABLE memory_vectors (
  memory_number INTEGER PRIMARY KEY REFERENCES memories (number) ON DELETE CASCADE,
  model         TEXT NOT NULL,                            -- provider:model
  vector        BLOB NOT NULL
) STRICT;

-- What each user says of their memory; who has no row has the first values.
CREATE TABLE memory_settings (
  user_id      TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  recall       INTEGER NOT NULL CHECK (recall IN (0, 1)),
  auto_approve INTEGER NOT NULL CHECK (auto_approve IN (0, 1)),
  updated_at   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a run was told from memory without asking, as it was told.
CREATE TABLE run_recalls (
  run_id  TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  entries TEXT NOT NULL                                   -- JSON: id, kind and text of each
) STRICT, WITHOUT ROWID;

-- The token is sealed like credentials; without one there is no bot yet.
CREATE TABLE telegram_bots (
  user_id          TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  bot_id           TEXT UNIQUE,                           -- Telegram's
  username         TEXT,
  name             TEXT,
  sealed           TEXT,
  enabled          INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  default_agent_id TEXT,                                  -- NULL: Steward itself
  max_age_s        INTEGER NOT NULL DEFAULT 600,          -- older messages are reported, not acted on
  deadline_s       INTEGER NOT NULL DEFAULT 75,           -- how long Telegram may be silent before the owner is told
  notices          TEXT NOT NULL DEFAULT '["approval","trouble","budget"]',  -- JSON: what is told in the owner's chats
  created_at       TEXT NOT NULL,
  updated_at       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Chats that the bot talks in; all others are refused.
CREATE TABLE telegram_chats (
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  chat_id    TEXT NOT NULL,                               -- Telegram's; negative for groups
  label      TEXT NOT NULL,
  owner      INTEGER NOT NULL CHECK (owner IN (0, 1)),    -- the owner's own private chat
  conversation_id TEXT,                                   -- what is being talked about in it now
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (user_id, chat_id),
  CHECK (owner = 0 OR chat_id NOT LIKE '-%')
) STRICT, WITHOUT ROWID;

-- Words that pick an agent for a message; the first enabled one by position that fits.
CREATE TABLE telegram_triggers (
  id           TEXT PRIMARY KEY,
  user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  position     INTEGER NOT NULL,
  trigger_word TEXT NOT NULL,
  agent_id     TEXT NOT NULL,
  enabled      INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  created_at   TEXT NOT NULL,
  updated_at   TEXT NOT NULL
) STRICT;
CREATE INDEX telegram_triggers_by_user ON telegram_triggers (user_id, position, id);

-- Codes by which a chat that asked for one is bound to whoever enters it.
CREATE TABLE telegram_links (
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  chat_id    TEXT NOT NULL,
  code_hash  TEXT NOT NULL,
  label      TEXT NOT NULL,
  tries      INTEGER NOT NULL DEFAULT 0,                  -- wrong codes that were entered while it was open
  expires_at TEXT NOT NULL,
  PRIMARY KEY (user_id, chat_id)
) STRICT, WITHOUT ROWID;

-- Updates that were taken, each once. Their numbers begin anew now and then, so they are never compared.
CREATE TABLE telegram_seen (
  bot_id     TEXT NOT NULL,
  update_id  INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (bot_id, update_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX telegram_seen_by_age ON telegram_seen (created_at);

-- When a chat was last told something that it is told once a day.
CREATE TABLE telegram_told (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  chat_id TEXT NOT NULL,
  what    TEXT NOT NULL,                                  -- refused, nobody
  told_at TEXT NOT NULL,
  PRIMARY KEY (user_id, chat_id, what)
) STRICT, WITHOUT ROWID;
CREATE INDEX telegram_told_by_age ON telegram_told (told_at);

-- Runs whose answer goes to a chat. While `open` it is shown as it grows; then it is handed to the outbox.
CREATE TABLE telegram_answers (
  run_id     TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  chat_id    TEXT NOT NULL,
  message_id INTEGER NOT NULL,                            -- the message that asked
  open       INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX telegram_answers_open ON telegram_answers (user_id) WHERE open = 1;
CREATE INDEX telegram_answers_by_message ON telegram_answers (user_id, chat_id, message_id);

-- The messages of an answer at Telegram, written down before anything is put into them, so that they are finished after a crash.
CREATE TABLE telegram_parts (
  run_id     TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  part       INTEGER NOT NULL,
  message_id INTEGER,                                     -- NULL: a file that is on its way
  PRIMARY KEY (run_id, part)
) STRICT, WITHOUT ROWID;

-- Questions as they stand in chats, with buttons; `message_id` is NULL while one is on its way.
CREATE TABLE telegram_questions (
  approval_id TEXT NOT NULL REFERENCES approvals (id) ON DELETE CASCADE,
  user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  chat_id     TEXT NOT NULL,
  message_id  INTEGER,
  open        INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1)),
  PRIMARY KEY (approval_id, chat_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX telegram_questions_open ON telegram_questions (user_id) WHERE open = 1;

-- What leaves the house, and whether it arrived. `sending` is written before, so that a crash leaves no doubt.
CREATE TABLE outbox (
  id              TEXT PRIMARY KEY,                       -- told to the receiver, who can tell a repeat by it
  user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  run_id          TEXT,
  call_id         TEXT,
  door            TEXT NOT NULL CHECK (door IN ('webhook', 'email', 'telegram')),
  address         TEXT NOT NULL,                          -- in the door's own terms: a webhook target's or a mail account's id
  body            TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'delivered', 'failed', 'uncertain')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT,
  last_status     INTEGER,                                -- HTTP or SMTP
  last_error      TEXT,
  answer          TEXT,                                   -- the beginning of what came back
  created_at      TEXT NOT NULL,
  updated_at      TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'queued';
CREATE INDEX outbox_unsettled ON outbox (state) WHERE state IN ('queued', 'sending', 'uncertain');
CREATE INDEX outbox_by_address ON outbox (address, id);
CREATE INDEX outbox_by_call ON outbox (call_id) WHERE call_id IS NOT NULL;
-- Mails of which the sender's own copy is not made yet.
CREATE INDEX outbox_uncopied ON outbox (id) WHERE door = 'email' AND state = 'delivered' AND body <> '';

-- What the owner should know of.
CREATE TABLE notifications (
  id          TEXT PRIMARY KEY,
  user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind        TEXT NOT NULL CHECK (kind IN ('approval', 'result', 'trouble', 'missed', 'budget', 'delivery')),
  title       TEXT NOT NULL,
  text        TEXT NOT NULL DEFAULT '',
  run_id      TEXT,
  agent_id    TEXT,
  task_id     TEXT,
  approval_id TEXT,
  created_at  TEXT NOT NULL,
  read_at     TEXT
) STRICT;
CREATE INDEX notifications_by_user ON notifications (user_id, id);
CREATE INDEX notifications_by_kind ON notifications (user_id, kind, id);
CREATE INDEX notifications_unread ON notifications (user_id, id) WHERE read_at IS NULL;
CREATE INDEX notifications_by_age ON notifications (created_at);
CREATE INDEX notifications_by_approval ON notifications (approval_id) WHERE approval_id IS NOT NULL;

-- What models cost, a row a day; days are the house's own (TZ).
CREATE TABLE usage_days (
  user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  day           TEXT NOT NULL,                            -- YYYY-MM-DD
  agent_id      TEXT NOT NULL DEFAULT '',
  task_id       TEXT NOT NULL DEFAULT '',
  model         TEXT NOT NULL,
  turns         INTEGER NOT NULL DEFAULT 0,
  unknown_turns INTEGER NOT NULL DEFAULT 0,               -- turns whose price is not known
  input_tokens  INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  cost_usd      REAL NOT NULL DEFAULT 0,                  -- of the turns whose price is known
  PRIMARY KEY (user_id, day, agent_id, task_id, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_day ON usage_days (day);
CREATE INDEX usage_by_agent ON usage_days (agent_id, day) WHERE agent_id <> '';
CREATE INDEX usage_by_task ON usage_days (task_id, day) WHERE task_id <> '';

-- Budget warnings that were already given: one a budget, period and level.
CREATE TABLE budget_notices (
  period  TEXT NOT NULL,                                  -- day:2026-11-24 or month:2026-11
  level   INTEGER NOT NULL CHECK (level IN (80, 100)),
  told_at TEXT NOT NULL,
  PRIMARY KEY (period, level)
) STRICT, WITHOUT ROWID;

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
  restored_at TEXT,
  kind        TEXT NOT NULL DEFAULT 'file' CHECK (kind IN ('file', 'folder'))
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

-- Append-only. Each entry's mac covers the entry and the mac before it; the newest is named by the setting audit_head, and
-- entries of the kind checkpoint say what retention removed (services/audit/).
CREATE TABLE audit (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  at              TEXT NOT NULL,
  user_id         TEXT,
  kind            TEXT NOT NULL,                          -- tool_call, sign_in, sign_out, credential, whitelist, api_key, setting, checkpoint, …
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
CREATE INDEX audit_by_user ON audit (user_id, at);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_kind ON audit (kind, at);
CREATE INDEX audit_by_tool ON audit (tool_name, at) WHERE tool_name IS NOT NULL;
CREATE INDEX audit_by_conversation ON audit (conversation_id, at) WHERE conversation_id IS NOT NULL;
CREATE INDEX audit_by_task ON audit (task_id, at) WHERE task_id IS NOT NULL;
CREATE INDEX audit_by_agent ON audit (agent_id, at) WHERE agent_id IS NOT NULL;
CREATE INDEX audit_confirmed ON audit (at) WHERE approved_by IS NOT NULL;

-- What became of each backup and each restore drill. The backups themselves are folders in DATA_DIR/backups.
CREATE TABLE backup_runs (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL CHECK (kind IN ('backup', 'drill')),
  cause      TEXT NOT NULL CHECK (cause IN ('manual', 'daily', 'weekly')),
  state      TEXT NOT NULL CHECK (state IN ('going', 'done', 'failed')),
  backup     TEXT,                                        -- the folder's name
  problem    TEXT,
  started_at TEXT NOT NULL,
  ended_at   TEXT
) STRICT;
CREATE INDEX backup_runs_going ON backup_runs (id) WHERE state = 'going';

-- Servers of the Model Context Protocol. `env` holds, by name, a value or the name of a credential; no secret stands here.
CREATE TABLE mcp_servers (
  id             TEXT PRIMARY KEY,
  user_id        TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name           TEXT NOT NULL,
  transport      TEXT NOT NULL CHECK (transport IN ('stdio', 'http', 'sse')),
  command        TEXT,
  args           TEXT NOT NULL DEFAULT '[]',
  env            TEXT NOT NULL DEFAULT '{}',
  url            TEXT,
  credential     TEXT,                                    -- the key of the credential that is sent as bearer
  timeout_s      INTEGER NOT NULL DEFAULT 60 CHECK (timeout_s BETWEEN 1 AND 600),
  enabled        INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  stays_in_house INTEGER NOT NULL DEFAULT 0 CHECK (stays_in_house IN (0, 1)),
  created_at     TEXT NOT NULL,
  updated_at     TEXT NOT NULL,
  UNIQUE (user_id, name),
  CHECK ((transport = 'stdio') = (command IS NOT NULL) AND (transport = 'stdio') = (url IS NULL))
) STRICT;

-- What a server said that its tools are: as the owner accepted it, and as it said last. A tool is offered while both are the same.
CREATE TABLE mcp_tools (
  id            TEXT PRIMARY KEY,
  server_id     TEXT NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
  name          TEXT NOT NULL,                            -- as models call it
  remote_name   TEXT NOT NULL,                            -- as the server calls it
  effect        TEXT NOT NULL DEFAULT 'execute' CHECK (effect IN ('read', 'write', 'send', 'execute')),
  enabled       INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  gone          INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1)),
  accepted      TEXT,
  accepted_hash TEXT,
  offered       TEXT NOT NULL,
  offered_hash  TEXT NOT NULL,
  created_at    TEXT NOT NULL,
  changed_at    TEXT NOT NULL,
  UNIQUE (server_id, remote_name),
  UNIQUE (server_id, name)
) STRICT;
