//! When a commit happened.
//!
//! A commit's time is the time of its file, made strictly increasing along the log, unless the
//! table stamps commits itself (in-commit timestamps). The writer's own clock is only a second
//! opinion: it tells that file times were lost when a log was copied.
//! Source: Delta protocol, "In-Commit Timestamps"; the adjustment is Spark's.

use chrono::{DateTime, TimeDelta, Utc};

use super::commit::{ParsedCommit, TimeSource};
use super::table::TableState;

/// Apart by more than this, the commit time and the writer's clock are said to disagree.
const DISAGREEMENT: TimeDelta = TimeDelta::minutes(5);

/// Returns the time of a commit: its file's, moved behind the commit before it.
pub fn after(previous: Option<DateTime<Utc>>, file_time: DateTime<Utc>) -> DateTime<Utc> {
    let least = previous.and_then(|at| at.checked_add_signed(TimeDelta::milliseconds(1)));
    least.map_or(file_time, |least| file_time.max(least))
}

/// Settles the time of a commit that was parsed with the time of its file.
///
/// `previous` is the settled time of the commit before it, where known. `state` is what holds for
/// the table at this commit; without it, a stamp in the commit counts when there is one, because
/// writers stamp commits only where the table asks for it.
pub fn settle(
    parsed: &mut ParsedCommit,
    previous: Option<DateTime<Utc>>,
    state: Option<&TableState>,
) {
    let is_stamped = state.is_none_or(|state| stamps_count(state, parsed.commit.version));
    let (at, source) = match parsed.in_commit_timestamp {
        Some(stamp) if is_stamped => (stamp, TimeSource::InCommit),
        Some(_) | None => (
            after(previous, parsed.commit.committed_at),
            TimeSource::File,
        ),
    };
    let commit = &mut parsed.commit;
    commit.committed_at = at;
    commit.time_source = source;
    commit.clocks_disagree = commit
        .writer_clock
        .is_some_and(|clock| (at - clock).abs() > DISAGREEMENT);
}

/// Returns whether in-commit timestamps are the time of this version.
fn stamps_count(state: &TableState, version: u64) -> bool {
    let property = |key: &str| state.metadata.configuration.get(key);
    let is_enabled = property("delta.enableInCommitTimestamps")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let since = property("delta.inCommitTimestampEnablementVersion")
        .and_then(|value| value.parse::<u64>().ok())
        .unwrap_or(0);
    is_enabled && state.protocol.has_in_commit_timestamps() && version >= since
}
