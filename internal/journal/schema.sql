-- Version 1. Times are milliseconds since 1970 in UTC; NULL is "never". Booleans are 0 and 1.

CREATE TABLE meta (
  key   TEXT PRIMARY KEY, -- id, created, staging
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mailbox (
  name          TEXT PRIMARY KEY,
  protocol      TEXT NOT NULL DEFAULT '',
  host          TEXT NOT NULL DEFAULT '',
  user          TEXT NOT NULL DEFAULT '',
  last_started  INTEGER,
  last_finished INTEGER,
  last_error    TEXT NOT NULL DEFAULT '',
  error_class   TEXT NOT NULL DEFAULT '',
  error_since   INTEGER,
  failed_passes INTEGER NOT NULL DEFAULT 0,
  next_pass     INTEGER,
  newest        INTEGER,
  age_suspended TEXT NOT NULL DEFAULT '',
  delete_first  INTEGER NOT NULL DEFAULT 0,
  due_since     INTEGER,
  not_honoured  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE folder (
  id          INTEGER PRIMARY KEY,
  mailbox     TEXT NOT NULL,
  folder      TEXT NOT NULL,
  scope       TEXT NOT NULL, -- UIDVALIDITY
  protocol    TEXT NOT NULL, -- the account whose ids the records carry
  host        TEXT NOT NULL,
  user        TEXT NOT NULL,
  based       INTEGER NOT NULL DEFAULT 0, -- a complete listing is on record: the cursor holds
  uid_next    INTEGER NOT NULL DEFAULT 0,
  uid_count   INTEGER NOT NULL DEFAULT 0,
  listed      INTEGER NOT NULL DEFAULT 0, -- messages in the last complete listing
  complete    INTEGER NOT NULL DEFAULT 0, -- the last listing was complete
  contact     INTEGER NOT NULL,
  first_poll  INTEGER NOT NULL DEFAULT 1, -- number of the present or last first poll: one more after a reset
  first_done  INTEGER NOT NULL DEFAULT 0,
  reset       TEXT NOT NULL DEFAULT '',   -- why the present first poll follows a reset
  policy_hash  TEXT NOT NULL DEFAULT '',
  policy_since INTEGER,
  settled      TEXT NOT NULL DEFAULT '',
  waiting      TEXT, -- JSON of mail.Approval
  released     TEXT, -- JSON array of record ids
  UNIQUE (mailbox, folder)
) STRICT;

CREATE TABLE record (
  id          INTEGER PRIMARY KEY,
  folder      INTEGER NOT NULL REFERENCES folder (id),
  scope       TEXT NOT NULL,
  uid         TEXT NOT NULL, -- IMAP UID or UIDL
  generation  INTEGER NOT NULL DEFAULT 0,
  inspect     INTEGER NOT NULL DEFAULT 1,  -- the header is to be read, for the first time or again
  inspected   INTEGER NOT NULL DEFAULT 0,  -- the header is on record
  listed      INTEGER NOT NULL,            -- 1 in the last complete listing, 2 only in an incomplete one since, 0 in neither
  listed_size INTEGER NOT NULL DEFAULT -1, -- as listings state it, compared with listings only
  size        INTEGER NOT NULL DEFAULT -1,
  senders     TEXT NOT NULL DEFAULT '',    -- one address a line
  subject     TEXT NOT NULL DEFAULT '',
  date        INTEGER,
  message_id  TEXT NOT NULL DEFAULT '',
  received    INTEGER,
  fingerprint TEXT NOT NULL DEFAULT '',
  first_seen  INTEGER NOT NULL,
  first_poll  INTEGER NOT NULL DEFAULT 0,  -- number of the folder's first poll that found it; 0: it came later
  age         INTEGER NOT NULL,            -- mail.Record.Age
  outcome     TEXT NOT NULL DEFAULT 'pending',
  reason      TEXT NOT NULL DEFAULT '',
  leftover    INTEGER NOT NULL DEFAULT 0,
  rejudge     INTEGER NOT NULL DEFAULT 0,  -- a person asked for it to be judged again
  rules_hash  TEXT NOT NULL DEFAULT '',
  parts       TEXT,                        -- JSON
  failures    INTEGER NOT NULL DEFAULT 0,
  losses      INTEGER NOT NULL DEFAULT 0,
  next        INTEGER,
  solo        INTEGER NOT NULL DEFAULT 0,
  forced      INTEGER NOT NULL DEFAULT 0,
  kept        TEXT NOT NULL DEFAULT '',
  deletion    TEXT NOT NULL DEFAULT 'none',
  deletion_since INTEGER,
  ignored     INTEGER NOT NULL DEFAULT 0,
  judged_at   INTEGER,
  UNIQUE (folder, scope, uid, generation)
) STRICT;

-- A poll must cost what its listing costs, however many records are on file: each question that every pass asks
-- has an index that holds its answers only.
CREATE INDEX record_outcome ON record (folder, outcome);
CREATE INDEX record_listed ON record (folder) WHERE listed > 0;
CREATE INDEX record_inspect ON record (folder) WHERE inspect = 1;
CREATE INDEX record_acknowledged ON record (folder) WHERE deletion = 'acknowledged' AND listed > 0;
CREATE INDEX record_unsure ON record (folder) WHERE listed = 2;
CREATE INDEX record_rules ON record (folder, age)
  WHERE listed > 0 AND (outcome IN ('unmatched', 'near_miss') OR (outcome = 'saved' AND leftover = 1));
CREATE INDEX record_rejudge ON record (folder) WHERE rejudge = 1;
CREATE INDEX record_kept ON record (folder) WHERE kept <> '';

CREATE TABLE step (
  id     INTEGER PRIMARY KEY,
  record INTEGER NOT NULL REFERENCES record (id),
  at     INTEGER NOT NULL,
  text   TEXT NOT NULL
) STRICT;
CREATE INDEX step_record ON step (record);

-- What has been asked of a session and not been done with.
CREATE TABLE batch (
  record  INTEGER PRIMARY KEY REFERENCES record (id),
  mailbox TEXT NOT NULL,
  in_hand INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX batch_mailbox ON batch (mailbox);

CREATE TABLE intent (
  record     INTEGER PRIMARY KEY REFERENCES record (id),
  mailbox    TEXT NOT NULL,
  made       INTEGER NOT NULL,
  outcome    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  leftover   INTEGER NOT NULL,
  rules_hash TEXT NOT NULL,
  parts      TEXT
) STRICT;
CREATE INDEX intent_mailbox ON intent (mailbox, made);

CREATE TABLE file (
  id           INTEGER PRIMARY KEY,
  record       INTEGER NOT NULL REFERENCES record (id),
  part         TEXT NOT NULL,
  member       TEXT NOT NULL,
  rule         TEXT NOT NULL,
  fingerprint  TEXT NOT NULL,
  original     TEXT NOT NULL,
  raw_name     TEXT NOT NULL,
  dir          TEXT NOT NULL,
  name         TEXT NOT NULL,
  replace      INTEGER NOT NULL,
  staged       TEXT NOT NULL,
  size         INTEGER NOT NULL,
  sha256       TEXT NOT NULL,
  ordinal      INTEGER NOT NULL, -- among equal attachments of one record
  state        TEXT NOT NULL,
  unfinished   INTEGER NOT NULL, -- its intent has not ended
  duplicate_of INTEGER REFERENCES file (id),
  received     INTEGER,
  published    INTEGER,
  recorded     INTEGER,          -- when its intent ended
  UNIQUE (record, part, member)
) STRICT;
CREATE UNIQUE INDEX file_once ON file (rule, fingerprint, original, sha256, ordinal) WHERE state IN ('intended', 'published');
CREATE INDEX file_duplicate ON file (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE UNIQUE INDEX file_reserved ON file (dir, name) WHERE state = 'intended';
CREATE INDEX file_staged ON file (staged) WHERE unfinished = 1;
CREATE INDEX file_newest ON file (dir, name, received) WHERE state = 'published';
CREATE INDEX file_rule ON file (rule, published) WHERE state = 'published';
