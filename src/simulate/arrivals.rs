//! What arrives at sources, and when.

use assets::AssetKey;
use assets::delta::Commit;
use assets::partition::{Extent, Part, PartitionSet, Partitions, Windows};
use assets::workload::{Arrivals, Changed, Rhythm};
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::chance::{Purpose, draw, named};

/// Late data changes one of so many of the newest partitions.
const LATE_AMONG: u64 = 30;

/// What arrives at one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// The source.
    pub source: AssetKey,
    /// When, and in which partitions.
    pub timing: Timing,
}

/// When something arrives.
#[derive(Debug, Clone, PartialEq)]
pub enum Timing {
    /// As it is declared.
    Declared(Arrivals),
    /// As it was recorded, again and again.
    Recorded {
        /// How long was recorded; longer than zero.
        period: TimeDelta,
        /// What was recorded, oldest first.
        commits: Vec<PastCommit>,
    },
}

/// A commit that was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct PastCommit {
    /// How long after the beginning of the recording; up to its length.
    pub after: TimeDelta,
    /// Its commit time, UTC.
    pub at: DateTime<Utc>,
    /// The partitions that it changed, of a source with partitions.
    pub partitions: Option<Extent>,
}

/// Makes what was recorded of a source up to an instant into what arrives again and again.
///
/// The commits are those that changed data, in any order; `place` says which partitions one changed.
pub fn recorded(
    commits: &[Commit],
    (period, until): (TimeDelta, DateTime<Utc>),
    place: &dyn Fn(&Commit) -> Option<Extent>,
) -> Timing {
    let from = until - period;
    let mut past: Vec<PastCommit> = commits
        .iter()
        .filter(|commit| commit.committed_at > from && commit.committed_at <= until)
        .map(|commit| PastCommit {
            after: commit.committed_at - from,
            at: commit.committed_at,
            partitions: place(commit),
        })
        .collect();
    past.sort_by_key(|commit| commit.at);
    Timing::Recorded {
        period,
        commits: past,
    }
}

/// A stream on its way.
pub(super) struct Flow<'a> {
    pub(super) source: AssetIndex,
    timing: &'a Timing,
    partitions: Option<&'a Partitions>,
    seed: u64,
    of: u64,
    from: DateTime<Utc>,
    /// The instant before jitter that the newest arrival had.
    base: DateTime<Utc>,
    last: DateTime<Utc>,
    number: u64,
}

impl<'a> Flow<'a> {
    pub(super) fn new(
        stream: &'a Stream,
        source: AssetIndex,
        partitions: Option<&'a Partitions>,
        (seed, from): (u64, DateTime<Utc>),
    ) -> Self {
        Self {
            source,
            timing: &stream.timing,
            partitions,
            seed,
            of: named(stream.source.as_str()),
            from,
            base: from,
            last: from,
            number: 0,
        }
    }

    /// Returns when the next one arrives, later than all before; absent where none ever does.
    pub(super) fn next(&mut self) -> Option<DateTime<Utc>> {
        let at = match self.timing {
            Timing::Declared(declared) => {
                self.base = match &declared.rhythm {
                    // No two sources begin together because somebody wrote the same interval.
                    Rhythm::Every(every) if self.number == 0 => {
                        self.from + part_of(*every, self.draw(Purpose::Phase))
                    }
                    Rhythm::Every(every) => self.base.checked_add_signed(*every)?,
                    Rhythm::Schedule(schedule) => schedule.next(self.base)?,
                };
                self.base + part_of(declared.jitter, self.draw(Purpose::Jitter))
            }
            Timing::Recorded { period, commits } => {
                let many = u64::try_from(commits.len()).unwrap_or(u64::MAX);
                let round = i32::try_from(self.number.checked_div(many)?).ok()?;
                let commit = commits.get(usize::try_from(self.number % many).ok()?)?;
                let after = period.checked_mul(round)?.checked_add(&commit.after)?;
                self.from.checked_add_signed(after)?
            }
        };
        self.number += 1;
        let at = at.max(self.last + TimeDelta::milliseconds(1));
        self.last = at;
        Some(at)
    }

    /// Returns the partitions that the newest arrival changes, of a source with partitions.
    pub(super) fn changed(&self) -> Option<Extent> {
        let definition = self.partitions?;
        let partitions = match self.timing {
            Timing::Declared(declared) => match declared.partitions {
                Changed::All => PartitionSet::EVERYTHING,
                Changed::Latest if self.draw(Purpose::Late) < declared.late => {
                    older(definition, self.last, self.draw(Purpose::LatePartition))
                }
                Changed::Latest => latest(definition, self.last),
            },
            Timing::Recorded { commits, .. } => {
                let many = u64::try_from(commits.len()).unwrap_or(u64::MAX);
                let newest = self.number.saturating_sub(1).checked_rem(many);
                let newest = newest.and_then(|at| commits.get(usize::try_from(at).ok()?));
                newest.map_or(PartitionSet::EVERYTHING, |commit| {
                    let then = commit.partitions.as_ref();
                    let then = then.map_or(PartitionSet::EVERYTHING, |then| then.under(definition));
                    moved(definition, &then, commit.at, self.last)
                })
            }
        };
        Some(Extent {
            ordinals: definition.ordinals_id().into(),
            partitions,
        })
    }

    fn draw(&self, purpose: Purpose) -> f64 {
        draw(self.seed, purpose, self.of, self.number)
    }
}

/// Returns a share of a duration.
pub(super) fn part_of(whole: TimeDelta, share: f64) -> TimeDelta {
    let whole = whole.to_std().unwrap_or_default();
    let part = std::time::Duration::try_from_secs_f64(whole.as_secs_f64() * share.max(0.0));
    let millis = part.map_or(0, |part| i64::try_from(part.as_millis()).unwrap_or(0));
    TimeDelta::milliseconds(millis)
}

/// The windows of a definition, where it has any.
fn windows(definition: &Partitions) -> Option<&Windows> {
    definition.parts().iter().find_map(|part| match part {
        Part::Windows(windows) => Some(windows),
        Part::Keys(_) | Part::Dynamic(_) => None,
    })
}

/// The partitions of the window that an instant lies in; all, where there are no windows.
fn latest(definition: &Partitions, at: DateTime<Utc>) -> PartitionSet {
    let Some(windows) = windows(definition) else {
        return definition.existing(at);
    };
    in_window(definition, windows, windows.ordinal_at(at))
}

/// What comes to be when a window does.
fn in_window(definition: &Partitions, windows: &Windows, ordinal: i32) -> PartitionSet {
    let Some(window) = windows.window(ordinal) else {
        return PartitionSet::NOTHING;
    };
    let since = if windows.includes_running() {
        window.start
    } else {
        window.end
    };
    let before = definition.existing(since - TimeDelta::seconds(1));
    definition.existing(since).difference(&before)
}

/// One of the windows before that of an instant.
fn older(definition: &Partitions, at: DateTime<Utc>, share: f64) -> PartitionSet {
    let Some(windows) = windows(definition) else {
        return definition.existing(at);
    };
    let back = (1..=LATE_AMONG).zip(1_i32..).find_map(|(step, back)| {
        let upto = f64::from(back) / f64::from(u32::try_from(LATE_AMONG).unwrap_or(u32::MAX));
        (share < upto || step == LATE_AMONG).then_some(back)
    });
    let ordinal = windows.ordinal_at(at).saturating_sub(back.unwrap_or(1));
    in_window(definition, windows, ordinal)
}

/// Partitions as far from an instant as others are from another one. Where the definition is not of
/// windows alone, those of its values cannot be told apart any more: all of the windows are meant.
fn moved(
    definition: &Partitions,
    set: &PartitionSet,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> PartitionSet {
    let Some(windows) = windows(definition).filter(|_| !set.is_everything()) else {
        return set.clone();
    };
    if definition.is_product() {
        return latest(definition, to);
    }
    let by = windows
        .ordinal_at(to)
        .saturating_sub(windows.ordinal_at(from));
    let there = set.iter().filter_map(|partition| {
        let ordinal = partition.ordinals().first()?.saturating_add(by);
        Some(in_window(definition, windows, ordinal))
    });
    PartitionSet::union_of(there)
}
