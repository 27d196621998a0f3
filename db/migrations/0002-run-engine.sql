-- The run engine: agents, tasks, schedules, outbox, notifications, usage; and what runs need for them.

ALTER TABLE conversations ADD COLUMN kind TEXT NOT NULL DEFAULT 'chat' CHECK (kind IN ('chat', 'run'));
DROP INDEX conversations_by_user;
CREATE INDEX conversations_by_user ON conversations (user_id, updated_at DESC, id) WHERE kind = 'chat';

-- System prompts by the SHA-256 of their text, so that a run goes on with the very words it began with.
CREATE TABLE prompts (
  hash TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE runs ADD COLUMN lane TEXT NOT NULL DEFAULT 'chat' CHECK (lane IN ('chat', 'background'));
ALTER TABLE runs ADD COLUMN fair_key TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN ready INTEGER NOT NULL DEFAULT 0 CHECK (ready IN (0, 1));
ALTER TABLE runs ADD COLUMN autonomous INTEGER NOT NULL DEFAULT 0 CHECK (autonomous IN (0, 1));
ALTER TABLE runs ADD COLUMN hold TEXT;
ALTER TABLE runs ADD COLUMN system_prompt TEXT REFERENCES prompts (hash);
ALTER TABLE runs ADD COLUMN chain TEXT NOT NULL DEFAULT '[]';
ALTER TABLE runs ADD COLUMN max_tool_calls INTEGER;
ALTER TABLE runs ADD COLUMN max_cost_usd REAL;
ALTER TABLE runs ADD COLUMN first_seq INTEGER;
UPDATE runs SET lane = CASE WHEN attended = 1 THEN 'chat' ELSE 'background' END;
UPDATE runs SET ready = 1 WHERE status IN ('queued', 'running', 'waiting', 'paused') AND NOT EXISTS (
  SELECT 1 FROM runs AS e WHERE e.conversation_id = runs.conversation_id AND e.number < runs.number
    AND e.status IN ('queued', 'running', 'waiting', 'paused'));
CREATE INDEX runs_ready ON runs (lane, autonomous, fair_key, number) WHERE status = 'queued' AND ready = 1 AND started_at IS NULL;
CREATE INDEX runs_resumed ON runs (lane, number) WHERE status = 'queued' AND ready = 1 AND started_at IS NOT NULL;
CREATE INDEX runs_held ON runs (number) WHERE status = 'paused';
CREATE INDEX runs_autonomous ON runs (started_at) WHERE autonomous = 1 AND started_at IS NOT NULL;
CREATE INDEX runs_by_user ON runs (user_id, number);
CREATE INDEX runs_by_agent ON runs (agent_id, number) WHERE agent_id IS NOT NULL;
CREATE INDEX runs_by_task ON runs (task_id, number) WHERE task_id IS NOT NULL;
CREATE INDEX runs_by_parent ON runs (parent_run_id, number) WHERE parent_run_id IS NOT NULL;
CREATE INDEX runs_by_origin ON runs (user_id, origin, number) WHERE origin <> 'chat';
CREATE INDEX runs_by_status ON runs (user_id, status, number) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_by_agent_status ON runs (agent_id, status, number) WHERE agent_id IS NOT NULL;
CREATE INDEX runs_by_task_status ON runs (task_id, status, number) WHERE task_id IS NOT NULL;

CREATE TABLE steps_2 (
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
INSERT INTO steps_2 SELECT * FROM steps;
DROP TABLE steps;
ALTER TABLE steps_2 RENAME TO steps;

ALTER TABLE approvals ADD COLUMN call_id TEXT NOT NULL DEFAULT '';
ALTER TABLE approvals ADD COLUMN answer TEXT CHECK (answer IN ('done', 'again', 'give_up'));
ALTER TABLE approvals ADD COLUMN used_at TEXT;
UPDATE approvals SET call_id = id;
CREATE INDEX approvals_uncertain ON approvals (call_id) WHERE kind = 'uncertain';
CREATE INDEX approvals_by_agent ON approvals (agent_id, created_at) WHERE agent_id IS NOT NULL;

CREATE INDEX events_by_agent ON events (agent_id, seq) WHERE agent_id IS NOT NULL;

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

-- What leaves the house, and whether it arrived. `sending` is written before, so that a crash leaves no doubt.
CREATE TABLE outbox (
  id              TEXT PRIMARY KEY,                       -- told to the receiver, who can tell a repeat by it
  user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  run_id          TEXT,
  call_id         TEXT,
  door            TEXT NOT NULL CHECK (door IN ('webhook')),
  address         TEXT NOT NULL,                          -- in the door's own terms: a webhook target's id
  body            TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'delivered', 'failed', 'uncertain')),
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at TEXT,
  last_status     INTEGER,                                -- HTTP
  last_error      TEXT,
  answer          TEXT,                                   -- the beginning of what came back
  created_at      TEXT NOT NULL,
  updated_at      TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'queued';
CREATE INDEX outbox_unsettled ON outbox (state) WHERE state IN ('queued', 'sending', 'uncertain');
CREATE INDEX outbox_by_address ON outbox (address, id);
CREATE INDEX outbox_by_call ON outbox (call_id) WHERE call_id IS NOT NULL;

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
