-- Backfills: persisted requests for ranges of partitions. Sets of partitions stand in JSON texts, as base64.

CREATE TABLE backfill (
    name                TEXT PRIMARY KEY NOT NULL, -- unique, chosen by a person or made of the asset's key
    state               TEXT NOT NULL CHECK (state IN ('active', 'paused', 'completed', 'failed', 'cancelled')), -- where it stands
    is_newest_first     INTEGER NOT NULL CHECK (is_newest_first IN (0, 1)), -- 1: from the newest partition back
    chunk               INTEGER,                   -- most partitions in one run; NULL: what asset and task allow
    max_concurrent_runs INTEGER NOT NULL,          -- most runs at once
    is_forced           INTEGER NOT NULL CHECK (is_forced IN (0, 1)), -- 1: appends a second time where it was told to
    pass                INTEGER NOT NULL,          -- newest pass when it was asked for
    created_at          INTEGER NOT NULL,          -- when it was asked for
    created_by          TEXT NOT NULL,             -- who asked
    finished_at         INTEGER                    -- when it came to its end
) STRICT, WITHOUT ROWID;
CREATE INDEX backfill_open ON backfill (created_at, name) WHERE state IN ('active', 'paused');

-- What a backfill builds of one asset, and how far it is.
CREATE TABLE backfill_target (
    backfill TEXT NOT NULL REFERENCES backfill (name), -- backfill
    asset    TEXT NOT NULL, -- asset key
    ordinals TEXT,          -- what the ordinals of the sets mean; NULL for an asset that is built as a whole
    wanted   TEXT NOT NULL, -- JSON of PartitionSet: what is to be built
    done     TEXT NOT NULL, -- JSON of PartitionSet: what was built
    failed   TEXT NOT NULL, -- JSON of PartitionSet: what could not be built
    skipped  TEXT NOT NULL, -- JSON of PartitionSet: what is not tried, since what it reads failed
    PRIMARY KEY (backfill, asset)
) STRICT, WITHOUT ROWID;

-- The backfill that an intent is made for; NULL for what is live.
ALTER TABLE intent ADD COLUMN backfill TEXT;
CREATE INDEX intent_of_backfill ON intent (backfill) WHERE backfill IS NOT NULL;
