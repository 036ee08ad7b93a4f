//! Whose run is it? A run that carries our correlation and that the state does not know. Pure.
//!
//! A run is for an asset of ours if its job is the one that the asset's task starts and if it was
//! given the parameters that every run for the asset is given. A job that several tasks share can
//! leave several assets: then all of them are kept from being triggered while it runs. What has the
//! parameters of another environment, or a job that no task names, is left alone.

use std::collections::{BTreeMap, BTreeSet};

use assets::task::{JobReference, TaskAction, TaskName, Tasks};
use assets::{Asset, AssetKey};
use chrono::{DateTime, Utc};

use super::token::{CORRELATION, named_by, token};
use crate::plan::{Lasting, lasting_parameters};
use crate::ports::{Run, RunState};
use crate::state::{Intent, IntentId, IntentState, RetryRule};
use assets::version::PassNumber;

/// The project, environment and catalog that runs are looked for of, with what is built there.
#[derive(Clone, Copy)]
pub struct Grounds<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The environment's name.
    pub environment: &'a str,
    /// The environment's catalog.
    pub catalog: Option<&'a str>,
    /// The assets.
    pub assets: &'a [&'a Asset],
    /// The tasks that build them.
    pub tasks: &'a Tasks,
}

/// A run that carries a correlation of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Correlated {
    pub(super) intent: IntentId,
    pub(super) attempt: u32,
    pub(super) run: Run,
}

/// Returns the newest attempt of each intent among runs, in the order of intents.
pub(super) fn newest_attempts(runs: impl IntoIterator<Item = Run>) -> Vec<Correlated> {
    let mut newest: BTreeMap<IntentId, Correlated> = BTreeMap::new();
    for run in runs {
        let named = run.parameters.get(CORRELATION);
        let Some((intent, attempt)) = named.and_then(|named| named_by(named)) else {
            continue;
        };
        let known = newest.get(&intent).map(|known| known.attempt);
        if known.is_none_or(|known| known < attempt) {
            let found = Correlated {
                intent: intent.clone(),
                attempt,
                run,
            };
            newest.insert(intent, found);
        }
    }
    newest.into_values().collect()
}

/// One way in which a job builds an asset.
struct Way<'a> {
    asset: &'a Asset,
    task: &'a TaskName,
    lasting: Vec<Lasting>,
}

/// What the jobs of a project build.
pub(super) struct Ways<'a> {
    grounds: Grounds<'a>,
    by_job: BTreeMap<i64, Vec<Way<'a>>>,
}

/// What a run is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Purpose {
    /// What it may build, in key order.
    pub(super) assets: Vec<AssetKey>,
    /// Whether it surely builds just that.
    pub(super) is_sure: bool,
    /// The task that it was started for, or the first one that it may be.
    task: TaskName,
}

impl<'a> Ways<'a> {
    /// Gathers what these jobs, given with their names, build.
    pub(super) fn of(grounds: Grounds<'a>, jobs: &BTreeMap<i64, Option<String>>) -> Self {
        let mut by_job: BTreeMap<i64, Vec<Way<'a>>> = BTreeMap::new();
        let by_name: BTreeMap<String, i64> = jobs
            .iter()
            .filter_map(|(id, name)| Some((name.as_ref()?.to_lowercase(), *id)))
            .collect();
        let environment = (grounds.environment, grounds.catalog);
        for &asset in grounds.assets {
            let Some((name, task)) = asset
                .task
                .as_ref()
                .and_then(|binding| grounds.tasks.get_key_value(&binding.task))
            else {
                continue;
            };
            let TaskAction::DatabricksJob(job) = &task.action;
            let id = match &job.job {
                JobReference::Id(id) => Some(*id).filter(|id| jobs.contains_key(id)),
                JobReference::Name(name) => by_name.get(&name.to_lowercase()).copied(),
            };
            if let Some(id) = id {
                by_job.entry(id).or_default().push(Way {
                    asset,
                    task: name,
                    lasting: lasting_parameters(asset, task, environment),
                });
            }
        }
        Self { grounds, by_job }
    }

    /// Returns what a run is for; nothing where it is none of ours.
    pub(super) fn purpose(&self, run: &Run) -> Option<Purpose> {
        let ways = self.by_job.get(&run.job_id)?;
        let given = |lasting: &Lasting| run.parameters.get(&lasting.parameter);
        let differs = |lasting: &Lasting| given(lasting) != Some(&lasting.value);
        let fits = |way: &&Way<'_>| !way.lasting.iter().any(differs);
        let is_elsewhere = |way: &Way<'_>| {
            let mut lasting = way.lasting.iter();
            lasting.any(|lasting| lasting.is_of_environment && differs(lasting))
        };
        let fitting: Vec<&Way<'_>> = ways.iter().filter(fits).collect();
        if fitting.is_empty() && ways.iter().all(is_elsewhere) {
            return None;
        }
        // Declarations may have changed since it was started: then it may be for any of them.
        let is_fitting = !fitting.is_empty();
        let meant = if is_fitting {
            fitting
        } else {
            ways.iter().collect()
        };
        let assets: BTreeSet<&AssetKey> = meant.iter().map(|way| &way.asset.key).collect();
        Some(Purpose {
            is_sure: is_fitting && assets.len() == 1,
            assets: assets.into_iter().cloned().collect(),
            task: meant.first()?.task.clone(),
        })
    }

    /// Makes the intent that a run must have had. What it consumed is not filled in yet.
    pub(super) fn intent(
        &self,
        found: &Correlated,
        purpose: &Purpose,
        (pass, service_now): (PassNumber, DateTime<Utc>),
    ) -> Option<Intent> {
        let task = self.grounds.tasks.get(&purpose.task)?;
        let TaskAction::DatabricksJob(job) = &task.action;
        let run = &found.run;
        let mut assets = self.grounds.assets.iter().copied();
        let sole = assets.find(|asset| purpose.assets.first() == Some(&asset.key));
        let sole = sole.filter(|_| purpose.is_sure);
        // Who cannot tell whose it is does nothing on its behalf.
        let retry = sole.map_or(NONE, |asset| RetryRule::from(asset.retry));
        let timeout = task.timeout.filter(|_| purpose.is_sure);
        // A service that does not tell says 1970.
        let began_at = if run.started_at == DateTime::UNIX_EPOCH {
            service_now
        } else {
            run.started_at
        };
        let mut parameters = run.parameters.clone();
        parameters.remove(CORRELATION);
        let code = sole.and_then(|asset| Some((asset.key.clone(), asset.code_version.clone()?)));
        let names = (self.grounds.project, self.grounds.environment);
        Some(Intent {
            id: found.intent.clone(),
            task: purpose.task.clone(),
            job: JobReference::Id(run.job_id),
            task_key: job.task_key.clone(),
            pool: task.pool.clone(),
            assets: purpose.assets.clone(),
            parameters,
            inputs: BTreeMap::new(),
            code_versions: code.into_iter().collect(),
            origin: None,
            degraded_by: Vec::new(),
            reason: REASON.to_owned(),
            retry,
            timeout_seconds: timeout.map(|timeout| timeout.num_seconds()),
            created_at: began_at,
            decided_at: began_at,
            pass,
            attempt: found.attempt,
            state: IntentState::Running,
            token: token(names.0, names.1, &found.intent, found.attempt),
            not_before: None,
            first_sent_at: Some(began_at),
            last_sent_at: Some(began_at),
            partitions: None,
            full_refresh: false,
            feeds: BTreeSet::new(),
            run_id: Some(run.id),
            url: run.url.clone(),
            cancel_requested_at: None,
            is_found: true,
            pinned: Vec::new(),
            backfill: None,
        })
    }
}

const REASON: &str = "its run was found at the service, with our correlation: an earlier state, \
                      which is lost, asked for it";

/// Nothing is tried again.
const NONE: RetryRule = RetryRule {
    attempts: 0,
    backoff_seconds: 0,
    max_backoff_seconds: 0,
};

/// What is done with the runs that were found.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Taken over now.
    pub(super) adopted: Vec<(Intent, Run)>,
    /// Open intents that they make surely settled.
    pub(super) superseded: BTreeSet<IntentId>,
    /// Assets that a run may work on which cannot be taken over yet, as another intent of theirs is
    /// open.
    pub(super) blocked: BTreeSet<AssetKey>,
}

/// Decides which of the runs are taken over: those under way first, then those that ended, the
/// newest first. Never two for one asset, and none that ended before a run of the asset began that
/// is known: `newest` says when that was.
pub(super) fn sort<'a>(
    mut found: Vec<(Intent, Run, bool)>,
    open: impl Iterator<Item = &'a Intent>,
    newest: &BTreeMap<AssetKey, DateTime<Utc>>,
) -> Sorted {
    let mut holders: BTreeMap<AssetKey, (IntentId, bool)> = BTreeMap::new();
    for intent in open {
        let is_in_doubt = intent.state == IntentState::Uncertain && !intent.is_found;
        for asset in &intent.assets {
            holders.insert(asset.clone(), (intent.id.clone(), is_in_doubt));
        }
    }
    let is_active = |run: &Run| run.state == RunState::Active;
    found.sort_by_key(|(intent, run, _)| {
        let newest_first = std::cmp::Reverse((run.started_at, intent.id.clone()));
        (!is_active(run), newest_first)
    });
    let mut sorted = Sorted::default();
    for (intent, run, is_sure) in found {
        let is_later = |asset| {
            newest
                .get(asset)
                .is_some_and(|began| *began >= run.started_at)
        };
        if !is_active(&run) && intent.assets.iter().any(is_later) {
            continue;
        }
        let held: Vec<&(IntentId, bool)> = intent
            .assets
            .iter()
            .filter_map(|asset| holders.get(asset))
            .collect();
        // A run under way leaves no room for an intent before it that is not settled.
        let may_supersede = is_sure && is_active(&run);
        if held
            .iter()
            .all(|(_, is_in_doubt)| may_supersede && *is_in_doubt)
        {
            let settled = held.into_iter().map(|(id, _)| id.clone());
            sorted.superseded.extend(settled.collect::<Vec<_>>());
            for asset in &intent.assets {
                holders.insert(asset.clone(), (intent.id.clone(), false));
            }
            sorted.adopted.push((intent, run));
        } else if is_active(&run) {
            sorted.blocked.extend(intent.assets);
        }
    }
    sorted
}

#[cfg(test)]
#[path = "found_tests.rs"]
mod tests;
