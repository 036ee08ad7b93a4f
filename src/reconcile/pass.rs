//! One pass.

use std::collections::BTreeMap;
use std::time::Duration;

use assets::version::PassNumber;
use assets::{AssetKey, TableVersion};
use chrono::{DateTime, Utc};
use futures::StreamExt;

use super::report::{PassReport, Settled, Triggered};
use super::{Remembered, Scope, World};
use crate::execute::{
    Adopted, Ended, Hands, IntentContext, RunVerdict, Sent, adopt, new_intent, send, settlement,
};
use crate::observe::{Eyes, Observed, count_unknown, observe};
use crate::plan::{Action, Plan, PlanInput, Request, plan};
use crate::ports::{DecisionRecord, JobsError, PassRecord, StateError};
use crate::state::{Intent, Lease, Memory, Outcome};

/// Requests to start runs at once: a tenth of the 10 a second that one workspace allows, at 100 ms
/// each, with room for people.
const SENDS_AT_ONCE: usize = 8;

/// Whether a pass acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Observe, collect, plan and trigger.
    Act,
    /// Observe and plan, on a private copy of the state: nothing is asked of the job service.
    PlanOnly,
}

/// Makes one pass.
pub async fn pass(
    world: World<'_>,
    scope: Scope<'_>,
    lease: &Lease,
    mode: Mode,
    remembered: &mut Remembered,
) -> Result<PassReport, StateError> {
    let began = world.clock.monotonic();
    let now = world.clock.now();
    let number = world.state.begin_pass(lease, now)?;
    let hands = world.jobs.filter(|_| mode == Mode::Act).map(|jobs| Hands {
        jobs,
        state: world.state,
        clock: world.clock,
        random: world.random,
    });

    let memory = remembered.refresh(world.state)?;
    let mut adopted = match hands {
        Some(hands) => adopt(hands, scope.windows, memory.open_intents.values()).await?,
        None => Adopted::default(),
    };
    let observed = look(world, scope, memory, (number, now), &adopted).await?;
    let settled = settle(
        world,
        scope,
        memory,
        &observed,
        std::mem::take(&mut adopted.ended),
    )?;
    record(world, lease, now, &observed)?;

    let memory = remembered.refresh(world.state)?;
    let decided = decide(world, scope, memory, number);
    record_decisions(world, scope, lease, number, &decided)?;
    let unknown = count_unknown(memory);
    let in_flight_before = memory.open_intents.len();

    let mut triggered = Vec::new();
    if let Some(hands) = hands {
        pin_workspace(world, lease)?;
        triggered = trigger(hands, scope, lease, number, adopted.to_send, &decided).await?;
    }
    let new = triggered
        .iter()
        .filter(|t| t.attempt == 1 && is_new(&t.intent.0, memory))
        .count();
    let closed = triggered
        .iter()
        .filter(|t| matches!(t.sent, Sent::Refused { .. }))
        .count();
    world.state.finish_pass(
        lease,
        &PassRecord {
            pass: number,
            finished_at: world.clock.now(),
            observed: count(observed.observed),
            triggered: count(new),
            unknown: count(unknown),
        },
    )?;
    let elapsed = world.clock.monotonic().saturating_sub(began);
    let in_flight = (in_flight_before + new).saturating_sub(closed);
    let mut report = PassReport {
        pass: number,
        started_at: now,
        elapsed,
        observed: observed.observed,
        settled,
        triggered,
        in_flight,
        waiting: actions(&decided, Action::Wait),
        held: actions(&decided, Action::Hold),
        unknown,
        plan: decided,
        problems: Vec::new(),
        denied: None,
        is_remote_unavailable: false,
    };
    explain_problems(
        &mut report,
        &adopted.uncertain,
        adopted.problem,
        observed.catalog_problem,
    );
    summarize(&report, scope);
    Ok(report)
}

fn is_new(intent: &str, memory: &Memory) -> bool {
    !memory.open_intents.keys().any(|id| id.0 == intent)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn actions(plan: &Plan, action: Action) -> usize {
    plan.decisions
        .iter()
        .filter(|decision| decision.action == action)
        .count()
}

async fn look(
    world: World<'_>,
    scope: Scope<'_>,
    memory: &Memory,
    at: (PassNumber, DateTime<Utc>),
    adopted: &Adopted,
) -> Result<Observed, StateError> {
    let eyes = Eyes {
        tables: world.tables,
        catalog: world.catalog,
        jobs: world.jobs,
        state: world.state,
    };
    let ended: Vec<AssetKey> = adopted
        .ended
        .iter()
        .flat_map(|ended| ended.intent.assets.iter().cloned())
        .collect();
    observe(eyes, scope.graph, memory, at, &ended).await
}

/// Settles what ended, now that its tables were looked at.
fn settle(
    world: World<'_>,
    scope: Scope<'_>,
    memory: &Memory,
    observed: &Observed,
    ended: Vec<Ended>,
) -> Result<Vec<Settled>, StateError> {
    let mut settled = Vec::new();
    for Ended {
        intent,
        verdict,
        at,
    } in ended
    {
        let now = world.clock.now();
        let verdict = judge_by_table(&intent, verdict, observed);
        let settlement = settlement(
            (scope.project, scope.environment),
            &intent,
            verdict,
            (at, now),
            produced(&intent, memory, observed),
            jitter(world.random.bits()),
        );
        let (outcome, message) = describe(&settlement.outcome);
        if !world
            .state
            .settle(&intent.id, intent.attempt, &settlement, now)?
        {
            continue;
        }
        tracing::info!(request_id = %intent.id, attempt = intent.attempt, outcome,
            run_id = intent.run_id.map(|run| run.0), error = message, "run settled");
        settled.push(Settled {
            intent: intent.id,
            attempt: intent.attempt,
            assets: intent.assets,
            run_id: intent.run_id,
            outcome,
            message,
        });
    }
    Ok(settled)
}

/// A run that the service forgot succeeded if it wrote all of its tables.
fn judge_by_table(intent: &Intent, verdict: RunVerdict, observed: &Observed) -> RunVerdict {
    let is_forgotten =
        matches!(&verdict, RunVerdict::Failed { code, .. } if code == "run_not_found");
    let wrote = |asset: &AssetKey| {
        observed.sightings.iter().any(|sighting| {
            sighting.asset == *asset
                && sighting
                    .commits
                    .iter()
                    .any(|commit| commit.intent.as_ref() == Some(&intent.id))
        })
    };
    if is_forgotten && intent.assets.iter().all(wrote) {
        RunVerdict::Succeeded
    } else {
        verdict
    }
}

/// The data version of each asset after a run: what this pass saw, else what was known.
fn produced(
    intent: &Intent,
    memory: &Memory,
    observed: &Observed,
) -> BTreeMap<AssetKey, Option<TableVersion>> {
    let known = |asset: &AssetKey| {
        let newest = memory.commits.get(asset).and_then(|commits| commits.last());
        newest.map(|commit| commit.version.clone())
    };
    let after = |asset: &AssetKey| observed.newest.get(asset).cloned().or_else(|| known(asset));
    intent
        .assets
        .iter()
        .map(|asset| (asset.clone(), after(asset)))
        .collect()
}

/// A number in 0..1 of 32 random bits.
fn jitter(bits: u128) -> f64 {
    let low = u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(0);
    f64::from(low) / (f64::from(u32::MAX) + 1.0)
}

fn describe(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Succeeded { .. } => ("succeeded", None),
        Outcome::Retry { message, .. } => ("retry", Some(message.clone())),
        Outcome::Failed { message, .. } => ("failed", Some(message.clone())),
        Outcome::Cancelled { message } => ("cancelled", Some(message.clone())),
    }
}

fn record(
    world: World<'_>,
    lease: &Lease,
    now: DateTime<Utc>,
    observed: &Observed,
) -> Result<(), StateError> {
    if !observed.locations.is_empty() {
        world.state.record_locations(lease, &observed.locations)?;
    }
    if !observed.sightings.is_empty() {
        world
            .state
            .record_sightings(lease, now, &observed.sightings)?;
    }
    Ok(())
}

fn decide(world: World<'_>, scope: Scope<'_>, memory: &Memory, number: PassNumber) -> Plan {
    plan(&PlanInput {
        now: world.clock.now(),
        pass: number,
        graph: scope.graph,
        tasks: scope.tasks,
        limits: scope.limits,
        selected: scope.selected,
        memory,
    })
}

fn record_decisions(
    world: World<'_>,
    scope: Scope<'_>,
    lease: &Lease,
    number: PassNumber,
    decided: &Plan,
) -> Result<(), StateError> {
    if !decided.cuts.is_empty() {
        world.state.record_cuts(lease, &decided.cuts)?;
    }
    let records: Vec<DecisionRecord> = decided
        .decisions
        .iter()
        .filter(|decision| decision.action != Action::None || !decision.reasons.is_empty())
        .map(|decision| DecisionRecord {
            pass: number,
            at: decided.now,
            asset: scope.graph.asset(decision.asset).key.clone(),
            action: decision.action.as_str(),
            reasons: serde_json::to_string(&decision.reasons).unwrap_or_default(),
        })
        .collect();
    if records.is_empty() {
        Ok(())
    } else {
        world.state.record_decisions(lease, &records)
    }
}

fn pin_workspace(world: World<'_>, lease: &Lease) -> Result<(), StateError> {
    match world.jobs.and_then(crate::ports::Jobs::workspace_id) {
        Some(id) => world.state.pin_workspace(lease, &id),
        None => Ok(()),
    }
}

/// Sends what has to be sent again, then makes and sends the intents of the plan.
async fn trigger(
    hands: Hands<'_>,
    scope: Scope<'_>,
    lease: &Lease,
    number: PassNumber,
    resend: Vec<Intent>,
    decided: &Plan,
) -> Result<Vec<Triggered>, StateError> {
    let mut intents = resend;
    let mut problems = Vec::new();
    let context = IntentContext {
        project: scope.project,
        environment: scope.environment,
        catalog: scope.catalog,
        pass: number,
        now: hands.clock.now(),
    };
    for request in &decided.requests {
        let index = scope.graph.index_of(request.asset.as_str());
        let (Some(index), Some(task)) = (index, scope.tasks.get(&request.task)) else {
            continue;
        };
        match new_intent(
            context,
            hands.random,
            request,
            scope.graph.asset(index),
            task,
        ) {
            Ok(intent) => match hands.state.intend(lease, &intent) {
                Ok(()) => intents.push(intent),
                // Somebody else was quicker: their intent is adopted in the next pass.
                Err(StateError::IntentExists { .. }) => {}
                Err(error) => return Err(error),
            },
            Err(error) => problems.push(unrenderable(request, &error)),
        }
    }
    problems.extend(send_all(hands, scope, lease, intents).await?);
    Ok(problems)
}

fn unrenderable(request: &Request, error: &crate::execute::IntentError) -> Triggered {
    let cause = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    Triggered {
        intent: crate::state::IntentId(String::new()),
        attempt: 0,
        task: request.task.clone(),
        assets: vec![request.asset.clone()],
        reason: request.reason.clone(),
        sent: Sent::Refused {
            code: "parameters",
            message: format!("{error}: {cause}"),
        },
    }
}

/// Sends several at once, and stops early when the service asks for patience or for credentials:
/// what was not sent stays `pending` for the next pass.
async fn send_all(
    hands: Hands<'_>,
    scope: Scope<'_>,
    lease: &Lease,
    intents: Vec<Intent>,
) -> Result<Vec<Triggered>, StateError> {
    let mut triggered = Vec::new();
    let mut sends = futures::stream::iter(intents)
        .map(|intent| async move {
            let sent = send(hands, lease, scope.windows, &intent).await;
            (intent, sent)
        })
        .buffered(SENDS_AT_ONCE);
    while let Some((intent, sent)) = sends.next().await {
        let sent = sent?;
        let stop = matches!(
            sent,
            Sent::RateLimited { .. } | Sent::Unauthenticated { .. }
        );
        triggered.push(Triggered {
            intent: intent.id,
            attempt: intent.attempt,
            task: intent.task,
            assets: intent.assets,
            reason: intent.reason,
            sent,
        });
        if stop {
            break;
        }
    }
    Ok(triggered)
}

fn explain_problems(
    report: &mut PassReport,
    uncertain: &[(Intent, String)],
    problem: Option<JobsError>,
    catalog_problem: Option<String>,
) {
    for (intent, why) in uncertain {
        report
            .problems
            .push(format!("intent {} is uncertain: {why}", intent.id));
    }
    if let Some(problem) = problem {
        note_error(report, &problem);
    }
    let sent: Vec<Sent> = report
        .triggered
        .iter()
        .map(|triggered| triggered.sent.clone())
        .collect();
    for sent in sent {
        match sent {
            Sent::Unanswered(message) | Sent::RateLimited { message, .. } => {
                report.is_remote_unavailable = true;
                report.problems.push(message);
            }
            Sent::Unauthenticated { message, hint } => {
                report.denied = Some(format!("{message}; {hint}"));
            }
            Sent::Refused { message, .. } => report.problems.push(message),
            Sent::Started(_) | Sent::Overtaken => {}
        }
    }
    if let Some(problem) = catalog_problem {
        report.is_remote_unavailable = true;
        report
            .problems
            .push(format!("the catalog could not be asked: {problem}"));
    }
    report.problems.dedup();
}

fn note_error(report: &mut PassReport, error: &JobsError) {
    match error {
        JobsError::Unauthenticated { message, hint } | JobsError::Forbidden { message, hint } => {
            report.denied = Some(format!("{message}; {hint}"));
        }
        JobsError::Unanswered(message) | JobsError::RateLimited { message, .. } => {
            report.is_remote_unavailable = true;
            report.problems.push(message.clone());
        }
        JobsError::NotFound(message)
        | JobsError::TokenRunDeleted(message)
        | JobsError::Refused(message) => report.problems.push(message.clone()),
    }
}

fn summarize(report: &PassReport, scope: Scope<'_>) {
    tracing::info!(
        tick_id = report.pass.0,
        env = scope.environment,
        assets = scope.graph.len(),
        observed = report.observed,
        requested = report.triggered.len(),
        settled = report.settled.len(),
        waiting = report.waiting,
        held = report.held,
        unknown = report.unknown,
        elapsed_ms = millis(report.elapsed),
        "done"
    );
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
