-- A bot at Telegram a user, the chats it talks in, and the words that pick an agent.

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
