//! Positions in change feeds: can what comes after them still be read?
//!
//! A position is the last version of an input that an asset consumed. The next run reads from the version
//! after it; where that is gone, the position is broken, and only a full refresh begins anew. Commits that
//! changed no data are no loss: reading then begins behind them.

use assets::delta::{KeptChanges, LostChanges};
use assets::policy::FullRefresh;
use assets::{Asset, Consume, TableVersion};
use lineage::AssetIndex;
use serde::Serialize;

use super::input::PlanInput;
use super::standing::{Behind, Standing};
use crate::state::{FullRefreshRequest, Observation};

/// Why what comes after a position cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionLost {
    /// The input's table was dropped and made again, or replaced.
    Recreated,
    /// The input's log was cleaned past it.
    LogCleaned,
    /// The input's change data feed was off when it was committed, or is off now.
    FeedOff,
}

impl From<LostChanges> for PositionLost {
    fn from(lost: LostChanges) -> Self {
        match lost {
            LostChanges::LogCleaned => Self::LogCleaned,
            LostChanges::FeedOff => Self::FeedOff,
        }
    }
}

/// A position after which something is gone.
#[derive(Debug, Clone)]
pub struct BrokenPosition<'a> {
    /// The input.
    pub input: AssetIndex,
    /// The position; absent where nothing was consumed.
    pub position: Option<&'a TableVersion>,
    /// The input's data version now.
    pub current: &'a TableVersion,
    /// Why it is broken.
    pub lost: PositionLost,
    /// The first version that can still be read; absent where none can.
    pub first_kept: Option<u64>,
}

/// How the feed of one input stands to a position.
enum Feed<'a> {
    /// All after the position is there.
    Whole,
    /// It is there but for commits that changed no data: reading begins at this version.
    From(u64),
    /// Changes are gone.
    Broken(BrokenPosition<'a>),
}

/// Says how the feeds of an asset stand that it is behind: the positions that are broken, and where reading
/// begins later than after the position.
pub(super) fn feeds<'a>(
    asset: &Asset,
    behind: &[Behind<'a>],
    observation: impl Fn(AssetIndex) -> Option<&'a Observation>,
    key_of: impl Fn(AssetIndex) -> &'a assets::AssetKey,
) -> (Vec<BrokenPosition<'a>>, Vec<(AssetIndex, u64)>) {
    let (mut broken, mut beginnings) = (Vec::new(), Vec::new());
    if behind.is_empty() || !asset.reads_changes() {
        return (broken, beginnings);
    }
    for behind in behind {
        let key = key_of(behind.input);
        let is_feed =
            |edge: &assets::Upstream| edge.asset == *key && edge.consume == Consume::Changes;
        if !asset.upstreams.iter().any(is_feed) {
            continue;
        }
        let head = observation(behind.input).and_then(|seen| seen.head.as_deref());
        let kept = head.and_then(|head| head.details.kept_changes.as_ref());
        match feed(behind, kept) {
            Feed::Whole => {}
            Feed::From(version) => beginnings.push((behind.input, version)),
            Feed::Broken(position) => broken.push(position),
        }
    }
    (broken, beginnings)
}

fn feed<'a>(behind: &Behind<'a>, kept: Option<&KeptChanges>) -> Feed<'a> {
    let broken = |lost, first_kept| {
        Feed::Broken(BrokenPosition {
            input: behind.input,
            position: behind.position,
            current: behind.current,
            lost,
            first_kept,
        })
    };
    let next = match behind.position {
        Some(position) if position.table_id != behind.current.table_id => {
            return broken(PositionLost::Recreated, kept.and_then(|kept| kept.from));
        }
        Some(position) => position.version.saturating_add(1),
        None => 0,
    };
    // Nothing is said of versions before the one that was asked for.
    let Some(kept) = kept.filter(|kept| kept.asked <= next) else {
        return Feed::Whole;
    };
    let lost = kept.lost.map_or(PositionLost::LogCleaned, Into::into);
    match kept.from {
        None => broken(lost, None),
        Some(from) if from <= next => Feed::Whole,
        Some(from) if from <= behind.first.version => Feed::From(from),
        Some(from) => broken(lost, Some(from)),
    }
}

/// Returns the full refresh of an asset that somebody asked for.
pub(super) fn asked<'a>(
    input: &PlanInput<'a>,
    index: AssetIndex,
) -> Option<&'a FullRefreshRequest> {
    // Nearly always there is none at all.
    if input.memory.full_refreshes.is_empty() {
        return None;
    }
    let asset = input.graph.asset(index);
    input.memory.full_refreshes.get(&asset.key)
}

/// Returns whether broken positions are mended without a person. Of an asset that is built by partitions,
/// each run builds only some of them: that is a person's to ask for.
pub(super) fn is_refreshed_by_itself(asset: &Asset, standing: &Standing<'_>) -> bool {
    asset.full_refresh == FullRefresh::Automatic && standing.parts.is_none()
}

/// Returns whether a run of an asset builds it anew in full: somebody asked, its position is broken and its
/// policy allows that, or there is nothing yet.
pub(super) fn is_full_refresh(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
) -> bool {
    let is_first = standing.is_missing && standing.parts.is_none();
    is_first || !standing.broken.is_empty() || asked(input, index).is_some()
}

/// Returns whether only a person can mend the positions of an asset, and has not asked for it.
pub(super) fn needs_a_person(
    input: &PlanInput<'_>,
    index: AssetIndex,
    standing: &Standing<'_>,
) -> bool {
    let asset = input.graph.asset(index);
    !standing.broken.is_empty()
        && asset.is_built_here()
        && !is_refreshed_by_itself(asset, standing)
        && asked(input, index).is_none()
}
