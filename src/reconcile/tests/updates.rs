//! No update is lost, wherever it falls, and nothing runs twice for the same one.

use assets::delta::Unreadable;
use assets::policy::Consistency;
use chrono::TimeDelta;

use super::world::Sim;
use crate::ports::{RunState, State};

fn built() -> Sim {
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .table("top", &["mid"]);
    assert_eq!(sim.converge(), 2);
    sim
}

#[test]
fn an_update_right_after_the_request_is_incorporated_by_a_later_run() {
    let mut sim = built();
    sim.write("src");
    let happening = |shared: &mut super::fake::Shared| {
        let now = shared.now;
        shared.logs.get_mut("src").unwrap().commit(now, true);
    };
    sim.fake.get().during_send.push_back(Box::new(happening));
    sim.pass();
    sim.finish("mid");
    sim.pass();
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
    sim.converge();
    assert_eq!(sim.consumption("mid", "src"), "v2 by run");
    assert_eq!(sim.runs_of("mid").len(), 3, "once for each");
}

#[test]
fn an_update_during_the_run_is_incorporated_by_a_later_run() {
    let mut sim = built();
    sim.write("src");
    sim.pass();
    sim.write("src");
    sim.pass();
    assert_eq!(sim.runs_of("mid").len(), 2, "one at a time");
    sim.finish("mid");
    sim.converge();
    assert_eq!(sim.consumption("mid", "src"), "v2 by run");
    assert_eq!(sim.runs_of("mid").len(), 3, "once for each");
    assert_eq!(sim.runs_of("top").len(), 3, "one round for each cut");
}

#[test]
fn fault_32_updates_between_two_passes_are_incorporated_by_one_run() {
    let mut sim = built();
    for _ in 0..5 {
        sim.write("src");
    }
    assert_eq!(sim.converge(), 2);
    assert_eq!(sim.consumption("mid", "src"), "v5 by run");
    assert_eq!(sim.converge(), 0);
}

#[test]
fn fault_49_an_update_while_nobody_was_there_is_incorporated() {
    let mut sim = built();
    sim.write("src");
    sim.later(40 * 24 * 3600);
    sim.restart();
    assert_eq!(sim.converge(), 2);
}

#[test]
fn fault_49_forty_days_of_absence_are_caught_up_by_one_run_of_each_table() {
    let mut sim = Sim::new()
        .source("src")
        .table("mid", &["src"])
        .table("top", &["mid"]);
    assert_eq!(sim.converge(), 2);
    for _ in 0..40 {
        sim.later(24 * 3600);
        sim.write("src");
    }
    let newest = sim.log("src", |log| log.newest_data()).unwrap();
    sim.restart();
    assert_eq!(sim.converge(), 2);
    assert_eq!(sim.consumption("mid", "src"), format!("v{newest} by run"));
}

#[test]
fn maintenance_commits_wake_nobody() {
    let mut sim = built();
    let now = sim.fake.get().now;
    for name in ["src", "mid"] {
        sim.log(name, |log| {
            log.commit(now, false);
            log.commit(now + TimeDelta::seconds(1), false);
        });
    }
    let report = sim.pass();
    assert!(sim.decided(&report).is_empty());
    assert_eq!(sim.converge(), 0);
}

#[test]
fn a_quiet_pass_asks_and_writes_nothing() {
    let mut sim = built();
    sim.converge();
    sim.fake.get().calls.clear();
    sim.state.take_steps();
    let generation = sim.state.store.generation().unwrap();
    sim.pass();
    sim.pass();
    assert!(sim.fake.get().calls.is_empty());
    assert_eq!(
        sim.state.take_steps(),
        ["begin_pass", "finish_pass", "begin_pass", "finish_pass"]
    );
    assert_eq!(sim.state.store.generation().unwrap(), generation);
}

#[test]
fn a_pass_that_only_waits_writes_nothing_new_either() {
    let mut sim = built();
    sim.write("src");
    sim.log("mid", |log| {
        log.problem = Some(Unreadable::TimedOut { after_ms: 5 });
    });
    assert_eq!(
        sim.decisions(),
        ["wait mid: unknown", "wait top: upstream_stale"]
    );
    let generation = sim.state.store.generation().unwrap();
    sim.pass();
    assert_eq!(sim.state.store.generation().unwrap(), generation);
}

#[test]
fn fault_30_success_without_a_commit_is_not_repeated() {
    let mut sim = built();
    sim.write("src");
    sim.pass();
    sim.later(10);
    sim.end("mid", RunState::Succeeded);
    assert_eq!(sim.converge(), 0);
    assert_eq!(sim.consumption("mid", "src"), "v1 by run");
}

#[test]
fn a_run_that_succeeds_without_making_its_table_is_not_repeated_for_ever() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.pass();
    sim.end("mid", RunState::Succeeded);
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "failed");
    for _ in 0..5 {
        assert_eq!(sim.decisions(), ["hold mid: quarantined"]);
    }
    assert_eq!(sim.build("mid").failure.unwrap().code, "no_table");
    sim.write("src");
    assert_eq!(sim.converge(), 1, "tried again with a new input");
}

#[test]
fn a_run_of_what_is_no_longer_declared_is_judged_by_the_graph_it_was_started_with() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.pass();
    sim.finish("mid");
    let mid = sim.assets.pop().unwrap();
    let report = sim.pass();
    assert_eq!(report.settled[0].outcome, "succeeded");
    assert_eq!(sim.consumption("mid", "src"), "v0 by run");
    assert_eq!(sim.build("mid").produced, None, "nobody saw what it wrote");
    sim.assets.push(mid);
    assert_eq!(
        sim.converge(),
        0,
        "it is there, and incorporates everything"
    );
    sim.write("src");
    assert_eq!(sim.converge(), 1);
}

#[test]
fn what_a_run_did_not_make_after_all_is_missing_once_it_is_declared_again() {
    let mut sim = Sim::new().source("src").table("mid", &["src"]);
    sim.pass();
    sim.end("mid", RunState::Succeeded);
    let mid = sim.assets.pop().unwrap();
    assert_eq!(sim.pass().settled[0].outcome, "succeeded");
    sim.assets.push(mid);
    assert_eq!(sim.decisions(), ["run mid: missing"]);
}

#[test]
fn an_asset_waits_for_its_upstream_to_take_in_the_change() {
    let mut sim = Sim::new()
        .source("src")
        .table("a", &["src"])
        .table("b", &["src"])
        .table("join", &["a", "b"]);
    assert_eq!(sim.converge(), 3);
    sim.write("src");
    sim.pass();
    sim.finish("a");
    assert_eq!(
        sim.decisions(),
        ["wait b: in_flight", "wait join: upstream_stale"]
    );
    sim.finish("b");
    assert_eq!(sim.decisions(), ["run join: upstream_changed"]);
    assert_eq!(sim.converge(), 0);
}

#[test]
fn under_latest_nobody_is_waited_for_and_the_rest_follows() {
    let mut sim = Sim::new()
        .source("src")
        .table("a", &["src"])
        .table("b", &["src"])
        .table("join", &["a", "b"])
        .with("join", |asset| asset.consistency = Consistency::Latest);
    assert_eq!(sim.converge(), 3);
    sim.write("src");
    sim.pass();
    sim.finish("a");
    assert_eq!(
        sim.decisions(),
        ["wait b: in_flight", "run join: upstream_changed"]
    );
    sim.finish("join");
    sim.pass();
    assert_eq!(sim.build("join").degraded_by.len(), 1);
    assert_eq!(sim.converge(), 1, "and once more when b has followed");
    assert!(sim.build("join").degraded_by.is_empty());
}

#[test]
fn fault_61_limits_hold_over_passes_and_everybody_gets_a_turn() {
    let mut sim = Sim::new().source("src");
    for name in ["a", "b", "c", "d", "e"] {
        sim = sim.table(name, &["src"]);
    }
    sim.limits.max_concurrent_runs = 2;
    let mut started = Vec::new();
    for _ in 0..20 {
        sim.pass();
        let shared = sim.fake.get();
        let active = shared.ledger.iter();
        let active = active.filter(|run| run.run.state == RunState::Active);
        assert!(active.count() <= 2);
        drop(shared);
        let Some(name) = ["a", "b", "c", "d", "e"]
            .into_iter()
            .find(|name| sim.is_running(name))
        else {
            break;
        };
        sim.finish(name);
        started.push(name);
    }
    assert_eq!(started, ["a", "b", "c", "d", "e"]);
    assert_eq!(sim.runs(), 5);
}

#[test]
fn a_pool_bounds_the_tasks_that_share_it() {
    let mut sim = Sim::new()
        .source("src")
        .table("a", &["src"])
        .table("b", &["src"]);
    sim.pool = Some("small".to_owned());
    sim.limits.pools.insert("small".to_owned(), 1);
    sim.pass();
    assert_eq!(sim.runs(), 1);
    assert_eq!(sim.converge(), 1);
}

#[test]
fn a_selection_restricts_what_is_triggered_and_nothing_else() {
    let mut sim = Sim::new()
        .source("src")
        .table("a", &["src"])
        .table("b", &["src"]);
    let only = sim.graph().index_of("b").unwrap();
    sim.selected = Some([only].into());
    assert_eq!(sim.converge(), 1);
    assert_eq!(sim.runs_of("a").len(), 0);
    assert_eq!(sim.decisions(), ["run a: missing"]);
    assert!(sim.memory().commits.contains_key(&super::world::key("src")));
    sim.selected = None;
    assert_eq!(sim.converge(), 1);
}
