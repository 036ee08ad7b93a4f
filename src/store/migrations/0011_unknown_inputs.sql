-- What a write incorporates of an input that could not be read when the write was taken over.

-- The same as before, with one more word for how it is known.
CREATE TABLE consumption_new (
    asset      TEXT NOT NULL, -- asset key of the consumer
    upstream   TEXT NOT NULL, -- asset key of what it reads
    table_id   TEXT,          -- incarnation of the upstream; NULL when it had no data, or nobody knows
    version    INTEGER,       -- data version of the upstream; NULL when it had no data, or nobody knows
    basis      TEXT NOT NULL CHECK (basis IN ('run', 'stamp', 'checkpoint', 'run_start', 'commit_time', 'unknown')), -- how it is known
    partitions TEXT,          -- JSON list of state::ConsumedPartitions; NULL for none
    least      INTEGER,       -- the least version that any partition incorporates; NULL where one incorporates none
    PRIMARY KEY (asset, upstream),
    CHECK ((table_id IS NULL) = (version IS NULL)),
    CHECK (basis <> 'unknown' OR version IS NULL)
) STRICT, WITHOUT ROWID;
INSERT INTO consumption_new (asset, upstream, table_id, version, basis, partitions, least)
SELECT asset, upstream, table_id, version, basis, partitions, least FROM consumption;
DROP TABLE consumption;
ALTER TABLE consumption_new RENAME TO consumption;
CREATE INDEX consumption_of_upstream ON consumption (upstream);
