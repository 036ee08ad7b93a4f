//! Which runs are taken for ours, for which assets, and which of them are taken over.

use assets::task::{DatabricksJob, Task};
use assets::{AssetKind, Binding};
use chrono::TimeDelta;

use super::*;
use crate::state::RunId;

const ID: &str = "01JDZZZZZZZZZZZZZZZZZZZZZ";

fn key(text: &str) -> AssetKey {
    AssetKey::new(text).unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

fn asset(name: &str, task: &str) -> Asset {
    let mut asset = Asset::new(key(name), AssetKind::Table);
    let (task, parameters) = (TaskName::new(task), BTreeMap::new());
    asset.task = Some(Binding { task, parameters });
    asset
}

fn task(job: JobReference, parameters: &[(&str, &str)]) -> Task {
    let parameters = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let job = DatabricksJob {
        job,
        task_key: None,
        parameters: parameters.collect(),
    };
    Task {
        action: TaskAction::DatabricksJob(job),
        select_parameter: None,
        max_concurrent_runs: None,
        pool: None,
        timeout: None,
        write_mode: assets::task::WriteMode::Overwrite,
    }
}

fn run(id: i64, job_id: i64, state: RunState, parameters: &[(&str, &str)]) -> Run {
    let parameters = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Run {
        id: RunId(id),
        job_id,
        state,
        started_at: at(id),
        ended_at: None,
        url: None,
        parameters: parameters.collect(),
    }
}

fn correlated(id: i64, letter: char, attempt: u32) -> Run {
    let value = format!("{ID}{letter}.{attempt}");
    run(id, 1, RunState::Active, &[(CORRELATION, &value)])
}

/// What a run is for, in words, where jobs 1 and 2 exist and the second is called `Nightly`.
fn purpose(assets: &[Asset], tasks: &Tasks, run: &Run) -> String {
    let assets: Vec<&Asset> = assets.iter().collect();
    let grounds = Grounds {
        project: "shop",
        environment: "dev",
        catalog: Some("dev_lake"),
        assets: &assets,
        tasks,
    };
    let jobs = BTreeMap::from([(1, None), (2, Some("Nightly".to_owned()))]);
    match Ways::of(grounds, &jobs).purpose(run) {
        None => "none of ours".to_owned(),
        Some(purpose) => {
            let names: Vec<&str> = purpose.assets.iter().map(AssetKey::as_str).collect();
            let sure = if purpose.is_sure { "surely " } else { "maybe " };
            format!("{sure}{}", names.join(" "))
        }
    }
}

#[test]
fn of_several_runs_of_an_intent_the_newest_attempt_counts_and_strangers_do_not() {
    let strange = run(9, 1, RunState::Active, &[(CORRELATION, "by hand")]);
    let without = run(8, 1, RunState::Active, &[]);
    let runs = [
        correlated(1, 'A', 2),
        correlated(2, 'A', 1),
        strange,
        without,
        correlated(3, 'B', 1),
    ];
    let newest = newest_attempts(runs);
    let found: Vec<(u32, i64)> = newest.iter().map(|f| (f.attempt, f.run.id.0)).collect();
    assert_eq!(found, [(2, 1), (1, 3)]);
}

#[test]
fn a_run_is_for_what_its_job_and_its_parameters_say() {
    let assets = [asset("a", "one"), asset("b", "one"), asset("c", "named")];
    let parameters = [
        ("table", "{{ asset }}"),
        ("env", "{{ env }}"),
        ("from", "{{ inputs['x'].starting_version }}"),
    ];
    let tasks = Tasks::from([
        (TaskName::new("one"), task(JobReference::Id(1), &parameters)),
        (
            TaskName::new("named"),
            task(JobReference::Name("NIGHTLY".to_owned()), &[]),
        ),
    ]);
    let of = |job, parameters: &[(&str, &str)]| {
        purpose(&assets, &tasks, &run(1, job, RunState::Active, parameters))
    };
    assert_eq!(
        of(1, &[("table", "a"), ("env", "dev"), ("from", "7")]),
        "surely a"
    );
    assert_eq!(of(1, &[("table", "b"), ("env", "dev")]), "surely b");
    assert_eq!(of(2, &[("whatever", "x")]), "surely c");
    assert_eq!(of(3, &[]), "none of ours");
    assert_eq!(of(1, &[("table", "a"), ("env", "prod")]), "none of ours");
    // A declaration that was changed since it was started.
    assert_eq!(of(1, &[("table", "old"), ("env", "dev")]), "maybe a b");
}

#[test]
fn a_job_that_several_assets_share_without_saying_which_is_for_all_of_them() {
    let assets = [asset("a", "one"), asset("b", "two")];
    let tasks = Tasks::from([
        (TaskName::new("one"), task(JobReference::Id(1), &[])),
        (TaskName::new("two"), task(JobReference::Id(1), &[])),
    ]);
    let run = run(1, 1, RunState::Active, &[]);
    assert_eq!(purpose(&assets, &tasks, &run), "maybe a b");
}

/// An intent of these assets with its run.
fn found(id: i64, letter: char, assets: &[&str], state: RunState) -> (Intent, Run, bool) {
    let assets: Vec<Asset> = assets.iter().map(|name| asset(name, "one")).collect();
    let refs: Vec<&Asset> = assets.iter().collect();
    let tasks = Tasks::from([(TaskName::new("one"), task(JobReference::Id(1), &[]))]);
    let grounds = Grounds {
        project: "shop",
        environment: "dev",
        catalog: None,
        assets: &refs,
        tasks: &tasks,
    };
    let run = Run {
        state,
        ..correlated(id, letter, 1)
    };
    let ways = Ways::of(grounds, &BTreeMap::from([(1, None)]));
    let purpose = ways.purpose(&run).unwrap();
    let correlated = newest_attempts([run.clone()]).remove(0);
    let intent = ways.intent(&correlated, &purpose, (PassNumber(1), at(0)));
    (intent.unwrap(), run, purpose.is_sure)
}

fn sorted(found: Vec<(Intent, Run, bool)>, open: &[Intent]) -> (Vec<i64>, Vec<String>) {
    let sorted = sort(found, open.iter(), &BTreeMap::new());
    let adopted = sorted.adopted.iter().map(|(_, run)| run.id.0).collect();
    let blocked = sorted.blocked.iter().map(ToString::to_string).collect();
    (adopted, blocked)
}

#[test]
fn no_asset_gets_two_runs_and_those_under_way_go_first() {
    let runs = vec![
        found(5, 'A', &["a"], RunState::Succeeded),
        found(1, 'B', &["a"], RunState::Active),
        found(2, 'C', &["b"], RunState::Succeeded),
        found(3, 'D', &["b"], RunState::Succeeded),
        found(4, 'E', &["a", "c"], RunState::Active),
    ];
    let (adopted, blocked) = sorted(runs, &[]);
    assert_eq!(adopted, [4, 3]);
    assert_eq!(blocked, ["a"]);
}

#[test]
fn only_what_is_in_doubt_gives_way_and_only_to_a_run_that_is_surely_of_its_asset() {
    let mut open = found(1, 'A', &["a"], RunState::Active).0;
    open.is_found = false;
    let sure = || vec![found(2, 'B', &["a"], RunState::Active)];
    let shared = || vec![found(3, 'C', &["a", "b"], RunState::Active)];
    let ended = || vec![found(4, 'D', &["a"], RunState::Succeeded)];
    assert_eq!(
        sorted(sure(), &[open.clone()]),
        (vec![], vec!["a".to_owned()])
    );
    open.state = IntentState::Uncertain;
    assert_eq!(sorted(sure(), &[open.clone()]).0, [2]);
    assert_eq!(sorted(shared(), &[open.clone()]).0, Vec::<i64>::new());
    assert_eq!(sorted(ended(), &[open.clone()]), (vec![], vec![]));
    let superseded = sort(sure(), [open.clone()].iter(), &BTreeMap::new()).superseded;
    assert_eq!(superseded.into_iter().collect::<Vec<_>>(), [open.id]);
}

#[test]
fn nothing_is_tried_again_for_a_run_that_may_be_of_several_assets() {
    let (sure, ..) = found(1, 'A', &["a"], RunState::Active);
    let (shared, ..) = found(1, 'A', &["a", "b"], RunState::Active);
    assert!(sure.retry.attempts > 0);
    assert_eq!((shared.retry.attempts, shared.timeout_seconds), (0, None));
    assert_eq!(sure.first_sent_at, Some(at(1)));
    let (mut untold, run, _) = found(1, 'A', &["a"], RunState::Active);
    untold.first_sent_at = None;
    assert!(!untold.parameters.contains_key(CORRELATION), "{run:?}");
}
