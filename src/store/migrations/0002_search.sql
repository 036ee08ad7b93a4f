-- Runs that a state does not know are looked for: since it was made, rebuilt or restored, runs may
-- be under way that carry our correlation and stand nowhere in it.

-- meta gets a key `search` while they are looked for: JSON of state::Search. A state that never saw
-- a pass may stand in the place of one that was lost.
INSERT INTO meta (key, value)
SELECT 'search', '{"cause":"new"}' WHERE NOT EXISTS (SELECT 1 FROM pass);

-- 1: made of a run that was found at the service; its inputs are assumed, the heads at its start.
ALTER TABLE intent ADD COLUMN is_found INTEGER NOT NULL DEFAULT 0 CHECK (is_found IN (0, 1));

-- intent_asset.is_open is kept by whoever changes the state of an intent, in the same transaction: a
-- trigger makes SQLite set aside every row of an update first, which took longer than all the rest.
DROP TRIGGER intent_asset_follows;

-- The same index as before: a list behind IN would be set up as a table of its own whenever the state
-- of an intent changes.
DROP INDEX intent_open;
CREATE INDEX intent_open ON intent (id)
WHERE state = 'pending' OR state = 'sending' OR state = 'uncertain' OR state = 'running';
