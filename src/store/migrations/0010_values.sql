-- The values of `dynamic` partitions. Their places are the ordinals in all stored sets: rows are only added.
CREATE TABLE partition_value (
    asset TEXT NOT NULL,
    -- The column that has them, in lower case.
    part TEXT NOT NULL,
    -- From 0, without gaps.
    place INTEGER NOT NULL,
    -- As delta::PartitionValue spells it; NULL for null.
    value TEXT,
    -- Whether the table had files of it when it was last looked at.
    is_present INTEGER NOT NULL,
    PRIMARY KEY (asset, part, place)
) STRICT, WITHOUT ROWID;

-- How often the values of a part changed, so that those that did not need not be read again.
CREATE TABLE partition_part (
    asset TEXT NOT NULL,
    part TEXT NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (asset, part)
) STRICT, WITHOUT ROWID;
