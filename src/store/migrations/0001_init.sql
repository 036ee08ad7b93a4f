-- The first schema of a state file. Later migrations only add.
--
-- Instants are microseconds since 1970-01-01T00:00:00Z. Data versions are two columns, the table's
-- incarnation and the commit version, both NULL together. JSON stands only where a value is shown
-- or passed on as a whole and never searched.

-- Single facts about this state.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL, -- generation | workspace_id | audit_head
    value ANY NOT NULL               -- generation: grows when what the planner reads changes; audit_head: seq:hash
) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('generation', 1);

-- Who may act: one row, kept when the lease is given back so that its epoch never falls.
CREATE TABLE lease (
    name       TEXT PRIMARY KEY NOT NULL, -- always reconciler
    holder     TEXT,                      -- host, process and a random part; NULL while nobody holds it
    epoch      INTEGER NOT NULL,          -- grows whenever the holder changes
    since      INTEGER NOT NULL,          -- when this holder took it
    renewed_at INTEGER NOT NULL,          -- when it was last taken or renewed
    expires_at INTEGER NOT NULL,          -- when it runs out unless renewed
    lifetime   INTEGER NOT NULL           -- microseconds asked for; tells a clock that jumped from a long lease
) STRICT, WITHOUT ROWID;

-- Passes of the reconciler, the newest thousand.
CREATE TABLE pass (
    number      INTEGER PRIMARY KEY, -- from 1, never used twice
    epoch       INTEGER NOT NULL,    -- the lease it ran under
    began_at    INTEGER NOT NULL,    -- when it began
    finished_at INTEGER,             -- when it ended; NULL while it runs or if it was cut short
    observed    INTEGER,             -- tables looked at
    triggered   INTEGER,             -- intents made
    unknown     INTEGER              -- tables that could not be observed
) STRICT;

-- What was last seen of each table.
CREATE TABLE observation (
    asset  TEXT PRIMARY KEY NOT NULL, -- asset key
    state  TEXT NOT NULL CHECK (state IN ('ok', 'absent', 'gone', 'unknown')), -- outcome of the last look
    code   TEXT,                      -- unknown only: stable word for the kind of problem
    reason TEXT,                      -- unknown only: one sentence for people
    head   TEXT,                      -- JSON: last good reading, kept while the table cannot be read
    since  INTEGER NOT NULL           -- when the state last changed
) STRICT, WITHOUT ROWID;

-- Commits that changed data and that some consumer has not incorporated, plus the newest.
CREATE TABLE data_commit (
    asset        TEXT NOT NULL,    -- asset key
    table_id     TEXT NOT NULL,    -- incarnation
    version      INTEGER NOT NULL, -- commit version
    committed_at INTEGER NOT NULL, -- commit time
    origin_at    INTEGER NOT NULL, -- commit time of the oldest source change that it carries
    origin_seen  INTEGER NOT NULL, -- pass in which that change was first seen
    operation    TEXT,             -- operation name, for display
    intent       TEXT,             -- intent whose run wrote it, where known
    PRIMARY KEY (asset, version, table_id)
) STRICT, WITHOUT ROWID;

-- What the current content of an asset incorporates.
CREATE TABLE consumption (
    asset    TEXT NOT NULL, -- asset key of the consumer
    upstream TEXT NOT NULL, -- asset key of what it reads
    table_id TEXT,          -- incarnation of the upstream; NULL when it had no data
    version  INTEGER,       -- data version of the upstream; NULL when it had no data
    basis    TEXT NOT NULL CHECK (basis IN ('run', 'stamp', 'run_start', 'commit_time')), -- how it is known
    PRIMARY KEY (asset, upstream),
    CHECK ((table_id IS NULL) = (version IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX consumption_of_upstream ON consumption (upstream);

-- How the current content of an asset came to be, and what went wrong since.
CREATE TABLE build (
    asset             TEXT PRIMARY KEY NOT NULL, -- asset key
    code_version      TEXT,             -- code it was built with
    built_at          INTEGER,          -- end of our run, or commit time of an adopted write
    last_success_at   INTEGER,          -- end of our last run that succeeded
    produced_table_id TEXT,             -- incarnation after that run
    produced_version  INTEGER,          -- data version after that run
    is_adopted        INTEGER NOT NULL CHECK (is_adopted IN (0, 1)), -- 1: written by somebody else
    degraded_by       TEXT,             -- JSON list of inputs that were behind; NULL for none
    cut_pass          INTEGER,          -- pass of the cut that it waits for
    cut_fixed_at      INTEGER,          -- when that cut was fixed
    failure           TEXT,             -- JSON: the last failure since the last success; present = quarantined
    CHECK ((produced_table_id IS NULL) = (produced_version IS NULL)),
    CHECK ((cut_pass IS NULL) = (cut_fixed_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Where the catalog says that relations lie.
CREATE TABLE location (
    relation         TEXT PRIMARY KEY NOT NULL, -- catalog.schema.table, lower case
    storage_location TEXT,                      -- NULL for views and for what does not exist
    present          INTEGER NOT NULL CHECK (present IN (0, 1)), -- 1: the catalog has it
    looked_up_at     INTEGER NOT NULL           -- when the catalog was asked
) STRICT, WITHOUT ROWID;

-- The will to run one task for some assets, with everything fixed that the run will record.
CREATE TABLE intent (
    id                    TEXT PRIMARY KEY NOT NULL, -- ULID
    state                 TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'uncertain', 'running',
                              'succeeded', 'failed', 'cancelled', 'quarantined')), -- of the current attempt
    attempt               INTEGER NOT NULL CHECK (attempt >= 1), -- current attempt
    epoch                 INTEGER NOT NULL, -- lease epoch under which it was made
    pass                  INTEGER NOT NULL, -- pass that made it
    task                  TEXT NOT NULL,    -- task name
    job                   TEXT NOT NULL,    -- JSON: job by id or name
    task_key              TEXT,             -- run only this task of the job
    pool                  TEXT,             -- pool it counts against
    parameters            TEXT NOT NULL,    -- JSON: rendered job parameters without the correlation
    inputs                TEXT NOT NULL,    -- JSON: asset -> upstream -> data version to be consumed
    code_versions         TEXT NOT NULL,    -- JSON: asset -> code it is built with
    origin_at             INTEGER,          -- commit time of the oldest source change it incorporates
    origin_seen           INTEGER,          -- pass in which that change was first seen
    degraded_by           TEXT NOT NULL,    -- JSON list of inputs that are behind and not waited for
    reason                TEXT NOT NULL,    -- one sentence for people
    retry_attempts        INTEGER NOT NULL, -- attempts in all
    retry_backoff_seconds INTEGER NOT NULL, -- wait before the second attempt
    retry_max_seconds     INTEGER NOT NULL, -- longest wait between two attempts
    timeout_seconds       INTEGER,          -- cancel an attempt that runs longer
    created_at            INTEGER NOT NULL, -- when it was made
    CHECK ((origin_at IS NULL) = (origin_seen IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX intent_open ON intent (id) WHERE state IN ('pending', 'sending', 'uncertain', 'running');
CREATE INDEX intent_epoch ON intent (epoch);

-- What an intent builds. The index makes a second open intent for an asset impossible.
CREATE TABLE intent_asset (
    intent    TEXT NOT NULL REFERENCES intent (id), -- intent
    asset     TEXT NOT NULL,                        -- asset key
    partition TEXT NOT NULL DEFAULT '',             -- partition key; empty for the whole asset
    is_open   INTEGER NOT NULL DEFAULT 1 CHECK (is_open IN (0, 1)), -- follows intent.state by trigger
    PRIMARY KEY (intent, asset, partition)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX one_open_intent ON intent_asset (asset, partition) WHERE is_open = 1;
CREATE INDEX intent_of_asset ON intent_asset (asset, intent);
CREATE TRIGGER intent_asset_follows AFTER UPDATE OF state ON intent
BEGIN
    UPDATE intent_asset
    SET is_open = NEW.state IN ('pending', 'sending', 'uncertain', 'running')
    WHERE intent = NEW.id;
END;

-- Attempts of intents, one row each.
CREATE TABLE run (
    intent              TEXT NOT NULL REFERENCES intent (id), -- intent
    attempt             INTEGER NOT NULL CHECK (attempt >= 1), -- from 1
    state               TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'uncertain', 'running',
                            'succeeded', 'failed', 'cancelled', 'quarantined')), -- where it stands or ended
    token               TEXT NOT NULL,    -- idempotency token
    created_at          INTEGER NOT NULL, -- when the attempt was written down
    not_before          INTEGER,          -- do not send earlier
    first_sent_at       INTEGER,          -- first stamp, by the service's clock
    last_sent_at        INTEGER,          -- last stamp, by the service's clock
    run_id              INTEGER,          -- the service's run, once known
    url                 TEXT,             -- the run's page
    cancel_requested_at INTEGER,          -- when cancelling was asked for
    finished_at         INTEGER,          -- when it ended
    code                TEXT,             -- how it ended, if badly: termination code or a word of ours
    message             TEXT,             -- the same for people
    PRIMARY KEY (intent, attempt)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX run_token ON run (token);
CREATE INDEX run_by_run_id ON run (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX run_by_time ON run (created_at);

-- What was decided about an asset, whenever that changed; the newest twenty per asset.
CREATE TABLE decision (
    seq     INTEGER PRIMARY KEY, -- order of recording
    asset   TEXT NOT NULL,       -- asset key
    pass    INTEGER NOT NULL,    -- pass that decided
    at      INTEGER NOT NULL,    -- when
    action  TEXT NOT NULL CHECK (action IN ('run', 'wait', 'hold', 'none')), -- what
    reasons TEXT NOT NULL        -- JSON list, as plan prints it
) STRICT;
CREATE INDEX decision_of_asset ON decision (asset, seq);

-- What was done, by whom: append-only, each row's hash over the row and the hash before it.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY, -- from 1 without gaps
    at        INTEGER NOT NULL,    -- when, by the local clock
    actor     TEXT NOT NULL,       -- holder of the lease, or who asked
    action    TEXT NOT NULL,       -- intent.STATE for state changes, and other dotted words
    object    TEXT NOT NULL,       -- intent id or asset key
    detail    TEXT NOT NULL,       -- JSON object
    prev_hash TEXT NOT NULL,       -- hash of the row before, hex; 64 zeros for the first
    hash      TEXT NOT NULL        -- SHA-256, hex
) STRICT;
CREATE INDEX audit_of_object ON audit (object, seq);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

-- Events for the world outside, written with what they tell of; the newest ten thousand.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- order; never used twice
    kind       TEXT NOT NULL,                     -- run.succeeded | run.failed | run.quarantined | run.cancelled
    payload    TEXT NOT NULL,                     -- JSON object
    created_at INTEGER NOT NULL                   -- when it was written
) STRICT;
