//! What should never be in a state file, looked for in all of it.
//!
//! Indexes and transactions see to most of it. What is found here was written by other means, or
//! by a fault of ours.

use rusqlite::Connection;

use super::fault::Fault;
use super::query::list;

/// How many findings of one kind are told.
const TOLD: usize = 20;

/// What was found, one sentence each; nothing where all is well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Integrity {
    /// Damage of pages, indexes and constraints, in SQLite's words.
    pub damage: Vec<String>,
    /// Rows that refer to rows that do not exist.
    pub dangling: Vec<String>,
    /// Assets with more than one open intent, and intents whose parts contradict each other.
    pub intents: Vec<String>,
    /// Consumption of versions that were never seen.
    pub ahead: Vec<String>,
    /// The same where a writer of its own said what it read: its input may not have been seen yet.
    pub claimed_ahead: Vec<String>,
}

const INTENTS: &str = "
    SELECT 'asset ' || asset || ' has ' || count(*) || ' open intents: ' || group_concat(intent, ', ')
    FROM intent_asset
    WHERE is_open = 1
    GROUP BY asset, partition HAVING count(*) > 1
    UNION ALL
    SELECT 'intent ' || i.id || ' is ' || i.state || ', and ' || a.asset || ' counts as '
           || iif(a.is_open, 'open', 'settled')
    FROM intent i JOIN intent_asset a ON a.intent = i.id
    WHERE a.is_open <> (i.state IN ('pending', 'sending', 'uncertain', 'running'))
    UNION ALL
    SELECT 'intent ' || i.id || ' is ' || i.state || ', and its attempt ' || i.attempt || ' is '
           || coalesce(r.state, 'missing')
    FROM intent i LEFT JOIN run r ON r.intent = i.id AND r.attempt = i.attempt
    WHERE r.state IS NOT i.state
    LIMIT 20";

const AHEAD: &str = "
    SELECT c.asset || ' incorporates ' || c.upstream || ' at version ' || c.version
           || ', and the newest that was seen is ' || k.newest
    FROM consumption c
    JOIN (SELECT asset, table_id, max(version) AS newest
          FROM (SELECT asset, table_id, version FROM data_commit
                UNION ALL
                SELECT asset, head ->> '$.table_id', head ->> '$.version' FROM observation
                WHERE head IS NOT NULL)
          GROUP BY asset, table_id) k
      ON k.asset = c.upstream AND k.table_id = c.table_id
    WHERE c.version > k.newest AND (c.basis = 'stamp') = ?1
    ORDER BY c.asset, c.upstream LIMIT 20";

/// Looks through everything.
pub(super) fn integrity(connection: &Connection) -> Result<Integrity, Fault> {
    let sentence = "a sentence about the state";
    let mut damage: Vec<String> = list(
        connection,
        "integrity_check",
        "PRAGMA integrity_check(20)",
        (),
        |cells| cells.take(),
    )?;
    damage.retain(|line| line != "ok");
    let dangling = "SELECT 'a row of ' || \"table\" || ' refers to a row of ' || parent
                           || ' that does not exist'
                    FROM pragma_foreign_key_check";
    let mut dangling = list(connection, sentence, dangling, (), |cells| cells.take())?;
    dangling.truncate(TOLD);
    Ok(Integrity {
        damage,
        dangling,
        intents: list(connection, sentence, INTENTS, (), |cells| cells.take())?,
        ahead: list(connection, sentence, AHEAD, [false], |cells| cells.take())?,
        claimed_ahead: list(connection, sentence, AHEAD, [true], |cells| cells.take())?,
    })
}
