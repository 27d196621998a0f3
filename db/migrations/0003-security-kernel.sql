-- The security kernel: standing yeses, and what is known of each result.

CREATE TABLE grants (
  id                TEXT PRIMARY KEY,
  user_id           TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  agent_id          TEXT,
  conversation_id   TEXT,
  operation         TEXT NOT NULL,
  destinations      TEXT NOT NULL DEFAULT '[]',
  paths             TEXT NOT NULL DEFAULT '[]',
  after_third_party INTEGER NOT NULL DEFAULT 0 CHECK (after_third_party IN (0, 1)),
  per_day           INTEGER NOT NULL DEFAULT 5,
  approval_id       TEXT,
  expires_at        TEXT,
  created_at        TEXT NOT NULL,
  CHECK ((agent_id IS NULL) <> (conversation_id IS NULL))
) STRICT;
CREATE INDEX grants_by_user ON grants (user_id, id);
CREATE INDEX grants_by_agent ON grants (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX grants_by_conversation ON grants (conversation_id) WHERE conversation_id IS NOT NULL;

CREATE TABLE grant_uses (
  grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
  day      TEXT NOT NULL,
  uses     INTEGER NOT NULL,
  PRIMARY KEY (grant_id, day)
) STRICT, WITHOUT ROWID;

ALTER TABLE steps ADD COLUMN source TEXT;
ALTER TABLE steps ADD COLUMN flags TEXT;

-- Only chats are searched; the runs of agents need not pay for it.
DROP TRIGGER runs_text_insert;
DROP TRIGGER runs_text_update;
DROP TRIGGER runs_text_delete;
INSERT INTO runs_text (runs_text) VALUES ('delete-all');
INSERT INTO runs_text (rowid, input, answer) SELECT number, input, answer FROM runs WHERE lane = 'chat';
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

-- The audit log is read in the order of time, along whatever it is filtered by.
DROP INDEX audit_by_user;
DROP INDEX audit_by_tool;
DROP INDEX audit_by_conversation;
DROP INDEX audit_by_task;
DROP INDEX audit_confirmed;
CREATE INDEX audit_by_user ON audit (user_id, at);
CREATE INDEX audit_by_kind ON audit (kind, at);
CREATE INDEX audit_by_tool ON audit (tool_name, at) WHERE tool_name IS NOT NULL;
CREATE INDEX audit_by_conversation ON audit (conversation_id, at) WHERE conversation_id IS NOT NULL;
CREATE INDEX audit_by_task ON audit (task_id, at) WHERE task_id IS NOT NULL;
CREATE INDEX audit_by_agent ON audit (agent_id, at) WHERE agent_id IS NOT NULL;
CREATE INDEX audit_confirmed ON audit (at) WHERE approved_by IS NOT NULL;
