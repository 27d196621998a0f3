-- The account in full: two-factor, passkeys, password reset; the lists of addresses and of sites trusted with a session.

ALTER TABLE users ADD COLUMN email TEXT COLLATE NOCASE;
ALTER TABLE users ADD COLUMN totp_sealed TEXT;
ALTER TABLE users ADD COLUMN totp_active INTEGER NOT NULL DEFAULT 0 CHECK (totp_active IN (0, 1));
ALTER TABLE users ADD COLUMN totp_last_step INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX users_by_email ON users (email) WHERE email IS NOT NULL;

CREATE TABLE recovery_codes (
  user_id   TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL,
  used_at   TEXT,
  PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE passkeys (
  id            TEXT PRIMARY KEY,
  user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  credential_id TEXT NOT NULL UNIQUE,
  public_key    TEXT NOT NULL,
  counter       INTEGER NOT NULL DEFAULT 0,
  transports    TEXT NOT NULL DEFAULT '[]',
  name          TEXT NOT NULL,
  backed_up     INTEGER NOT NULL DEFAULT 0 CHECK (backed_up IN (0, 1)),
  created_at    TEXT NOT NULL,
  last_used_at  TEXT
) STRICT;
CREATE INDEX passkeys_by_user ON passkeys (user_id, created_at);

CREATE TABLE password_resets (
  token_hash TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  used_at    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX password_resets_by_age ON password_resets (created_at);

CREATE TABLE email_whitelist (
  email       TEXT PRIMARY KEY COLLATE NOCASE,
  daily_limit INTEGER NOT NULL DEFAULT 0 CHECK (daily_limit >= 0),
  owner       INTEGER NOT NULL DEFAULT 0 CHECK (owner IN (0, 1)),
  created_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE browser_trusted (
  user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  domain     TEXT NOT NULL,
  note       TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL,
  PRIMARY KEY (user_id, domain)
) STRICT, WITHOUT ROWID;

ALTER TABLE trash ADD COLUMN kind TEXT NOT NULL DEFAULT 'file' CHECK (kind IN ('file', 'folder'));

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

-- Lists that stay fast: chats are counted and found by their titles, questions and notifications go along an index.
ALTER TABLE conversations ADD COLUMN title_row INTEGER;
CREATE TABLE chat_counts (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  n       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO chat_counts (user_id, n) SELECT user_id, count(*) FROM conversations WHERE kind = 'chat' GROUP BY user_id;
CREATE VIRTUAL TABLE conversation_titles USING fts5 (title, id UNINDEXED, user_id UNINDEXED, tokenize = 'trigram', columnsize = 0);
UPDATE conversations SET title_row = rowid WHERE kind = 'chat';
INSERT INTO conversation_titles (rowid, title, id, user_id) SELECT title_row, title, id, user_id FROM conversations WHERE kind = 'chat';
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
CREATE INDEX runs_said ON runs (number, user_id, conversation_id) WHERE lane = 'chat' AND parent_run_id IS NULL;
CREATE INDEX approvals_listed ON approvals (user_id, id);
CREATE INDEX approvals_by_state ON approvals (user_id, state, id);
CREATE INDEX notifications_by_kind ON notifications (user_id, kind, id);
