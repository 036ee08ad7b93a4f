-- What came of checks. The newest row of a check counts; the newest twenty are kept.

CREATE TABLE check_result (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    asset     TEXT NOT NULL,    -- asset key
    name      TEXT NOT NULL,    -- name of the check
    table_id  TEXT NOT NULL,    -- incarnation and version of the table that was judged
    version   INTEGER NOT NULL,
    status    TEXT NOT NULL CHECK (status IN ('pass', 'fail', 'warn', 'error', 'unknown')),
    severity  TEXT NOT NULL CHECK (severity IN ('error', 'warn')), -- what a failure meant then
    expected  TEXT NOT NULL,    -- what was expected, in words that tell one check from another
    measured  TEXT,             -- what was found
    message   TEXT,             -- why it could not be judged, or what dbt said
    rows      INTEGER,          -- rows of the newest version that passed, where they are compared with
    judged_at INTEGER NOT NULL
) STRICT;
CREATE INDEX check_result_of ON check_result (asset, name, seq);
