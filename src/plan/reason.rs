//! Reasons: why an asset is run, waits, is held or is left alone.
//!
//! Each variant holds both sides of its comparison, so that a report needs no second look. The
//! code is for programs and only ever gets company; [`sentence`] is for people.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::version::{CodeVersion, PassNumber, TableVersion};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::position::PositionLost;
use super::snapshot::{Disagreement, Shown};
use crate::state::{BackfillName, Basis, IntentId, IntentState, Lost, RunId, Search, SearchCause};

/// Why something is decided about an asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Reason {
    /// An input changed data after the version that the asset's content incorporates.
    UpstreamChanged {
        /// The input.
        upstream: AssetKey,
        /// What the content incorporates; absent if the input had no data then.
        consumed: Option<TableVersion>,
        /// How that is known.
        basis: Option<Basis>,
        /// Its data version now.
        current: TableVersion,
        /// The oldest source change among what is not incorporated, UTC.
        since: Option<DateTime<Utc>>,
    },
    /// The input's table was dropped and made again, or replaced.
    UpstreamRecreated {
        /// The input.
        upstream: AssetKey,
        /// What was consumed, of the former incarnation.
        consumed: TableVersion,
        /// Its data version now.
        current: TableVersion,
    },
    /// What comes after the position in an input's change feed cannot be read any more.
    PositionBroken {
        /// The input.
        upstream: AssetKey,
        /// The position: the last version that was consumed; absent where none was.
        position: Option<TableVersion>,
        /// Why.
        lost: PositionLost,
        /// The first version that can still be read; absent where none can.
        first_kept: Option<u64>,
        /// Its data version now.
        current: TableVersion,
        /// Whether the policy builds the asset anew in full; else a person has to ask for that.
        is_refreshed: bool,
    },
    /// Somebody wants it built anew in full.
    FullRefresh {
        /// Who.
        asked_by: String,
        /// When, UTC.
        asked_at: DateTime<Utc>,
    },
    /// The asset should exist and does not.
    Missing {
        /// When it was last built, UTC, of one that was there and is gone; absent where it never was built.
        built_at: Option<DateTime<Utc>>,
    },
    /// Partitions should have content and have none.
    MissingPartitions {
        /// When the asset was last built, UTC, where its table was there and is gone.
        built_at: Option<DateTime<Utc>>,
        /// How many.
        count: u64,
        /// The key of the first one.
        first: Option<String>,
        /// The key of the last one.
        last: Option<String>,
    },
    /// Partitions lack something, and their windows ended longer ago than `lookback`: a person has to ask for
    /// them.
    BeyondLookback {
        /// How many.
        count: u64,
        /// The key of the first one.
        first: String,
        /// The key of the last one.
        last: String,
        /// The bound, in seconds.
        lookback_s: i64,
    },
    /// The code differs from the code it was built with.
    CodeChanged {
        /// Built with.
        built: CodeVersion,
        /// Now.
        current: CodeVersion,
    },
    /// The code differs, and the policy only marks that.
    OutdatedCode {
        /// Built with.
        built: CodeVersion,
        /// Now.
        current: CodeVersion,
    },
    /// An input has changes to incorporate first.
    UpstreamStale {
        /// The input.
        upstream: AssetKey,
        /// Since when, by the oldest source change, UTC.
        since: Option<DateTime<Utc>>,
        /// The cut that this asset waits for: changes seen after it are not waited for.
        cut: Option<PassNumber>,
    },
    /// An input is behind, and nothing here builds it by itself.
    UpstreamNotAutomatic {
        /// The input.
        upstream: AssetKey,
        /// Since when it is behind, UTC.
        since: Option<DateTime<Utc>>,
    },
    /// An input is behind, and is not due by its own automation: its schedule, its hours, a freeze.
    UpstreamNotDue {
        /// The input.
        upstream: AssetKey,
        /// Since when it is behind, UTC.
        since: Option<DateTime<Utc>>,
    },
    /// An input's table does not exist.
    UpstreamMissing {
        /// The input.
        upstream: AssetKey,
    },
    /// An input could not be observed.
    UpstreamUnknown {
        /// The input.
        upstream: AssetKey,
        /// Why.
        problem: String,
    },
    /// An input's attempts failed.
    UpstreamFailed {
        /// The input.
        upstream: AssetKey,
        /// The intent that failed.
        intent: IntentId,
    },
    /// An input has changes to incorporate first, and is held: they come no further before somebody
    /// intervenes.
    UpstreamHeld {
        /// The input.
        upstream: AssetKey,
        /// The asset at which they are held up: the input itself, or one upstream of it.
        held_at: AssetKey,
    },
    /// A check of an input's newest data version failed, or could not be judged.
    CheckFailed(Box<FailedCheck>),
    /// A check of an input's newest data version is not judged yet.
    CheckPending {
        /// The input.
        upstream: AssetKey,
        /// The check.
        check: String,
        /// The data version that it has to judge.
        version: TableVersion,
    },
    /// A view on the way to its inputs has to be built first.
    ViewStale {
        /// The view.
        view: AssetKey,
    },
    /// The asset's own table could not be observed.
    Unknown {
        /// Why.
        problem: String,
    },
    /// A run for it is under way.
    InFlight {
        /// The intent.
        intent: IntentId,
        /// Where it stands.
        state: IntentState,
        /// Which attempt.
        attempt: u32,
        /// The run, once known.
        run_id: Option<RunId>,
        /// When the next attempt may be sent, UTC, where it waits for that.
        not_before: Option<DateTime<Utc>>,
    },
    /// Its inputs changed too recently.
    Settling {
        /// When the last change was committed, UTC.
        last_change_at: DateTime<Utc>,
        /// How long they have to be quiet, in seconds.
        settle_seconds: i64,
        /// Until when it waits, UTC.
        until: DateTime<Utc>,
    },
    /// It was built less than its interval ago.
    TooSoon {
        /// When it was built, UTC.
        built_at: DateTime<Utc>,
        /// The interval, in seconds.
        every_seconds: i64,
        /// Until when it waits, UTC.
        until: DateTime<Utc>,
    },
    /// Its lag is tolerated.
    Tolerated {
        /// The oldest change that it does not show, UTC.
        since: DateTime<Utc>,
        /// Up to what age such a change is tolerated, in seconds.
        tolerance_seconds: i64,
        /// Until when it waits, UTC.
        until: DateTime<Utc>,
    },
    /// Not all of its direct inputs have changed.
    NotAllChanged {
        /// Those that have not, in key order.
        unchanged: Vec<AssetKey>,
    },
    /// The condition of its automation does not hold.
    NotDue {
        /// What does not hold and may come to.
        waits_for: Vec<String>,
        /// When it could hold by time alone, UTC.
        until: Option<DateTime<Utc>>,
    },
    /// These are not the hours in which it is built.
    OutsideWindow {
        /// The hours.
        window: String,
        /// When they begin, UTC.
        until: Option<DateTime<Utc>>,
    },
    /// Nothing of it is built for a time.
    Frozen {
        /// Why, in the words of the project.
        reason: String,
        /// Until when, UTC.
        until: DateTime<Utc>,
    },
    /// It reads nothing, and its time has come.
    Scheduled {
        /// The instant of its schedule, UTC; absent where a deadline is near.
        at: Option<DateTime<Utc>>,
    },
    /// Only a person starts it.
    Manual,
    /// Nobody here builds it.
    NotBuiltHere,
    /// Its last run failed, and neither its code nor its inputs changed since.
    Quarantined {
        /// The intent that failed.
        intent: IntentId,
        /// How often it was tried.
        attempts: u32,
        /// Termination code, or a word of ours.
        failure: String,
        /// One sentence.
        problem: String,
    },
    /// All that has to be built of it is a backfill's to build.
    InBackfill {
        /// Which one.
        backfill: BackfillName,
        /// Whether it is paused.
        is_paused: bool,
    },
    /// Its task appends, and what has to be built was built before: it would be there twice.
    AppendsAgain,
    /// As many runs are under way as are allowed.
    Limit {
        /// `runs`, `task NAME`, `pool NAME`, `backfill NAME` or `begun by one pass`.
        limit: String,
        /// How many are allowed at once.
        allowed: u32,
    },
    /// As many runs began within the last 24 hours as are allowed.
    Budget {
        /// `runs`, `asset KEY`, `pool NAME` or `backfills`.
        budget: String,
        /// How many may begin within any 24 hours.
        allowed: u32,
        /// When there is room again, UTC.
        until: DateTime<Utc>,
    },
    /// The pass would begin more runs than may begin unconfirmed.
    MassChange {
        /// How many it would begin.
        runs: usize,
        /// How many need no confirmation.
        allowed: u32,
    },
    /// Runs may be under way that the state does not know: nothing is triggered before they are
    /// surely found.
    Searching {
        /// Why it may not know of all runs.
        cause: SearchCause,
        /// Until when a request may be under way, UTC; then one more look ends it.
        until: Option<DateTime<Utc>>,
        /// Why the service could not be asked, if so.
        problem: Option<String>,
    },
    /// No versions of its inputs agree on every root that they share, or none that are newer than what it
    /// shows.
    NoAgreeingCut {
        /// The roots on which the newest versions do not agree, in key order.
        roots: Vec<Disagreement>,
    },
    /// It reads older versions of its inputs, which agree: the newest ones do not.
    OlderCut {
        /// The versions that it reads.
        inputs: BTreeMap<AssetKey, Option<TableVersion>>,
        /// The roots on which the newest versions do not agree, in key order.
        roots: Vec<Disagreement>,
    },
    /// It goes on although these inputs are behind: availability comes first.
    Degraded {
        /// The inputs, in key order.
        upstreams: Vec<AssetKey>,
    },
}

/// A check that failed, with both sides of its comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedCheck {
    /// The input.
    pub upstream: AssetKey,
    /// The check.
    pub check: String,
    /// The data version that it judged.
    pub version: TableVersion,
    /// `fail` or `error`.
    pub status: &'static str,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub measured: Option<String>,
}

impl Reason {
    /// Returns the stable word for programs, the same as `code` in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UpstreamChanged { .. } => "upstream_changed",
            Self::UpstreamRecreated { .. } => "upstream_recreated",
            Self::PositionBroken { .. } => "position_broken",
            Self::FullRefresh { .. } => "full_refresh",
            Self::Missing { .. } => "missing",
            Self::MissingPartitions { .. } => "missing_partitions",
            Self::BeyondLookback { .. } => "beyond_lookback",
            Self::CodeChanged { .. } => "code_changed",
            Self::OutdatedCode { .. } => "outdated_code",
            Self::UpstreamStale { .. } => "upstream_stale",
            Self::UpstreamNotAutomatic { .. } => "upstream_not_automatic",
            Self::UpstreamNotDue { .. } => "upstream_not_due",
            Self::UpstreamMissing { .. } => "upstream_missing",
            Self::UpstreamUnknown { .. } => "upstream_unknown",
            Self::UpstreamFailed { .. } => "upstream_failed",
            Self::UpstreamHeld { .. } => "upstream_held",
            Self::CheckFailed(_) => "check_failed",
            Self::CheckPending { .. } => "check_pending",
            Self::ViewStale { .. } => "view_stale",
            Self::Unknown { .. } => "unknown",
            Self::InFlight { .. } => "in_flight",
            Self::Settling { .. } => "settling",
            Self::TooSoon { .. } => "too_soon",
            Self::Tolerated { .. } => "tolerated",
            Self::NotAllChanged { .. } => "not_all_changed",
            Self::NotDue { .. } => "not_due",
            Self::OutsideWindow { .. } => "outside_window",
            Self::Frozen { .. } => "frozen",
            Self::Scheduled { .. } => "scheduled",
            Self::Manual => "manual",
            Self::NotBuiltHere => "not_built_here",
            Self::Quarantined { .. } => "quarantined",
            Self::InBackfill { .. } => "in_backfill",
            Self::AppendsAgain => "appends_again",
            Self::Limit { .. } => "limit",
            Self::Budget { .. } => "budget",
            Self::MassChange { .. } => "mass_change",
            Self::Searching { .. } => "searching",
            Self::NoAgreeingCut { .. } => "no_agreeing_cut",
            Self::OlderCut { .. } => "older_cut",
            Self::Degraded { .. } => "degraded",
        }
    }
}

impl Reason {
    /// Returns whether it is a wait that its owner asked for, by a condition, hours or a freeze. It
    /// may last for days.
    pub fn is_chosen(&self) -> bool {
        matches!(
            self,
            Self::NotDue { .. } | Self::OutsideWindow { .. } | Self::Frozen { .. }
        )
    }
}

impl From<&Search> for Reason {
    fn from(search: &Search) -> Self {
        Self::Searching {
            cause: search.cause,
            until: search.until,
            problem: search.problem.clone(),
        }
    }
}

/// Says a reason in one sentence, without a final stop.
pub fn sentence(reason: &Reason) -> String {
    match reason {
        Reason::UpstreamChanged {
            upstream,
            consumed,
            basis,
            current,
            ..
        } => {
            let label = if basis.is_some_and(Basis::is_assumed) {
                " (assumed)"
            } else {
                ""
            };
            match consumed {
                Some(consumed) => {
                    format!("`{upstream}` is at {current}, this incorporates {consumed}{label}")
                }
                None => format!("`{upstream}` is at {current}, this incorporates none of it"),
            }
        }
        Reason::UpstreamRecreated {
            upstream,
            consumed,
            current,
        } => format!(
            "`{upstream}` was made anew: it is at {current} of table {}, this incorporates \
             {consumed} of table {}",
            current.table_id, consumed.table_id
        ),
        Reason::PositionBroken {
            upstream,
            position,
            lost,
            first_kept,
            current,
            is_refreshed,
        } => position_broken(
            (upstream, current),
            position.as_ref(),
            (*lost, *first_kept),
            *is_refreshed,
        ),
        Reason::FullRefresh { asked_by, asked_at } => {
            format!(
                "{asked_by} asked for a full refresh at {}",
                clock(*asked_at)
            )
        }
        Reason::Missing { built_at: None } => "it was never built".to_owned(),
        Reason::Missing { built_at: Some(at) } => {
            format!("it is gone, and was last built at {}", clock(*at))
        }
        Reason::MissingPartitions {
            built_at,
            count,
            first,
            last,
        } => missing_partitions(*built_at, *count, (first.as_deref(), last.as_deref())),
        Reason::BeyondLookback {
            count, first, last, ..
        } => beyond_lookback(*count, first, last),
        Reason::CodeChanged { built, current } => {
            format!("its code changed: built with {built}, now {current}")
        }
        Reason::OutdatedCode { built, current } => format!(
            "its code changed (built with {built}, now {current}), which its policy only marks"
        ),
        Reason::UpstreamStale { upstream, cut, .. } => match cut {
            Some(cut) => format!(
                "`{upstream}` has to incorporate what was seen up to pass {} first",
                cut.0
            ),
            None => format!("`{upstream}` has changes to incorporate first"),
        },
        Reason::UpstreamNotAutomatic { upstream, .. } => {
            format!("`{upstream}` is behind, and nothing here builds it by itself")
        }
        Reason::UpstreamNotDue { upstream, .. } => {
            format!("`{upstream}` is behind, and is not due by its own automation")
        }
        Reason::UpstreamMissing { upstream } => format!("the table of `{upstream}` does not exist"),
        Reason::UpstreamUnknown { upstream, problem } => {
            format!("`{upstream}` could not be observed: {problem}")
        }
        Reason::UpstreamFailed { upstream, intent } => {
            format!("`{upstream}` failed (intent {intent}) and is not tried again by itself")
        }
        Reason::UpstreamHeld { upstream, held_at } if upstream == held_at => {
            format!("`{upstream}` has changes to incorporate first, and is held")
        }
        Reason::UpstreamHeld { upstream, held_at } => format!(
            "`{upstream}` has changes to incorporate first, and is held because of `{held_at}`"
        ),
        Reason::ViewStale { view } => format!("the view `{view}` has to be built first"),
        Reason::Unknown { problem } => format!("its table could not be observed: {problem}"),
        Reason::InFlight {
            intent,
            state,
            attempt,
            run_id,
            not_before,
        } => {
            let run = run_id.map_or_else(String::new, |run| format!(", run {run}"));
            let wait = not_before.map_or_else(String::new, |at| format!(", next at {}", clock(at)));
            format!(
                "intent {intent} is {}, attempt {attempt}{run}{wait}",
                state.as_str()
            )
        }
        Reason::Settling {
            last_change_at,
            settle_seconds,
            until,
        } => format!(
            "its inputs last changed at {}, and have to be quiet for {settle_seconds} s: waits \
             until {}",
            clock(*last_change_at),
            clock(*until)
        ),
        Reason::TooSoon {
            built_at,
            every_seconds,
            until,
        } => format!(
            "it was built at {}, and is built at most every {every_seconds} s: waits until {}",
            clock(*built_at),
            clock(*until)
        ),
        Reason::Tolerated {
            since,
            tolerance_seconds,
            until,
        } => format!(
            "the oldest change that it does not show is of {}, and {tolerance_seconds} s are \
             tolerated: waits until {}",
            clock(*since),
            clock(*until)
        ),
        Reason::NotAllChanged { unchanged } => {
            format!(
                "not all of its inputs changed: still waiting for {}",
                list(unchanged)
            )
        }
        Reason::NotDue { waits_for, until } => format!(
            "it is not due: waits for {}{}",
            quoted(waits_for),
            until.map_or_else(String::new, |at| format!(
                ", until {} at the latest",
                clock(at)
            ))
        ),
        Reason::OutsideWindow { window, until } => format!(
            "it is built from {window} only: waits{}",
            until.map_or_else(String::new, |at| format!(" until {}", clock(at)))
        ),
        Reason::Frozen { reason, until } => {
            format!("it is frozen until {}: {reason}", clock(*until))
        }
        Reason::Scheduled { at: Some(at) } => format!("it was scheduled for {}", clock(*at)),
        Reason::Scheduled { at: None } => "it has to be built before its next deadline".to_owned(),
        Reason::Manual => "its automation is `manual`".to_owned(),
        Reason::NotBuiltHere => "it has no task: nobody here builds it".to_owned(),
        Reason::Quarantined {
            intent,
            attempts,
            failure,
            problem,
        } => format!(
            "it failed after {attempts} attempt{} (intent {intent}, {failure}): {problem}",
            if *attempts == 1 { "" } else { "s" }
        ),
        Reason::InBackfill {
            backfill,
            is_paused,
        } => {
            let paused = if *is_paused { ", which is paused" } else { "" };
            format!("what has to be built of it is in backfill `{backfill}`{paused}")
        }
        Reason::AppendsAgain => {
            "its task appends, and what it would append was appended before: only a backfill with \
             `--force` does that"
                .to_owned()
        }
        Reason::Limit { limit, allowed } => {
            format!("the limit of {allowed} at once is reached ({limit})")
        }
        Reason::Budget {
            budget,
            allowed,
            until,
        } => format!(
            "the budget of {allowed} within 24 hours is spent ({budget}); there is room again from {} on",
            clock(*until)
        ),
        Reason::MassChange { runs, allowed } => format!(
            "{runs} runs would begin at once, {allowed} may unconfirmed: `headwater reconcile \
             --allow-mass-change` if that is meant"
        ),
        Reason::Searching {
            cause,
            until,
            problem,
        } => searching(*cause, *until, problem.as_deref()),
        Reason::CheckFailed(failed) => check_failed(failed),
        Reason::CheckPending {
            upstream,
            check,
            version,
        } => format!(
            "the check `{check}` of `{upstream}` has not judged version {} yet",
            version.version
        ),
        Reason::NoAgreeingCut { roots } => format!("its inputs do not agree{}", shown(roots)),
        Reason::OlderCut { inputs, roots } => {
            let read: Vec<String> = inputs
                .iter()
                .map(|(input, version)| match version {
                    Some(version) => format!("`{input}` at {version}"),
                    None => format!("`{input}` without data"),
                })
                .collect();
            format!(
                "reads {}: the newest do not agree{}",
                read.join(", "),
                shown(roots)
            )
        }
        Reason::Degraded { upstreams } => {
            format!(
                "goes on although {} is behind: availability first",
                list(upstreams)
            )
        }
    }
}

fn missing_partitions(
    built_at: Option<DateTime<Utc>>,
    count: u64,
    (first, last): (Option<&str>, Option<&str>),
) -> String {
    let range = match (count, first, last) {
        (2.., Some(first), Some(last)) => format!(", from `{first}` to `{last}`"),
        _ => String::new(),
    };
    let which = match (count, first) {
        (1, Some(first)) => format!("its partition `{first}`"),
        (count, _) => format!("{count} of its partitions"),
    };
    match (built_at, count) {
        (None, 1) => format!("{which} was never built"),
        (None, _) => format!("{which} were never built{range}"),
        (Some(at), _) => format!(
            "its table is gone, and {which} with it{range}: it was last built at {}",
            clock(at)
        ),
    }
}

fn beyond_lookback(count: u64, first: &str, last: &str) -> String {
    let which = if count == 1 {
        format!("its partition `{first}` lacks something and ended")
    } else {
        format!("{count} of its partitions, from `{first}` to `{last}`, lack something and ended")
    };
    format!("{which} longer ago than `lookback`: ask for a backfill, `headwater backfill create`")
}

fn check_failed(failed: &FailedCheck) -> String {
    let FailedCheck {
        upstream,
        check,
        version,
        expected,
        ..
    } = failed;
    let measured = failed.measured.as_deref().unwrap_or("nothing");
    let version = version.version;
    if failed.status == "error" {
        return format!(
            "the check `{check}` of `{upstream}` could not be judged at version {version}: {measured}"
        );
    }
    format!(
        "the check `{check}` of `{upstream}` failed at version {version}: expected {expected}, \
         found {measured}"
    )
}

fn position_broken(
    (upstream, current): (&AssetKey, &TableVersion),
    position: Option<&TableVersion>,
    (lost, first_kept): (PositionLost, Option<u64>),
    is_refreshed: bool,
) -> String {
    let consumed = position.map_or_else(
        || "none of it was consumed".to_owned(),
        |position| format!("it was consumed up to {position}"),
    );
    let kept = first_kept.map_or_else(
        || "nothing of it can be read now".to_owned(),
        |version| format!("it can be read from v{version} on"),
    );
    let why = match (lost, position) {
        (PositionLost::Recreated, Some(position)) => format!(
            "the table was made anew: {consumed} of table {}, and is at {current} of table {}",
            position.table_id, current.table_id
        ),
        (PositionLost::Recreated, None) => format!("the table was made anew, and is at {current}"),
        (PositionLost::LogCleaned, _) => format!("{consumed}, and its log was cleaned: {kept}"),
        (PositionLost::FeedOff, _) => {
            format!("{consumed}, and its change data feed was off: {kept}")
        }
    };
    let way_out = if is_refreshed {
        "it is built anew in full"
    } else {
        "a full refresh has to be asked for, by `headwater reconcile --full-refresh`"
    };
    format!("its position in the changes of `{upstream}` is broken: {why}; {way_out}")
}

/// ` on `raw.a`: `stg.a` shows v2, `stg.b` v1`
fn shown(roots: &[Disagreement]) -> String {
    let side = |shown: &Shown| {
        let input = &shown.input;
        match (shown.lost, &shown.lost_at) {
            (Some(Lost::MayBeNewer), Some(at)) => {
                return format!(
                    "of `{input}` nobody knows, as a run may have read a newer version of `{at}` than was seen before it"
                );
            }
            (Some(Lost::NotRecorded), Some(at)) => {
                return format!(
                    "of `{input}` nobody knows, as nothing is on record of what came through `{at}`"
                );
            }
            (Some(_), None) | (None, _) => {}
        }
        let version = match (shown.certainty, shown.version) {
            ("exact", Some(version)) => format!("v{version}"),
            ("exact", None) => "no data".to_owned(),
            ("assumed", Some(version)) => format!("v{version} as is assumed"),
            ("mixed", _) => "several versions".to_owned(),
            (_, _) => "no version for sure".to_owned(),
        };
        format!("`{input}` shows {version}")
    };
    let root = |of: &Disagreement| {
        let sides: Vec<String> = of.shown.iter().map(side).collect();
        format!(" on `{}`: {}", of.root, sides.join(", "))
    };
    let roots: Vec<String> = roots.iter().map(root).collect();
    roots.join(";")
}

fn searching(cause: SearchCause, until: Option<DateTime<Utc>>, problem: Option<&str>) -> String {
    let state = match cause {
        SearchCause::New => "the state is new and may stand in the place of one that was lost",
        SearchCause::Lost => "an earlier state was lost",
        SearchCause::Rebuilt => "the state was rebuilt",
        SearchCause::Restored => "the state was restored from a backup",
    };
    let end = match until {
        Some(until) => format!(" until {}", clock(until)),
        None => String::new(),
    };
    let problem = problem.map_or_else(String::new, |problem| {
        format!("; the last look failed: {problem}")
    });
    format!(
        "{state}: nothing is triggered while runs that it does not know are looked for{end}{problem}"
    )
}

pub(super) fn clock(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn list(keys: &[AssetKey]) -> String {
    quoted(keys)
}

fn quoted(words: &[impl std::fmt::Display]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}
