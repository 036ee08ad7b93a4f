//! The words for what would change a verdict: each names what to look out for, or what to do.

use assets::AssetKey;
use assets::version::{CodeVersion, PassNumber, TableVersion};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::reason::clock;
use crate::state::{BackfillName, IntentId, RunId};

/// Something that would change the verdict on an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum WouldChange {
    /// A commit that changes data.
    Commit {
        /// The table.
        asset: AssetKey,
        /// Its data version now; absent where it has none.
        after: Option<TableVersion>,
    },
    /// An input incorporates what it lacks.
    Incorporates {
        /// The input.
        asset: AssetKey,
        /// Up to the changes that were seen in this pass; all of them where absent.
        cut: Option<PassNumber>,
        /// When it will usually have, UTC; absent where nobody knows.
        at: Option<DateTime<Utc>>,
    },
    /// A run builds an asset.
    Built {
        /// The asset.
        asset: AssetKey,
        /// When its own automation lets it begin, UTC; absent where that depends on something else.
        not_before: Option<DateTime<Utc>>,
        /// When it will usually be built, UTC; absent where nobody knows.
        at: Option<DateTime<Utc>>,
    },
    /// A table that does not exist is made by whoever writes it.
    Exists {
        /// The table.
        asset: AssetKey,
    },
    /// A table can be read that could not be observed.
    Observed {
        /// The table.
        asset: AssetKey,
    },
    /// A check passes that failed.
    CheckPasses {
        /// The asset that it judges.
        asset: AssetKey,
        /// The check.
        check: String,
        /// The data version that it failed at.
        after: TableVersion,
    },
    /// A check judges a version.
    CheckJudged {
        /// The asset that it judges.
        asset: AssetKey,
        /// The check.
        check: String,
        /// The data version.
        version: TableVersion,
    },
    /// A run ends.
    RunEnds {
        /// The intent.
        intent: IntentId,
        /// Which attempt.
        attempt: u32,
        /// The run, once known.
        run_id: Option<RunId>,
        /// When the attempt may be sent, UTC, where it waits for that.
        not_before: Option<DateTime<Utc>>,
        /// When it usually ends, UTC; absent where nobody knows.
        at: Option<DateTime<Utc>>,
    },
    /// Time alone.
    Time {
        /// When, UTC.
        at: DateTime<Utc>,
    },
    /// A condition of the automation comes to hold.
    Condition {
        /// What does not hold yet.
        waits_for: Vec<String>,
    },
    /// Other code.
    Code {
        /// Of which asset.
        asset: AssetKey,
        /// The code now.
        current: CodeVersion,
    },
    /// A person does something.
    Command {
        /// What to type.
        command: String,
    },
    /// Versions of some inputs that show the same of a root.
    Agreement {
        /// The root.
        root: AssetKey,
        /// The inputs, in key order.
        inputs: Vec<AssetKey>,
    },
    /// A backfill comes to its end.
    BackfillEnds {
        /// Which one.
        backfill: BackfillName,
    },
    /// A run ends that counts against a limit.
    Room {
        /// The limit, as its reason names it.
        limit: String,
    },
    /// Runs that the state may not know are surely found.
    RunsFound {
        /// When a look can be the last one, UTC.
        until: Option<DateTime<Utc>>,
    },
    /// A bound on freshness is passed.
    Breach {
        /// `max_lag`, `max_age`, `max_event_lag` or `deadline`.
        bound: String,
        /// When, UTC.
        at: DateTime<Utc>,
    },
}

impl WouldChange {
    /// Says it in a few words, without a final stop.
    pub fn phrase(&self) -> String {
        let usually = |at: &Option<DateTime<Utc>>| {
            at.map_or_else(String::new, |at| format!(", usually by {}", clock(at)))
        };
        let begins = |at: &Option<DateTime<Utc>>| {
            at.map_or_else(String::new, |at| format!(", not before {}", clock(at)))
        };
        match self {
            Self::Commit { asset, after } => match after {
                Some(after) => format!("a commit to `{asset}` after {after} that changes data"),
                None => format!("a first commit to `{asset}` with data"),
            },
            Self::Incorporates { asset, cut, at } => {
                let what = cut.map_or_else(
                    || "what its inputs hold".to_owned(),
                    |cut| format!("what was seen up to pass {}", cut.0),
                );
                format!("`{asset}` incorporates {what}{}", usually(at))
            }
            Self::Built {
                asset,
                not_before,
                at,
            } => format!(
                "a run that builds `{asset}`{}{}",
                begins(not_before),
                usually(at)
            ),
            Self::Exists { asset } => format!("somebody makes the table of `{asset}`"),
            Self::Observed { asset } => format!(
                "`{asset}` can be read: `headwater observe --explain {asset}` shows what is wrong"
            ),
            Self::CheckPasses {
                asset,
                check,
                after,
            } => format!("a version of `{asset}` after {after} that passes `{check}`"),
            Self::CheckJudged {
                asset,
                check,
                version,
            } => format!("`{check}` passes for {version} of `{asset}`"),
            Self::RunEnds {
                intent,
                attempt,
                run_id,
                not_before,
                at,
            } => {
                let run = run_id.map_or_else(String::new, |run| format!(", run {run}"));
                format!(
                    "attempt {attempt} of intent {intent}{run} ends{}{}",
                    begins(not_before),
                    usually(at)
                )
            }
            Self::Time { at } => format!("the time: {}", clock(*at)),
            Self::Condition { waits_for } => {
                let quoted: Vec<String> = waits_for.iter().map(|of| format!("`{of}`")).collect();
                format!("{} comes to hold", quoted.join(" or "))
            }
            Self::Code { asset, current } => format!("other code of `{asset}` than {current}"),
            Self::Command { command } => format!("`{command}`"),
            Self::Agreement { root, inputs } => {
                let quoted: Vec<String> = inputs.iter().map(|of| format!("`{of}`")).collect();
                format!(
                    "versions of {} that show the same `{root}`",
                    quoted.join(", ")
                )
            }
            Self::BackfillEnds { backfill } => {
                format!("backfill `{backfill}` ends: `headwater backfill show {backfill}`")
            }
            Self::Room { limit } => format!("a run ends that counts against `{limit}`"),
            Self::RunsFound { until } => format!(
                "the search for runs ends{}",
                until.map_or_else(String::new, |at| format!(", not before {}", clock(at)))
            ),
            Self::Breach { bound, at } => {
                format!("the time: `{bound}` is passed at {}", clock(*at))
            }
        }
    }
}
