-- Positions: full refreshes that were asked for, event time, positions read off checkpoints.

-- 1: the run builds its assets anew in full, whatever the positions in change feeds are.
ALTER TABLE intent ADD COLUMN full_refresh INTEGER NOT NULL DEFAULT 0 CHECK (full_refresh IN (0, 1));
-- JSON list of the inputs that are read by changes; NULL for none.
ALTER TABLE intent ADD COLUMN feeds TEXT;

-- The event time through which the table is complete with the commit; NULL where that was not known.
ALTER TABLE data_commit ADD COLUMN event_at INTEGER;

-- The assets that a person wants built anew in full, until a run did.
CREATE TABLE full_refresh (
    asset     TEXT PRIMARY KEY NOT NULL, -- asset key
    asked_at  INTEGER NOT NULL,          -- when it was asked for
    asked_by  TEXT NOT NULL,             -- by whom
    remaining TEXT                       -- JSON of partition::Extent: not built anew yet; NULL for a whole
) STRICT, WITHOUT ROWID;

-- The same as before, with one more word for how it is known.
CREATE TABLE consumption_new (
    asset      TEXT NOT NULL, -- asset key of the consumer
    upstream   TEXT NOT NULL, -- asset key of what it reads
    table_id   TEXT,          -- incarnation of the upstream; NULL when it had no data
    version    INTEGER,       -- data version of the upstream; NULL when it had no data
    basis      TEXT NOT NULL CHECK (basis IN ('run', 'stamp', 'checkpoint', 'run_start', 'commit_time')), -- how it is known
    partitions TEXT,          -- JSON list of state::ConsumedPartitions; NULL for none
    least      INTEGER,       -- the least version that any partition incorporates; NULL where one incorporates none
    PRIMARY KEY (asset, upstream),
    CHECK ((table_id IS NULL) = (version IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO consumption_new (asset, upstream, table_id, version, basis, partitions, least)
SELECT asset, upstream, table_id, version, basis, partitions, least FROM consumption;
DROP TABLE consumption;
ALTER TABLE consumption_new RENAME TO consumption;
CREATE INDEX consumption_of_upstream ON consumption (upstream);
