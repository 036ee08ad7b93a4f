//! One pass.

use std::time::Duration;

use assets::AssetKey;
use assets::version::PassNumber;
use chrono::{DateTime, Utc};

use super::report::PassReport;
use super::search::{end_search, look_for_runs, take_over, warning};
use super::settle::settle;
use super::trigger::{intend, learn_workspace, send_all};
use super::{Remembered, Scope, World};
use crate::checks::{Bench, Judged, judge};
use crate::execute::{Adopted, Hands, Searched, Sent, adopt};
use crate::observe::{Eyes, Observed, count_unknown, observe};
use crate::plan::{Action, Plan, PlanInput, plan};
use crate::ports::{
    Counting, DecisionRecord, JobsError, PassFindings, PassRecord, Random, StateError, Statements,
};
use crate::state::{Intent, Lease, Memory, Search};

/// How long a service may make us wait at most: tables are not looked at meanwhile, and a proxy may
/// ask for a year.
const LONGEST_PATIENCE: Duration = Duration::from_mins(5);

/// Whether a pass acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Observe, collect, plan and trigger.
    Act,
    /// Observe and plan, on a private copy of the state: nothing is asked of the job service.
    PlanOnly,
    /// Observe everything there is to be seen, and plan: nothing is asked of the job service.
    Observe,
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

    remembered.refresh(world.state)?;
    let (declared, known) = (scope, remembered.resolved(scope.graph));
    let scope = declared.known_as(known.as_ref());
    let memory = remembered.refresh(world.state)?;
    let (searched, mut adopted) = match hands {
        Some(hands) => {
            let searched = look_for_runs(hands, scope, memory, number).await?;
            let open = memory.open_intents.values();
            let open = open.filter(|intent| !searched.superseded.contains(&intent.id));
            let names = (scope.project, scope.environment);
            let is_searching = searched.search.as_ref().is_some_and(Search::holds);
            let known = (names, is_searching);
            let adopted = adopt(hands, scope.windows, known, open).await?;
            (searched, adopted)
        }
        None => (Searched::default(), Adopted::default()),
    };
    // Before anything is believed of what was answered: another workspace knows nothing of our runs.
    if hands.is_some() {
        pin_workspace(world, lease)?;
    }
    let observed = look(
        world,
        scope,
        memory,
        (number, now, mode),
        (&adopted, &searched),
    )
    .await?;
    // Recorded before anything is settled: whether a run's table still shows what the run wrote, or
    // its inputs are what it read, is judged by what was seen last.
    record(world, lease, now, &observed)?;
    let mut found = Vec::new();
    if let Some(hands) = hands {
        found = take_over(hands, lease, &searched, &observed, &mut adopted).await?;
        end_search(hands, lease, memory, &searched)?;
    }
    let settled = settle(
        world,
        scope,
        memory,
        &observed,
        std::mem::take(&mut adopted.ended),
    )?;

    let statements = world.statements.filter(|_| mode == Mode::Act);
    let judged = judge_checks(world, scope, (lease, now), statements, remembered).await?;
    remembered.refresh(world.state)?;
    let known = remembered.resolved(scope.graph);
    let scope = declared.known_as(known.as_ref());
    let memory = remembered.refresh_for_plan(world.state, scope.limits, world.clock.now())?;
    let decided = decide(world, scope, memory, number);
    record_decisions(world, scope, lease, number, &decided)?;
    let unknown = count_unknown(memory);
    let mut triggered = Vec::new();
    let mut new = 0;
    if let Some(hands) = hands {
        let silence = learn_workspace(hands, &adopted.to_send, &decided, scope).await;
        pin_workspace(world, lease)?;
        if let Some(silence) = silence {
            // It may be another workspace than this state's, and nobody knows its time.
            adopted.problem = adopted.problem.or(Some(silence));
        } else {
            let intents = intend(hands, scope, lease, number, &decided)?;
            new = intents.made.len();
            triggered = intents.refused;
            let open = shuffled(adopted.to_send, world.random).into_iter();
            let open = open.filter(|intent| searched.may_send(intent));
            let to_send = open.chain(intents.made).collect();
            triggered.extend(send_all(hands, scope, lease, to_send).await?);
        }
    }
    let graph = scope.graph;
    let declared = graph.indices().map(|index| &graph.asset(index).key);
    let declared: Vec<&AssetKey> = declared.collect();
    world.state.finish_pass(
        lease,
        &PassRecord {
            pass: number,
            finished_at: world.clock.now(),
            observed: count(observed.observed),
            triggered: count(new),
            unknown: count(unknown),
        },
        PassFindings {
            deadlines: &decided.deadlines,
            compactions: &decided.compactions,
            backfills: &decided.backfills,
            learned: Some(&decided.learned),
            declared: &declared,
        },
    )?;
    let elapsed = world.clock.monotonic().saturating_sub(began);
    let after = remembered.refresh(world.state)?;
    let in_flight = after.open_intents.len();
    let mut report = PassReport {
        pass: number,
        started_at: now,
        elapsed,
        observed: observed.observed,
        settled,
        triggered,
        in_flight,
        hopeless: adopted.hopeless.len(),
        waiting: actions(&decided, Action::Wait),
        held: actions(&decided, Action::Hold),
        unknown,
        plan: decided,
        problems: Vec::new(),
        denied: None,
        is_remote_unavailable: false,
        asked_to_wait: None,
        found,
        search_warning: None,
        search: after.search.clone().filter(Search::holds),
    };
    report.search_warning = report.search.as_ref().map(|s| warning(s, &searched));
    explain_problems(
        &mut report,
        adopted.uncertain.iter().chain(&adopted.hopeless),
        searched.problem.or(adopted.problem),
        observed.catalog_problem,
    );
    if let Some(problem) = judged.problem {
        note_unjudged(&mut report, &problem);
    }
    summarize(&report, scope);
    Ok(report)
}

/// Judges what was seen, before anything is decided on it.
async fn judge_checks(
    world: World<'_>,
    scope: Scope<'_>,
    (lease, now): (&Lease, DateTime<Utc>),
    statements: Option<&dyn Statements>,
    remembered: &mut Remembered,
) -> Result<Judged, StateError> {
    let memory = remembered.refresh(world.state)?;
    let bench = Bench {
        state: world.state,
        statements,
        clock: world.clock,
        tests: scope.tests,
    };
    let judged = judge(bench, scope.graph, memory, now).await?;
    if !judged.results.is_empty() {
        world.state.record_checks(lease, now, &judged.results)?;
    }
    Ok(judged)
}

/// Puts what is sent again into an order of chance: where the first is turned away and the rest held
/// back for it, another one is first in the next pass.
fn shuffled(intents: Vec<Intent>, random: &dyn Random) -> Vec<Intent> {
    let mut drawn: Vec<(u128, Intent)> = intents
        .into_iter()
        .map(|intent| (random.bits(), intent))
        .collect();
    drawn.sort_by_key(|(number, _)| *number);
    drawn.into_iter().map(|(_, intent)| intent).collect()
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
    (pass, now, mode): (PassNumber, DateTime<Utc>, Mode),
    (adopted, searched): (&Adopted, &Searched),
) -> Result<Observed, StateError> {
    let eyes = Eyes {
        tables: world.tables,
        catalog: world.catalog,
        jobs: world.jobs,
        state: world.state,
        counting: match mode {
            Mode::Observe => Counting::Now,
            Mode::Act | Mode::PlanOnly => Counting::InTime,
        },
    };
    let found: Vec<&Intent> = searched.adopted.iter().map(|(intent, _)| intent).collect();
    let ended = adopted.ended.iter().map(|ended| &ended.intent);
    let ended = ended.chain(found.iter().copied());
    let ended: Vec<AssetKey> = ended
        .flat_map(|intent| intent.assets.iter().cloned())
        .collect();
    observe(eyes, scope.graph, memory, (pass, now), &ended, &found).await
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
        freezes: scope.freezes,
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

fn explain_problems<'a>(
    report: &mut PassReport,
    uncertain: impl Iterator<Item = &'a (Intent, String)>,
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
            Sent::Unanswered(message) => note_silence(report, message),
            Sent::RateLimited {
                message,
                retry_after,
            } => {
                let patience = retry_after.map(|asked| asked.min(LONGEST_PATIENCE));
                report.asked_to_wait = report.asked_to_wait.max(patience);
                note_silence(report, message);
            }
            Sent::Unauthenticated { message, hint } => {
                report.denied = Some(format!("{message}; {hint}"));
            }
            // What is refused concerns its assets only, and is told with them.
            Sent::Refused { .. } | Sent::Started(_) | Sent::Overtaken => {}
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

/// One request stands for all: they fail for one reason, in other words each time.
fn note_silence(report: &mut PassReport, message: String) {
    if !std::mem::replace(&mut report.is_remote_unavailable, true) {
        report.problems.push(message);
    }
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

/// Warehouses that do not answer keep nobody from going on with what needs none.
fn note_unjudged(report: &mut PassReport, problem: &JobsError) {
    report.problems.push(format!(
        "checks could not be asked of a SQL warehouse: {problem}"
    ));
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
