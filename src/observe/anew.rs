//! A table that was made anew: all that was committed since is a change, not only the newest of it.
//!
//! A look at another incarnation reads back to its newest data version, which is all that matters
//! for what has to be built. How long its consumers have been behind is told by the oldest.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::version::{Origin, PassNumber};
use chrono::{DateTime, TimeDelta, Utc};

use super::sighting::data_commit;
use super::{Eyes, Seen};
use crate::ports::{Back, TableLocation};
use crate::state::{DataCommit, Memory, Observation};

/// Clocks of writers may differ by this much.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Adds what was committed between the last look and the newest data version.
pub(super) async fn complete(
    eyes: Eyes<'_>,
    memory: &Memory,
    locations: &BTreeMap<AssetKey, TableLocation>,
    pass: PassNumber,
    seen: &mut [Seen],
) {
    for found in seen.iter_mut() {
        if !found.sighting.forget_commits {
            continue;
        }
        let asset = &found.sighting.asset;
        let last_seen = memory.observations.get(asset).and_then(last_committed_at);
        let (Some(location), Some(last_seen)) = (locations.get(asset), last_seen) else {
            continue;
        };
        add_since(eyes, location, (last_seen, pass), found).await;
        carry_over(memory, found);
    }
}

fn last_committed_at(seen: &Observation) -> Option<DateTime<Utc>> {
    seen.head.as_ref().map(|head| head.last_committed_at)
}

async fn add_since(
    eyes: Eyes<'_>,
    location: &TableLocation,
    (last_seen, pass): (DateTime<Utc>, PassNumber),
    found: &mut Seen,
) {
    let Some(oldest) = found.sighting.commits.first_mut() else {
        return;
    };
    // It may have been dated by another clock than what was seen last.
    let from = last_seen.checked_sub_signed(SKEW).unwrap_or(last_seen);
    let Ok(back) = eyes.tables.commits_back_to(location, Back::to(from)).await else {
        // It began at some time after what was seen last, and nobody can say when.
        oldest.origin.at = oldest.origin.at.min(last_seen);
        return;
    };
    let (table_id, first) = (oldest.version.table_id.clone(), oldest.version.version);
    let mut earlier: Vec<_> = back
        .into_iter()
        .filter(|commit| commit.version < first)
        .collect();
    earlier.reverse();
    let data = earlier
        .iter()
        .map(|commit| data_commit(&table_id, commit, pass));
    found.sighting.commits.splice(0..0, data);
    found.commits.splice(0..0, earlier);
}

/// What some consumer lacked of the table that was is lacking still: the oldest source change of it
/// goes with the first commit of the table that is.
fn carry_over(memory: &Memory, found: &mut Seen) {
    let asset = &found.sighting.asset;
    let claims = || memory.consumption.values().filter_map(|of| of.get(asset));
    let is_lacked = |commit: &&DataCommit| {
        claims().any(|claim| {
            let version = claim.version.as_ref();
            version.is_none_or(|version| {
                version.table_id == commit.version.table_id
                    && version.version < commit.version.version
            })
        })
    };
    let commits = memory.commits.get(asset).into_iter().flatten();
    let lacked = commits.filter(is_lacked).map(|commit| commit.origin);
    if let (Some(oldest), Some(first)) = (
        lacked.reduce(Origin::oldest),
        found.sighting.commits.first_mut(),
    ) {
        first.origin = first.origin.oldest(oldest);
    }
}
