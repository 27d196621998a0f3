-- What the further tools keep: calendars and contacts, memory, tool servers, push, monitors.

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

-- The order in which the rules of a mail account are tried is the owner's, no longer that in which they were added.
ALTER TABLE email_triggers ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
UPDATE email_triggers SET position = ranked.place
FROM (SELECT id, row_number() OVER (PARTITION BY account_id ORDER BY created_at, id) AS place FROM email_triggers) AS ranked
WHERE ranked.id = email_triggers.id;
DROP INDEX email_triggers_by_account;
CREATE INDEX email_triggers_by_account ON email_triggers (account_id, position, id);
-- How long Telegram may be silent before the owner is told.
ALTER TABLE telegram_bots ADD COLUMN deadline_s INTEGER NOT NULL DEFAULT 75;

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
