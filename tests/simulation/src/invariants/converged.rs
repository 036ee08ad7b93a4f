//! What has to be true once the faults have stopped and everything has come to rest.

use headwater::state::IntentState;
use headwater::store::audit;

use crate::world::World;
use crate::world::network::of_correlation;

/// L1: every table is built from the newest of what it reads. L2: every run belongs to an intent.
/// S8: one row of the audit trail for each change of state, in an unbroken chain.
pub(crate) fn converged(world: &mut World) {
    for at in 0..world.topology.assets.len() {
        let inputs = world.topology.assets[at].inputs.clone();
        let content = world.lake.of(at).newest().cloned();
        for input in inputs {
            let Some(newest) = world.lake.of(input).newest().map(|newest| newest.mark) else {
                continue;
            };
            let reads = content.iter().flat_map(|content| &content.reads);
            let read = reads.clone().find(|(found, _)| *found == input);
            if read.is_none_or(|(_, read)| *read < newest) {
                let (name, input) = (world.name(at), world.name(input));
                world.violate("L1", || {
                    format!("{name} has read {read:?} of {input}, which has {newest:?}")
                });
            }
        }
    }
    check_runs(world);
    check_trail(world);
}

fn check_runs(world: &mut World) {
    // A run that ended before its state was replaced is nobody's any more.
    if world.was_replaced {
        return;
    }
    let orphan = world.service.runs.iter().find_map(|run| {
        let (intent, _) = run.correlation().and_then(of_correlation)?;
        let found = world.store.intent(&intent).unwrap();
        found.is_none().then_some(run.run.id)
    });
    if let Some(run) = orphan {
        world.violate("L2", || format!("run {run} belongs to no intent"));
    }
}

/// What an intent went through, as the trail has it, leads from one state to the next.
fn check_trail(world: &mut World) {
    if let Err(broken) = audit::verify(&world.store) {
        world.violate("S8", || format!("{broken:?}"));
        return;
    }
    let mut rows = world.store.audit_tail(usize::MAX).unwrap();
    rows.reverse();
    let mut states: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for row in rows.iter().filter(|row| row.action.starts_with("intent.")) {
        let detail = &row.detail;
        let field = |name: &str| {
            let from = detail.find(&format!("\"{name}\":"))? + name.len() + 3;
            let text = detail.get(from..)?.strip_prefix('"')?;
            Some(text.split('"').next().unwrap_or_default().to_owned())
        };
        let (from, to) = (field("from"), field("to").unwrap_or_default());
        let before = states.insert(row.object.clone(), to);
        if before != from {
            let what = format!("row {} leaves {from:?}, and {before:?} was left", row.seq);
            return world.violate("S8", || what);
        }
    }
    let intents: Vec<_> = states.into_iter().collect();
    for (id, state) in intents {
        let found = world.store.intent(&headwater::state::IntentId(id.clone()));
        let now = found.unwrap().map(|intent| intent.state);
        if now.map(IntentState::as_str) != Some(state.as_str()) {
            world.violate("S8", || {
                format!("{id} is {now:?}, and the trail ends at {state}")
            });
        }
    }
}
