-- Mail that starts runs, mail that is sent, and questions that are answered from a mail.

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
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX email_triggers_by_account ON email_triggers (account_id, created_at, id);

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

CREATE TABLE outbox_2 (
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
INSERT INTO outbox_2 SELECT * FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_2 RENAME TO outbox;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'queued';
CREATE INDEX outbox_unsettled ON outbox (state) WHERE state IN ('queued', 'sending', 'uncertain');
CREATE INDEX outbox_by_address ON outbox (address, id);
CREATE INDEX outbox_by_call ON outbox (call_id) WHERE call_id IS NOT NULL;
-- Mails of which the sender's own copy is not made yet.
CREATE INDEX outbox_uncopied ON outbox (id) WHERE door = 'email' AND state = 'delivered' AND body <> '';

-- Runs that look after one mail account.
ALTER TABLE runs ADD COLUMN mailbox TEXT;

-- What runs go through is written often and asked for seldom: only ended runs are found by agent or task and status.
DROP INDEX runs_by_agent_status;
DROP INDEX runs_by_task_status;
CREATE INDEX runs_by_agent_status ON runs (agent_id, status, number) WHERE agent_id IS NOT NULL AND ended_at IS NOT NULL;
CREATE INDEX runs_by_task_status ON runs (task_id, status, number) WHERE task_id IS NOT NULL AND ended_at IS NOT NULL;
DROP INDEX events_by_age;
