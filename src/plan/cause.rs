//! Who is late because of whom: one late root is one incident, however many wait for it.

use lineage::AssetIndex;

use super::decision::Decision;
use super::health::{AssetHealth, Health, HealthReason};
use super::input::PlanInput;
use super::reason::sentence;
use super::standing::Standing;

/// Groups those that are late under the one because of which they are.
pub(super) fn gather_causes(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    decisions: &[Decision],
    healths: &mut [AssetHealth],
) {
    let is_late = |health: &AssetHealth| matches!(health.health, Health::Overdue | Health::AtRisk);
    let late: Vec<(AssetIndex, AssetIndex)> = healths
        .iter()
        .filter(|health| is_late(health))
        .map(|health| (health.asset, root_cause(input, standings, health.asset)))
        .filter(|(asset, cause)| asset != cause)
        .collect();
    for (asset, cause) in late {
        // What keeps it says more than that it is late, too.
        let decision = decisions.get(cause.position());
        let why = decision.and_then(|decision| decision.reasons.first());
        let message = format!(
            "because of `{}`{}",
            input.graph.asset(cause).key,
            why.map_or_else(String::new, |why| format!(": {}", sentence(why)))
        );
        if let Some(health) = healths.get_mut(asset.position()) {
            health.root_cause = Some(cause);
            let reason = HealthReason {
                code: "root_cause",
                message,
            };
            health.reasons.insert(health.reasons.len().min(1), reason);
        }
        if let Some(health) = healths.get_mut(cause.position()) {
            health.makes_late.push(asset);
        }
    }
}

/// Returns the asset at which the oldest change that another one lacks got stuck: the farthest
/// upstream that lacks it, too. It is the asset itself where nothing upstream of it does.
fn root_cause(input: &PlanInput<'_>, standings: &[Standing<'_>], asset: AssetIndex) -> AssetIndex {
    let mut stuck = asset;
    // Ever farther upstream, where there are no circles.
    while let Some(further) = further(input, standings, stuck) {
        stuck = further;
    }
    stuck
}

fn further(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    asset: AssetIndex,
) -> Option<AssetIndex> {
    let lacking = standings.get(asset.position())?.pending?;
    let mut inputs = input.graph.inputs(asset).iter().copied();
    inputs.find(|upstream| {
        let standing = standings.get(upstream.position());
        standing
            .and_then(|standing| standing.pending)
            .is_some_and(|pending| pending.at <= lacking.at)
    })
}
