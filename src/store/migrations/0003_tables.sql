-- What is known of tables beyond what decides when their consumers are built. What is small stands in
-- observation.head; here stands what grows with the table.

-- What is known of each partition of a table.
CREATE TABLE table_partition (
    asset      TEXT NOT NULL,    -- asset key
    partition  TEXT NOT NULL,    -- JSON list: the values of the partition columns, in their order
    version    INTEGER NOT NULL, -- newest commit version that changed its data
    changed_at INTEGER NOT NULL, -- time of that version
    is_bound   INTEGER NOT NULL CHECK (is_bound IN (0, 1)), -- 1: it changed then or earlier, nobody knows when
    rows       INTEGER,          -- rows that its files show; NULL when one of them does not tell
    files      INTEGER NOT NULL, -- files that it has; 0 when it has no data any more
    PRIMARY KEY (asset, partition)
) STRICT, WITHOUT ROWID;

-- The columns of each table, as its log spells them.
CREATE TABLE table_schema (
    asset  TEXT PRIMARY KEY NOT NULL, -- asset key
    schema TEXT NOT NULL              -- schemaString of the newest metaData action that was read
) STRICT, WITHOUT ROWID;

-- Changes of columns that were seen, the newest twenty of each table.
CREATE TABLE schema_change (
    seq           INTEGER PRIMARY KEY, -- order of recording
    asset         TEXT NOT NULL,       -- asset key
    table_id      TEXT NOT NULL,       -- incarnation after the change
    version       INTEGER NOT NULL,    -- commit version at which the new columns were first seen
    seen_at       INTEGER NOT NULL,    -- when
    compatibility TEXT NOT NULL CHECK (compatibility IN ('compatible', 'breaking')), -- what it means to readers
    changes       TEXT NOT NULL        -- JSON list of the single changes
) STRICT;
CREATE INDEX schema_change_of_asset ON schema_change (asset, seq);
