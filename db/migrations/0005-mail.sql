-- Mail accounts.

CREATE TABLE email_accounts (
  id               TEXT PRIMARY KEY,
  user_id          TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  label            TEXT NOT NULL,
  account_type     TEXT NOT NULL CHECK (account_type IN ('trigger', 'handling')),
  enabled          INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  address          TEXT NOT NULL,
  agent_id         TEXT,
  folders          TEXT NOT NULL DEFAULT '["INBOX"]',
  extra_tools      TEXT NOT NULL DEFAULT '[]',
  allowed_senders  TEXT,
  authserv_id      TEXT,
  telegram_chat_id TEXT,
  auth             TEXT NOT NULL DEFAULT 'password' CHECK (auth IN ('password', 'oauth2')),
  tls_ca           TEXT,
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
