//! The planner: what should run now, what waits and for what, as a pure function.
//!
//! [`plan`] sees one [`PlanInput`], which holds `now`, and returns the same [`Plan`] for the same
//! input whatever the order of its parts. It reads no clock, no file and no server, and what it
//! returns leaves the executor no choices. The steps, each in its own file:
//!
//! 1. `standing`: how does each asset stand against its inputs? Facts only, no policy. `parts`: the same
//!    partition by partition.
//! 2. `verdict`: what does its owner's policy make of that? Run, wait, hold or nothing. `due` says
//!    whether the condition of its automation holds, and `snapshot` which versions may be read together, by
//!    `provenance` and `agreeing`.
//! 3. `admit`: which of those that may run fit into the limits, in what order? `room` counts what is left of
//!    them, `budget` what began within a day.
//!
//! `backfill` then fills the room that is left with runs for backfills, and `reserved` keeps what is live
//! from what they build. `mass_change` holds back all of it where it is more than anybody expects.
//!
//! `gates` says what a failed check means for those who read its asset.
//!
//! `health` reads the same standings for people who only want to know how fresh a table is;
//! `deadline` says what came of deadlines, `forecast` when assets will be clean, and `cause` because
//! of whom they are late. `what_would_change` says what would change a verdict, in the words of `turning`.

mod admit;
mod agreeing;
mod backfill;
mod budget;
mod cause;
mod deadline;
mod decision;
mod due;
mod event_time;
mod forecast;
mod gates;
mod health;
mod input;
mod known;
mod mass_change;
mod obstacle;
mod outlook;
mod parameters;
mod parts;
mod patience;
mod position;
mod provenance;
mod reason;
mod recovery;
mod reserved;
mod room;
mod snapshot;
mod standing;
mod turning;
mod verdict;
mod what_would_change;

use lineage::AssetIndex;

pub use budget::A_DAY;
pub use deadline::{DeadlineState, Due};
pub use decision::{Action, BackfillWait, Decision, Plan, Request};
pub use event_time::{EventTime, event_time_at};
pub use forecast::{Expected, Forecast, forecasts};
pub use gates::{CheckStanding, check_standing};
pub use health::{Activity, AssetHealth, Health, healths};
pub use input::PlanInput;
pub use parameters::{Lasting, ParameterError, lasting_parameters, render_parameters};
pub use parts::Parts;
pub use position::{BrokenPosition, PositionLost};
pub use reason::{FailedCheck, Reason, sentence};
pub use reserved::appended_before;
pub use snapshot::{Agreement, Disagreement, Shown};
pub use standing::{Standing, TableState, standings, standings_among};
pub use turning::WouldChange;
pub use what_would_change::what_would_change;

/// Decides about every asset of the project.
///
/// Decisions come in key order, requests in the order in which they should be sent.
pub fn plan(input: &PlanInput<'_>) -> Plan {
    decide(input, &standings(input), input.graph.indices())
}

/// Decides by how the assets stand, which is known already; `due` are those of which a deadline may
/// have passed that is not on record.
pub fn decide(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    due: impl Iterator<Item = AssetIndex>,
) -> Plan {
    let verdicts = verdict::verdicts(input, standings);
    let mut plan = admit::admit(input, standings, verdicts);
    plan.deadlines = deadline::new_verdicts(input, standings, due);
    provenance::learn(input, standings, &mut plan.learned);
    recovery::learn(input, standings, &mut plan.learned);
    backfill::add(input, standings, &mut plan);
    mass_change::hold(input, &mut plan);
    plan
}

#[cfg(test)]
mod tests;
