-- Assets that are built by partitions. Sets of partitions stand in JSON texts, as base64.

-- JSON of partition::Extent: where the commit changed data; NULL for all partitions.
ALTER TABLE data_commit ADD COLUMN partitions TEXT;

-- JSON list of state::ConsumedPartitions: those that incorporate another version; NULL for none.
ALTER TABLE consumption ADD COLUMN partitions TEXT;
-- The least version that any partition incorporates; NULL where one incorporates none, or another incarnation.
ALTER TABLE consumption ADD COLUMN least INTEGER;
UPDATE consumption SET least = version;

-- JSON of state::BuiltPartitions: which ones have content; NULL for an asset that is built as a whole.
ALTER TABLE build ADD COLUMN partitions TEXT;

-- JSON of partition::Extent: the partitions that are built; NULL for the whole of the assets.
ALTER TABLE intent ADD COLUMN partitions TEXT;
