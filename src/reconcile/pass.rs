//! One pass.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use assets::task::TaskAction;
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
use crate::state::{DataCommit, Intent, IntentId, Lease, Memory, ObservedState, Outcome};

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
    // Before anything is believed of what was answered: another workspace knows nothing of our runs.
    if hands.is_some() {
        pin_workspace(world, lease)?;
    }
    let observed = look(world, scope, memory, (number, now), &adopted).await?;
    // Recorded before anything is settled: whether a run's table still shows what the run wrote, or
    // its inputs are what it read, is judged by what was seen last.
    record(world, lease, now, &observed)?;
    let settled = settle(
        world,
        scope,
        memory,
        &observed,
        std::mem::take(&mut adopted.ended),
    )?;

    let memory = remembered.refresh(world.state)?;
    let decided = decide(world, scope, memory, number);
    record_decisions(world, scope, lease, number, &decided)?;
    let unknown = count_unknown(memory);
    let mut triggered = Vec::new();
    let mut new = 0;
    if let Some(hands) = hands {
        learn_workspace(hands, &adopted.to_send, &decided, scope).await;
        pin_workspace(world, lease)?;
        let intents = intend(hands, scope, lease, number, &decided)?;
        new = intents.made.len();
        triggered = intents.refused;
        let to_send = adopted.to_send.into_iter().chain(intents.made).collect();
        triggered.extend(send_all(hands, scope, lease, to_send).await?);
    }
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
    let in_flight = remembered.refresh(world.state)?.open_intents.len();
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
        let verdict = judge_by_table(&intent, verdict, memory, observed);
        let verdict = refuse_missing(&intent, verdict, memory, observed);
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
fn judge_by_table(
    intent: &Intent,
    verdict: RunVerdict,
    memory: &Memory,
    observed: &Observed,
) -> RunVerdict {
    let is_forgotten =
        matches!(&verdict, RunVerdict::Failed { code, .. } if code == "run_not_found");
    // An earlier attempt may have written, too, before it failed.
    let is_of_attempt = |commit: &DataCommit| {
        commit.intent.as_ref() == Some(&intent.id)
            && intent.first_sent_at <= Some(commit.committed_at)
    };
    let wrote = |asset: &AssetKey| {
        let seen_now = observed.sightings.iter().filter(|s| s.asset == *asset);
        let seen_before = memory.commits.get(asset).into_iter().flatten();
        let mut commits = seen_now.flat_map(|s| &s.commits).chain(seen_before);
        commits.any(is_of_attempt)
    };
    if is_forgotten && intent.assets.iter().all(wrote) {
        RunVerdict::Succeeded
    } else {
        verdict
    }
}

/// A run that succeeds while one of its tables or views is surely not there did not do what it is
/// there for. Called a success it would be repeated for ever: what is missing is due.
fn refuse_missing(
    intent: &Intent,
    verdict: RunVerdict,
    memory: &Memory,
    observed: &Observed,
) -> RunVerdict {
    let state = |asset: &AssetKey| {
        let seen = observed.sightings.iter().find(|s| s.asset == *asset);
        let seen = seen.map(|sighting| &sighting.observation);
        seen.or_else(|| memory.observations.get(asset))
            .map(|observation| &observation.state)
    };
    let is_missing = |asset: &&AssetKey| {
        matches!(
            state(asset),
            Some(ObservedState::Absent | ObservedState::Gone)
        )
    };
    match intent.assets.iter().find(is_missing) {
        Some(asset) if verdict == RunVerdict::Succeeded => RunVerdict::Failed {
            code: "no_table".to_owned(),
            message: format!(
                "the run succeeded, and `{asset}` is not where it is declared: check its `path` \
                 or `relation` and what the task writes"
            ),
            is_transient: false,
        },
        _ => verdict,
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

/// Lets the service say which workspace it is before anything is sent to it.
async fn learn_workspace(hands: Hands<'_>, resend: &[Intent], decided: &Plan, scope: Scope<'_>) {
    if hands.jobs.workspace_id().is_some() {
        return;
    }
    let mut tasks = decided.requests.iter().map(|request| &request.task);
    let task = tasks.next().and_then(|task| scope.tasks.get(task));
    let new = task.map(|task| {
        let TaskAction::DatabricksJob(job) = &task.action;
        &job.job
    });
    if let Some(job) = resend.first().map(|intent| &intent.job).or(new) {
        // Whatever it answers: an error is met again when the job is to be run.
        drop(hands.jobs.job(job).await);
    }
}

/// What was made of the requests of a plan.
#[derive(Default)]
struct Intents {
    made: Vec<Intent>,
    refused: Vec<Triggered>,
}

/// Makes the intents of the plan.
fn intend(
    hands: Hands<'_>,
    scope: Scope<'_>,
    lease: &Lease,
    number: PassNumber,
    decided: &Plan,
) -> Result<Intents, StateError> {
    let mut intents = Intents::default();
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
        let asset = scope.graph.asset(index);
        let intent = match new_intent(context, hands.random, request, asset, task) {
            Ok(intent) => intent,
            Err(error) => {
                intents.refused.push(refused(request, "parameters", &error));
                continue;
            }
        };
        match hands.state.intend(lease, &intent) {
            Ok(()) => intents.made.push(intent),
            // Somebody else was quicker: their intent is adopted in the next pass.
            Err(StateError::IntentExists { .. }) => {}
            // Nothing new, but what is under way goes on.
            Err(error @ StateError::LowDisk { .. }) => {
                intents.refused.push(refused(request, "low_disk", &error));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(intents)
}

/// A request that became no intent.
fn refused(request: &Request, code: &'static str, error: &dyn std::error::Error) -> Triggered {
    let message = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    Triggered {
        intent: IntentId(String::new()),
        attempt: 0,
        task: request.task.clone(),
        assets: vec![request.asset.clone()],
        reason: request.reason.clone(),
        sent: Sent::Refused { code, message },
    }
}

/// Sends several at once, and begins no more when the service asks for patience or for credentials:
/// what was not sent stays `pending` for the next pass, and what is under way is waited for.
async fn send_all(
    hands: Hands<'_>,
    scope: Scope<'_>,
    lease: &Lease,
    intents: Vec<Intent>,
) -> Result<Vec<Triggered>, StateError> {
    let mut triggered = Vec::new();
    let stopped = AtomicBool::new(false);
    let mut sends = futures::stream::iter(intents)
        .take_while(|_| futures::future::ready(!stopped.load(Ordering::Relaxed)))
        .map(|intent| {
            let stopped = &stopped;
            async move {
                let sent = send(hands, lease, scope.windows, &intent).await;
                if matches!(
                    sent,
                    Ok(Sent::RateLimited { .. } | Sent::Unauthenticated { .. })
                ) {
                    stopped.store(true, Ordering::Relaxed);
                }
                (intent, sent)
            }
        })
        .buffered(SENDS_AT_ONCE);
    while let Some((intent, sent)) = sends.next().await {
        let sent = sent?;
        triggered.push(Triggered {
            intent: intent.id,
            attempt: intent.attempt,
            task: intent.task,
            assets: intent.assets,
            reason: intent.reason,
            sent,
        });
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
