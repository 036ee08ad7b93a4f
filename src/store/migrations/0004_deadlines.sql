-- What schedules, deadlines and forecasts need of the past.

-- When it was decided on, by the clock that schedules are read by; NULL in intents of older versions.
ALTER TABLE intent ADD COLUMN decided_at INTEGER;

-- When the run was decided on that made the current content; NULL where somebody else made it.
ALTER TABLE build ADD COLUMN begun_at INTEGER;

-- What came of the newest deadline of each asset; it stays until the next one.
CREATE TABLE deadline (
    asset     TEXT PRIMARY KEY NOT NULL, -- asset key
    at        INTEGER NOT NULL,          -- the instant at which older changes had to be in
    is_met    INTEGER NOT NULL CHECK (is_met IN (0, 1)), -- 1: they were
    judged_at INTEGER NOT NULL           -- when that was found
) STRICT, WITHOUT ROWID;

-- How long runs took that succeeded.
CREATE TABLE run_time (
    asset   TEXT PRIMARY KEY NOT NULL, -- asset key
    seconds TEXT NOT NULL              -- JSON list of the newest twenty, the newest last
) STRICT, WITHOUT ROWID;
INSERT INTO run_time (asset, seconds)
SELECT asset, json_group_array(seconds)
FROM (SELECT a.asset, (r.finished_at - r.first_sent_at) / 1000000 AS seconds, r.finished_at,
             row_number() OVER (PARTITION BY a.asset ORDER BY r.finished_at DESC) AS age
      FROM run r JOIN intent_asset a ON a.intent = r.intent
      WHERE r.state = 'succeeded' AND r.finished_at >= r.first_sent_at
      ORDER BY a.asset, r.finished_at)
WHERE age <= 20 GROUP BY asset;
