//! The guard against a plan that begins more runs than anybody expects: a wrong filter, a macro that every
//! model uses, a lost manifest. All of it waits for a person then, for nobody knows which part was meant.

use std::collections::BTreeSet;

use lineage::AssetIndex;

use super::decision::{Action, BackfillWait, Plan};
use super::input::PlanInput;
use super::reason::Reason;

/// Holds back all that a plan would begin, where that is more than may begin unconfirmed.
pub(super) fn hold(input: &PlanInput<'_>, plan: &mut Plan) {
    let runs = plan.requests.len();
    let Some(allowed) = input
        .limits
        .confirm_above
        .filter(|allowed| usize::try_from(*allowed).is_ok_and(|allowed| runs > allowed))
    else {
        return;
    };
    let reason = Reason::MassChange { runs, allowed };
    let mut live: BTreeSet<AssetIndex> = BTreeSet::new();
    for request in plan.requests.drain(..) {
        match request.backfill {
            Some(backfill) => {
                let wait = BackfillWait {
                    backfill,
                    asset: request.asset,
                    reason: reason.clone(),
                };
                if !plan.backfill_waits.contains(&wait) {
                    plan.backfill_waits.push(wait);
                }
            }
            None => live.extend(input.graph.index_of(request.asset.as_str())),
        }
    }
    for decision in &mut plan.decisions {
        if decision.action == Action::Run && live.contains(&decision.asset) {
            decision.action = Action::Wait;
            decision.reasons.insert(0, reason.clone());
        }
    }
}
