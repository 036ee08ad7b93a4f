//! Killed before, within and after each transaction, and before and after each call of the service:
//! the next process goes on as if nothing had been.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use workspace::faults::{Break, Effect, FaultPlan, Moment, RequestRule, RunEffect, RunRule};
use workspace::ledger::LedgerEntry;

use crate::lakehouse::{Lakehouse, RUN_NOW, until};
use crate::points::{dies_at, reached, steps_of_the_source};

const JOB: &str = "silver opportunity";
const SOURCE: &str = "landing.salesforce_opportunities";
const ASSET: &str = "silver.opportunity";
const WAIT: &str = "reconcile --wait --timeout 60s";

/// A situation in which a command reaches points that others do not.
struct Way {
    /// For messages.
    name: &'static str,
    /// The steps that it is there for.
    leads_to: &'static [&'static str],
    /// Makes the situation; returns the command.
    prepare: fn(&Lakehouse) -> String,
    /// Ends it, whatever became of the command.
    after: fn(&Lakehouse),
}

const WAYS: [Way; 15] = [
    Way {
        name: "data arrived",
        leads_to: &[
            "acquire_lease",
            "begin_pass",
            "pin_workspace",
            "record_locations",
            "record_sightings",
            "record_checks",
            "record_cuts",
            "record_decisions",
            "intend",
            "stamp",
            "record_run",
            "settle",
            "finish_pass",
            "release_lease",
        ],
        prepare: |lake| {
            lake.arrive(2);
            WAIT.to_owned()
        },
        after: |_| {},
    },
    Way {
        name: "first contact",
        leads_to: &["migrate", "record_search", "adopt_run"],
        prepare: |lake| {
            lake.settle();
            std::fs::remove_dir_all(lake.state_file().parent().unwrap()).unwrap();
            lake.arrive(1);
            "reconcile".to_owned()
        },
        after: skip_waits,
    },
    Way {
        name: "a state that is rebuilt amid runs",
        leads_to: &["rebuild"],
        prepare: |lake| {
            lake.faults(FaultPlan {
                runs: vec![RunRule {
                    job_id: None,
                    skip: 0,
                    times: 100,
                    effect: RunEffect::Hang { ms: Some(500) },
                }],
                ..FaultPlan::default()
            });
            lake.arrive_in(SOURCE);
            lake.run("reconcile");
            assert!(any(lake, "running").is_some());
            "state rebuild --yes".to_owned()
        },
        after: |lake| {
            lake.no_faults();
            skip_waits(lake);
        },
    },
    Way {
        name: "lost answers",
        leads_to: &[],
        prepare: |lake| {
            lake.arrive(2);
            lake.request_faults(RequestRule::on("POST", RUN_NOW, lost_answer()).every(2));
            WAIT.to_owned()
        },
        after: Lakehouse::no_faults,
    },
    Way {
        name: "a forgotten token",
        leads_to: &["bury_holder", "record_uncertain"],
        prepare: |lake| {
            lake.arrive_in(SOURCE);
            assert!(dies_at(lake, WAIT, (&asked(RUN_NOW_PATH), 1)));
            let state = Connection::open(lake.state_file()).unwrap();
            let a_day_ago = "UPDATE run SET first_sent_at = first_sent_at - 90000000000,
                                            last_sent_at = last_sent_at - 90000000000
                             WHERE state = 'sending'";
            assert!(state.execute(a_day_ago, ()).unwrap() > 0);
            WAIT.to_owned()
        },
        after: skip_waits,
    },
    Way {
        name: "a cancelled run",
        leads_to: &["record_cancel_request"],
        prepare: |lake| {
            lake.faults(FaultPlan {
                runs: vec![RunRule {
                    job_id: Some(lake.job_id(JOB)),
                    skip: 0,
                    times: 1,
                    effect: RunEffect::Hang { ms: None },
                }],
                ..FaultPlan::default()
            });
            lake.arrive_in(SOURCE);
            until("the run hangs", 30, || {
                lake.run("reconcile");
                newest(lake, "running").is_some()
            });
            format!("runs cancel {}", newest(lake, "running").unwrap())
        },
        after: |lake| {
            if let Some(id) = newest(lake, "running") {
                lake.run(&format!("runs cancel {id}"));
            }
            lake.no_faults();
            until("it is cancelled", 30, || {
                lake.run("reconcile");
                newest(lake, "running").is_none()
            });
            lake.json(&format!("runs retry {ASSET}"));
        },
    },
    Way {
        name: "an attempt that is closed unsent",
        leads_to: &["cancel_attempt"],
        prepare: |lake| {
            lake.arrive_in(SOURCE);
            assert!(dies_at(lake, WAIT, ("written intend", 1)));
            let id = any(lake, "pending").unwrap();
            format!("runs cancel {id}")
        },
        after: lift_all,
    },
    Way {
        name: "a request that is refused for good",
        leads_to: &["settle_refused"],
        prepare: |lake| {
            lake.arrive_in(SOURCE);
            lake.run_now_faults(Effect::Answer {
                status: 400,
                retry_after_secs: None,
                content_type: None,
                body: None,
                at: Moment::Before,
            });
            "reconcile".to_owned()
        },
        // Nothing may be under way when it begins anew: a run in progress is no reason for a request.
        after: |lake| {
            lake.no_faults();
            lift_all(lake);
            skip_waits(lake);
            lake.run(WAIT);
        },
    },
    Way {
        name: "an asset let go",
        leads_to: &["lift_quarantine"],
        prepare: |lake| {
            lake.arrive_in(SOURCE);
            assert!(dies_at(lake, WAIT, ("written intend", 1)));
            let id = any(lake, "pending").unwrap();
            lake.json(&format!("runs cancel {id}"));
            let shown = lake.json(&format!("runs show {id}"));
            format!("runs retry {}", shown["assets"][0].as_str().unwrap())
        },
        after: lift_all,
    },
    Way {
        name: "an old backup",
        leads_to: &["restore"],
        prepare: |lake| {
            let made = lake.json("state backup");
            lake.arrive(1);
            lake.settle();
            format!("state restore {} --yes", made["file"].as_str().unwrap())
        },
        after: skip_waits,
    },
    Way {
        name: "a later attempt than the backup knows",
        leads_to: &["record_later_run"],
        prepare: |lake| {
            lake.settle();
            lake.run_fault(
                JOB,
                RunEffect::Fail {
                    code: "CLUSTER_ERROR".to_owned(),
                    error_type: "CLOUD_FAILURE".to_owned(),
                    message: "the cluster was lost".to_owned(),
                    at: Moment::Before,
                },
            );
            lake.arrive_in(SOURCE);
            let mut old = None;
            until("the second attempt waits", 30, || {
                lake.run("reconcile");
                if old.is_none() && newest(lake, "running").is_some() {
                    let made = lake.json("state backup");
                    old = Some(made["file"].as_str().unwrap().to_owned());
                }
                newest(lake, "pending").is_some()
            });
            skip_waits(lake);
            lake.settle();
            lake.json(&format!("state restore {} --yes", old.unwrap()));
            skip_waits(lake);
            WAIT.to_owned()
        },
        after: skip_waits,
    },
    Way {
        name: "a full refresh that a person asks for",
        leads_to: &["request_full_refresh"],
        prepare: |_| format!("{WAIT} --full-refresh bronze.netsuite_invoice"),
        after: |_| {},
    },
    Way {
        name: "a backfill that a person asks for",
        leads_to: &["create_backfill"],
        prepare: |_| format!("backfill create {ASSET} --all"),
        after: |_| {},
    },
    Way {
        name: "a backfill that is paused",
        leads_to: &["change_backfill"],
        prepare: |lake| {
            let made = lake.json(&format!("backfill create {ASSET} --all"));
            format!("backfill pause {}", made["name"].as_str().unwrap())
        },
        after: |lake| {
            let listed = lake.json("backfill list");
            for backfill in listed["backfills"].as_array().unwrap() {
                if backfill["state"] == "paused" {
                    lake.json(&format!(
                        "backfill resume {}",
                        backfill["name"].as_str().unwrap()
                    ));
                }
            }
        },
    },
    Way {
        name: "a position that is pushed",
        leads_to: &["push_position"],
        prepare: |lake| {
            let file = lake.path().join("assets/erp.yml");
            let source = "assets:\n  - { key: erp.rates, kind: source }\n";
            std::fs::write(file, source).unwrap();
            PUSH.to_owned()
        },
        after: |lake| {
            lake.json(PUSH);
        },
    },
];

/// Again and again it says the same, which changes nothing.
const PUSH: &str = "watermark push erp.rates --version 1";

/// As it stands in the log: with a version where the fault rules take any.
const RUN_NOW_PATH: &str = "POST /api/2.2/jobs/run-now";

fn asked(call: &str) -> String {
    format!("asking {call}")
}

fn answered(call: &str) -> String {
    format!("answered {call}")
}

fn lost_answer() -> Effect {
    Effect::Drop {
        how: Break::Reset,
        at: Moment::After,
    }
}

/// The newest attempt of the asset in this state.
fn newest(lake: &Lakehouse, state: &str) -> Option<String> {
    first(lake, &format!("{ASSET} --state {state}"))
}

/// Any attempt in this state.
fn any(lake: &Lakehouse, state: &str) -> Option<String> {
    first(lake, &format!("--state {state}"))
}

fn first(lake: &Lakehouse, which: &str) -> Option<String> {
    let listed = lake.json(&format!("runs list {which} --limit 1"));
    Some(listed["runs"][0]["id"].as_str()?.to_owned())
}

/// Lets the minutes pass for which a request may be under way, and those of a backoff, once a pass
/// has looked at what runs there are.
fn skip_waits(lake: &Lakehouse) {
    lake.run("reconcile");
    lake.skip_search();
    let state = Connection::open(lake.state_file()).unwrap();
    let skip = "UPDATE run SET not_before = NULL;
                UPDATE run SET first_sent_at = first_sent_at - 600000000,
                               last_sent_at = last_sent_at - 600000000
                WHERE state = 'uncertain'";
    state.execute_batch(skip).unwrap();
}

/// Lets every asset go that is held.
fn lift_all(lake: &Lakehouse) {
    lake.run("reconcile");
    for (asset, _) in lake.not("fresh") {
        lake.run(&format!("runs retry {asset}"));
    }
}

/// Brings everything to its end and looks at all that was left behind.
fn check(lake: &Lakehouse, what: &str) {
    skip_waits(lake);
    let ran = lake.run(WAIT);
    assert_eq!(ran.exit, 0, "{what}: {ran:?}");
    lake.assert_sound();
    assert_eq!(at_once(lake), Vec::<String>::new(), "{what}");
    let ran = lake.run("state check");
    assert_eq!(ran.exit, 0, "{what}: {ran:?}");
    let state = Connection::open(lake.state_file()).unwrap();
    // Each attempt ended once, and was told of once.
    for twice in [
        "SELECT count(*) FROM (SELECT 1 FROM audit WHERE action IN ('intent.succeeded',
             'intent.failed', 'intent.cancelled', 'intent.quarantined')
             GROUP BY object HAVING count(*) > 1)",
        "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE kind LIKE 'run.%' GROUP BY payload ->> '$.intent',
             payload ->> '$.attempt' HAVING count(*) > 1)",
    ] {
        let found: i64 = state.query_row(twice, (), |row| row.get(0)).unwrap();
        assert_eq!(found, 0, "{what}: {twice}");
    }
}

/// The runs that were made while another one of the same work was under way: a job builds one table,
/// or the models that it is told.
fn at_once(lake: &Lakehouse) -> Vec<String> {
    let mut by_work: BTreeMap<_, Vec<LedgerEntry>> = BTreeMap::new();
    for run in lake.ledger() {
        let work = (run.job_id, run.parameters.get("models").cloned());
        by_work.entry(work).or_default().push(run);
    }
    let mut beside = Vec::new();
    for runs in by_work.values_mut() {
        runs.sort_by_key(|run| (run.created_at, run.run_id));
        for two in runs.windows(2) {
            if two[0].ended_at.is_none_or(|end| end > two[1].created_at) {
                beside.push(format!("{} beside {}", two[1].run_id, two[0].run_id));
            }
        }
    }
    beside
}

/// Kills the program at every point that these ways reach and that data which arrives does not, and
/// looks at what is left.
fn kill_at_every_point(ways: &[Way], is_done: impl Fn(&Lakehouse) -> BTreeSet<String>) {
    let lake = Lakehouse::built();
    let mut done = is_done(&lake);
    for way in ways {
        let args = (way.prepare)(&lake);
        let points = reached(&lake, &args);
        (way.after)(&lake);
        for step in way.leads_to {
            assert!(
                points.contains_key(&format!("written {step}")),
                "{}: {step}",
                way.name
            );
        }
        let new = points.into_keys().filter(|point| !done.contains(point));
        let new: Vec<String> = new.collect();
        assert!(!new.is_empty(), "{} leads nowhere new", way.name);
        for (number, point) in new.into_iter().enumerate() {
            // A point that hangs on chance may be missed once.
            let died = (0..3).any(|_| {
                let args = (way.prepare)(&lake);
                let died = dies_at(&lake, &args, (&point, 1));
                (way.after)(&lake);
                died
            });
            assert!(died, "{}: `{point}` is not reached again", way.name);
            if number % 8 == 7 {
                check(&lake, &format!("{}, {point}", way.name));
            }
            done.insert(point);
        }
        check(&lake, way.name);
    }
}

/// What is reached, without a kill, when data arrives.
fn usual(lake: &Lakehouse) -> BTreeSet<String> {
    let args = (WAYS[0].prepare)(lake);
    reached(lake, &args).into_keys().collect()
}

#[test]
fn fault_01_02_03_05_06_50_a_kill_at_any_point_of_the_usual_way_loses_and_repeats_nothing() {
    kill_at_every_point(&WAYS[..1], |_| BTreeSet::new());
}

#[test]
fn fault_03_05_06_a_kill_while_several_are_under_way_repeats_nothing() {
    let lake = Lakehouse::built();
    for step in ["intend", "stamp", RUN_NOW_PATH, "record_run", "settle"] {
        for moment in ["writing", "committing", "written", "asking", "answered"] {
            // Some of them got further than others.
            lake.arrive(4);
            dies_at(&lake, WAIT, (&format!("{moment} {step}"), 3));
        }
    }
    check(&lake, "several under way");
}

#[test]
fn fault_50_53_a_kill_at_any_point_of_a_first_contact_repeats_nothing() {
    kill_at_every_point(&WAYS[1..2], usual);
}

#[test]
fn fault_50_53_a_kill_at_any_point_of_a_rebuilding_amid_runs_repeats_nothing() {
    kill_at_every_point(&WAYS[2..3], usual);
}

#[test]
fn fault_04_50_a_kill_at_any_point_after_a_lost_answer_repeats_nothing() {
    kill_at_every_point(&WAYS[3..5], usual);
}

#[test]
fn fault_50_a_kill_at_any_point_of_what_people_order_repeats_nothing() {
    kill_at_every_point(&WAYS[5..7], usual);
}

#[test]
fn fault_22_50_a_kill_at_any_point_of_a_refusal_and_of_letting_go_repeats_nothing() {
    kill_at_every_point(&WAYS[7..9], usual);
}

#[test]
fn fault_50_53_a_kill_at_any_point_of_a_restore_repeats_nothing() {
    kill_at_every_point(&WAYS[9..10], usual);
}

#[test]
fn fault_50_53_a_kill_at_any_point_after_a_restore_repeats_nothing() {
    kill_at_every_point(&WAYS[10..11], usual);
}

#[test]
fn fault_39_50_a_kill_at_any_point_of_asking_and_pushing_repeats_nothing() {
    kill_at_every_point(&WAYS[11..], usual);
}

#[test]
fn every_transaction_of_the_store_is_among_the_points() {
    let known: BTreeSet<&str> = WAYS.iter().flat_map(|way| way.leads_to).copied().collect();
    let found = steps_of_the_source();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(
        known, found,
        "a new transaction needs a way that leads to it"
    );
}

/// The intents of the state that are open, with state and run of their attempt.
fn open(lake: &Lakehouse) -> Vec<(String, String, Option<i64>)> {
    let state = Connection::open(lake.state_file()).unwrap();
    let mut query = state
        .prepare(
            "SELECT intent, state, run_id FROM run
             WHERE state IN ('pending', 'sending', 'uncertain', 'running') ORDER BY intent",
        )
        .unwrap();
    let rows = query
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// The runs that were made for an intent.
fn runs_for(lake: &Lakehouse, intent: &str) -> Vec<i64> {
    let of_intent = lake.ledger().into_iter().filter(|run| {
        let correlation = run.parameters.get("headwater_intent");
        correlation.is_some_and(|found| found.starts_with(intent))
    });
    of_intent.map(|run| run.run_id).collect()
}

/// A lakehouse in which one asset is to be run, and the program died at a point on the way there.
fn dead_at(point: &str) -> (Lakehouse, usize) {
    let lake = Lakehouse::built();
    lake.arrive_in(SOURCE);
    let before = lake.runs();
    assert!(dies_at(&lake, "reconcile", (point, 1)), "{point}");
    (lake, before)
}

/// The next process goes on; returns the runs of the one intent that was open.
fn goes_on(lake: &Lakehouse, intent: &str) -> Vec<i64> {
    lake.settle();
    check(lake, intent);
    runs_for(lake, intent)
}

#[test]
fn fault_01_before_an_intent_is_written_nothing_happened() {
    for point in ["writing intend", "committing intend"] {
        let (lake, before) = dead_at(point);
        assert_eq!((open(&lake), lake.runs()), (vec![], before), "{point}");
        lake.settle();
        assert!(lake.runs() > before);
        check(&lake, point);
    }
}

#[test]
fn fault_02_an_intent_that_was_written_is_sent_once() {
    let (lake, before) = dead_at("written intend");
    let [(intent, state, None)] = &open(&lake)[..] else {
        panic!("{:?}", open(&lake));
    };
    assert_eq!((&**state, lake.runs()), ("pending", before));
    assert_eq!(goes_on(&lake, intent).len(), 1);
}

#[test]
fn fault_03_a_request_that_was_stamped_and_not_sent_is_sent_once() {
    for point in ["written stamp", &asked(RUN_NOW_PATH)] {
        let (lake, before) = dead_at(point);
        let open = open(&lake);
        let stamped: Vec<_> = open
            .iter()
            .filter(|(_, state, _)| state == "sending")
            .collect();
        assert!(!stamped.is_empty(), "{point}: {open:?}");
        assert_eq!(lake.runs(), before, "{point}");
        for (intent, ..) in stamped {
            assert_eq!(goes_on(&lake, intent).len(), 1, "{point}");
        }
    }
}

#[test]
fn fault_05_a_run_whose_answer_died_with_its_reader_is_found_by_sending_again() {
    let (lake, before) = dead_at(&answered(RUN_NOW_PATH));
    until("the runs are made", 20, || lake.runs() > before);
    let made: Vec<_> = open(&lake)
        .into_iter()
        .map(|(intent, state, run)| (runs_for(&lake, &intent), intent, state, run))
        .filter(|(runs, ..)| !runs.is_empty())
        .collect();
    assert!(!made.is_empty());
    for (runs, intent, state, known) in made {
        assert_eq!((&*state, known), ("sending", None));
        assert_eq!(goes_on(&lake, &intent), runs);
    }
}

#[test]
fn fault_06_a_result_that_was_not_written_is_asked_for_again_and_told_once() {
    for point in ["writing settle", "committing settle", "written settle"] {
        let lake = Lakehouse::built();
        lake.arrive_in(SOURCE);
        let told = |lake: &Lakehouse| -> i64 {
            let state = Connection::open(lake.state_file()).unwrap();
            let sql = "SELECT count(*) FROM outbox";
            state.query_row(sql, (), |row| row.get(0)).unwrap()
        };
        let before = told(&lake);
        assert!(dies_at(&lake, WAIT, (point, 1)), "{point}");
        let settled = i64::from(point == "written settle");
        assert_eq!(told(&lake), before + settled, "{point}");
        let runs = open(&lake);
        check(&lake, point);
        for (intent, ..) in runs {
            assert_eq!(runs_for(&lake, &intent).len(), 1, "{point}");
        }
    }
}

#[test]
fn fault_04_a_run_whose_answer_never_came_is_found_by_sending_again() {
    let answer = |status| Effect::Answer {
        status,
        retry_after_secs: None,
        content_type: None,
        body: None,
        at: Moment::After,
    };
    let silence = Effect::Hang {
        ms: 200,
        at: Moment::After,
    };
    for effect in [lost_answer(), Effect::CutBody, silence, answer(503)] {
        let lake = Lakehouse::built();
        lake.arrive_in(SOURCE);
        let before = lake.runs();
        lake.run_now_faults(effect.clone());
        let ran = lake.run("reconcile");
        assert_eq!(ran.exit, 5, "{effect:?}: {ran:?}");
        let made = lake.runs();
        assert!(made > before, "{effect:?}");
        let sending = open(&lake);
        assert!(
            sending
                .iter()
                .all(|(_, state, run)| state == "sending" && run.is_none())
        );
        let of_each = |lake: &Lakehouse| -> Vec<Vec<i64>> {
            sending
                .iter()
                .map(|(intent, ..)| runs_for(lake, intent))
                .collect()
        };
        let runs = of_each(&lake);
        lake.no_faults();
        check(&lake, &format!("{effect:?}"));
        assert_eq!(of_each(&lake), runs, "{effect:?}");
    }
}
