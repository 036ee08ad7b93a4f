//! Whether what an asset was built without has recovered.

use assets::AssetKey;

use super::input::PlanInput;
use super::standing::{Standing, TableState, must_be_built};
use crate::state::Learned;

/// Returns whether an input still is what makes an asset degraded that was built meanwhile: it is behind
/// or has to be built, or nobody can say.
pub(super) fn is_still_behind(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    upstream: &AssetKey,
) -> bool {
    let index = input.graph.index_of(upstream.as_str());
    let standing = index.and_then(|index| Some((index, standings.get(index.position())?)));
    standing.is_some_and(|(index, standing)| {
        let is_blind = matches!(
            standing.table,
            TableState::Unknown(_) | TableState::NotObserved
        );
        standing.pending.is_some() || is_blind || must_be_built(input.graph.asset(index), standing)
    })
}

/// Adds the assets that are less degraded than is recorded. What such an input brings later is a change
/// like any other.
pub(super) fn learn(input: &PlanInput<'_>, standings: &[Standing<'_>], learned: &mut Learned) {
    for (index, standing) in input.graph.indices().zip(standings) {
        let Some(build) = standing.build.filter(|build| !build.degraded_by.is_empty()) else {
            continue;
        };
        let recorded = build.degraded_by.iter();
        let still: Vec<AssetKey> = recorded
            .filter(|upstream| is_still_behind(input, standings, upstream))
            .cloned()
            .collect();
        if still != build.degraded_by {
            let key = input.graph.asset(index).key.clone();
            learned.recovered.push((key, still));
        }
    }
}
