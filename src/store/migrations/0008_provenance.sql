-- What the content of tables incorporates of their roots, for consistent snapshots.

-- JSON of state::Provenance: root -> version incorporated; NULL where it was not worked out.
ALTER TABLE data_commit ADD COLUMN provenance TEXT;

-- Whether the commit says itself which run wrote it.
ALTER TABLE data_commit ADD COLUMN names_run INTEGER NOT NULL DEFAULT 0;

-- When the run that built it had read its inputs at the latest; NULL where somebody else built it.
ALTER TABLE build ADD COLUMN read_by INTEGER;
-- JSON list of the inputs whose version that run was told; NULL for none.
ALTER TABLE build ADD COLUMN pinned TEXT;

-- JSON list of the inputs whose version the parameters tell; NULL for none.
ALTER TABLE intent ADD COLUMN pinned TEXT;
