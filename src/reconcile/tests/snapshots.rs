//! `snapshot`: whatever was committed and whatever ran when, no run is told to read two versions of one root
//! together; and once everything is quiet, it is built.
//!
//! The world keeps what each version of each table is really made of, also where a run read later than
//! anybody could know, or somebody else wrote.

use std::collections::{BTreeMap, BTreeSet};

use assets::policy::Consistency;
use proptest::prelude::*;

use super::fake::{Fault, LedgerRun};
use super::world::{Sim, key};
use crate::plan::{Health, Reason};
use crate::ports::RunState;

const TABLES: [&str; 4] = ["a", "b", "c", "mart"];

/// The input of what somebody else wrote: nobody knows what that was.
const OUTSIDE: &str = "outside";

/// A version of a table: its incarnation and its number.
type At = (String, u64);

/// What a content is made of: of each root, every version that is in it.
type Roots = BTreeMap<String, BTreeSet<At>>;

/// What a run read, whether it wrote that or found it written already.
type Reads = BTreeMap<&'static str, At>;

#[derive(Debug, Clone)]
enum Event {
    Pass,
    Crash(u32),
    Write(&'static str),
    Recreate(&'static str),
    Outside(&'static str),
    /// A run ends well. What it was told no version of it reads as it began, or as late as now.
    Finish(&'static str, bool),
    /// A run ends well and finds that there is nothing to write.
    Idle(&'static str),
    Fail(&'static str, bool),
    Lose(bool),
    Unreadable(&'static str),
    Wait(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let source = || prop::sample::select(vec!["s", "t"]);
    let table = || prop::sample::select(TABLES.to_vec());
    prop::collection::vec(
        prop_oneof![
            12 => Just(Event::Pass),
            1 => (1..16_u32).prop_map(Event::Crash),
            8 => source().prop_map(Event::Write),
            1 => source().prop_map(Event::Recreate),
            1 => table().prop_map(Event::Outside),
            14 => (table(), any::<bool>()).prop_map(|(name, late)| Event::Finish(name, late)),
            3 => table().prop_map(Event::Idle),
            1 => (table(), any::<bool>()).prop_map(|(name, retried)| Event::Fail(name, retried)),
            1 => any::<bool>().prop_map(Event::Lose),
            1 => prop::sample::select(vec!["s", "t", "a", "c"]).prop_map(Event::Unreadable),
            4 => prop_oneof![1..10_i64, 10..600_i64].prop_map(Event::Wait),
        ],
        1..80,
    )
}

/// A mart and what is really in the tables that it reads.
struct Lake {
    sim: Sim,
    reads: BTreeMap<&'static str, Vec<&'static str>>,
    /// What made each version; of several runs that found nothing to write, any.
    contents: BTreeMap<(String, At), Vec<Reads>>,
    outside: u64,
    unreadable: Option<&'static str>,
}

impl Lake {
    /// `a` and `b` are made of the source `s`, and `c` of `a`; the mart reads `b`, `c` and `s` itself.
    /// The others are told what to read where `is_told`.
    fn new(is_told: [bool; 3]) -> Self {
        let reads = BTreeMap::from([
            ("a", vec!["s"]),
            ("b", vec!["s", "t"]),
            ("c", vec!["a", "t"]),
            ("mart", vec!["b", "c", "s"]),
        ]);
        let mut sim = Sim::new().source("s").source("t");
        for (name, inputs) in &reads {
            sim = sim.table(name, inputs);
        }
        sim.change("mart", |asset| asset.consistency = Consistency::Snapshot);
        let told = ["a", "b", "c"].into_iter().zip(is_told);
        let told = told.filter(|(_, is_told)| *is_told).map(|(name, _)| name);
        for name in told.chain(["mart"]) {
            sim.change(name, |asset| {
                let binding = asset.task.as_mut().unwrap();
                for input in &reads[name] {
                    let of = format!("inputs['{input}']");
                    let text = format!("{{{{ {of}.table_id }}}}@{{{{ {of}.version }}}}");
                    binding.parameters.insert(format!("read_{input}"), text);
                }
            });
        }
        Self {
            sim,
            reads,
            contents: BTreeMap::new(),
            outside: 0,
            unreadable: None,
        }
    }

    fn newest(&self, name: &str) -> At {
        self.sim.log(name, |log| {
            (log.table_id.clone(), log.newest_data().unwrap())
        })
    }

    /// All that a version can be said to be made of; a version of a root of itself. What somebody else wrote
    /// is made of versions that nobody ever saw.
    fn made_of(&self, name: &str, at: &At) -> BTreeSet<Roots> {
        if !self.reads.contains_key(name) {
            let roots = if name == OUTSIDE {
                ["s", "t"].as_slice()
            } else {
                &[name]
            };
            let itself = roots
                .iter()
                .map(|root| ((*root).to_owned(), BTreeSet::from([at.clone()])));
            return BTreeSet::from([itself.collect()]);
        }
        let made = &self.contents[&(name.to_owned(), at.clone())];
        made.iter().flat_map(|reads| self.made_by(reads)).collect()
    }

    /// The versions that a run was told to read.
    fn told(&self, name: &str, run: &LedgerRun) -> BTreeMap<&'static str, At> {
        let told = self.reads[name].iter().filter_map(|input| {
            let text = run.run.parameters.get(&format!("read_{input}"))?;
            let (table, version) = text.split_once('@').unwrap();
            Some((*input, (table.to_owned(), version.parse().unwrap())))
        });
        told.collect()
    }

    fn made_by(&self, reads: &Reads) -> BTreeSet<Roots> {
        let mut all = BTreeSet::from([Roots::new()]);
        for (input, at) in reads {
            let parts = self.made_of(input, at);
            let with = |whole: &Roots| {
                let whole = whole.clone();
                parts.iter().map(move |part| {
                    let mut whole = whole.clone();
                    for (root, versions) in part {
                        whole
                            .entry(root.clone())
                            .or_default()
                            .extend(versions.clone());
                    }
                    whole
                })
            };
            all = all.iter().flat_map(with).collect();
        }
        all
    }

    fn finish(&mut self, name: &'static str, reads_late: bool) {
        self.end_well(name, reads_late, true);
    }

    fn end_well(&mut self, name: &'static str, reads_late: bool, writes: bool) {
        let runs = self.sim.runs_of(name);
        let active = runs.iter().find(|run| run.run.state == RunState::Active);
        let Some(run) = active else {
            return;
        };
        let mut reads = self.told(name, run);
        for input in &self.reads[name] {
            let at_start = || {
                let (table, newest) = self.newest(input);
                let began = run.heads.get(*input).copied();
                // Of a table that was made anew meanwhile, it reads what is there now.
                let is_there = began.is_some_and(|began| began <= newest);
                (table, began.filter(|_| is_there).unwrap_or(newest))
            };
            reads.entry(*input).or_insert_with(|| {
                if reads_late {
                    self.newest(input)
                } else {
                    at_start()
                }
            });
        }
        let is_there = self.contents.keys().any(|(table, _)| table == name);
        if writes || !is_there {
            self.sim.finish(name);
        } else {
            self.sim.end(name, RunState::Succeeded);
        }
        let at = self.newest(name);
        let made = self.contents.entry((name.to_owned(), at)).or_default();
        // Of what somebody else wrote nobody knows whether it is what was found.
        if made.iter().all(|reads| !reads.contains_key(OUTSIDE)) {
            made.push(reads);
        }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Pass => {
                self.sim.pass();
            }
            Event::Crash(sides) => {
                self.sim.state.light_fuse(*sides);
                drop(self.sim.try_pass());
                self.sim.restart();
            }
            Event::Write(source) => {
                self.sim.write(source);
            }
            Event::Recreate(source) => {
                let now = self.sim.fake.get().now;
                self.sim.log(source, |log| {
                    let era = log.era + 1;
                    let table = format!("{source}-{era}");
                    *log = workspace::MemoryLog {
                        era,
                        ..workspace::MemoryLog::new(&table)
                    };
                    log.commit(now, true);
                });
            }
            Event::Outside(name) => self.write_from_outside(name),
            Event::Finish(name, reads_late) => self.finish(name, *reads_late),
            Event::Idle(name) => self.end_well(name, false, false),
            Event::Fail(name, is_transient) if self.sim.is_running(name) => {
                self.sim.fail(name, *is_transient);
            }
            Event::Fail(..) => {}
            Event::Lose(the_answer) => self.sim.fault(if *the_answer {
                Fault::LostAnswer
            } else {
                Fault::LostRequest
            }),
            Event::Unreadable(name) => {
                if let Some(before) = self.unreadable.take() {
                    self.sim.log(before, |log| log.problem = None);
                } else if self.sim.log(name, |log| log.exists) {
                    self.unreadable = Some(*name);
                    let why = assets::delta::Unreadable::TimedOut { after_ms: 1 };
                    self.sim.log(name, |log| log.problem = Some(why));
                }
            }
            Event::Wait(seconds) => self.sim.later(*seconds),
        }
    }

    /// Nobody knows what somebody else read: it agrees with nothing.
    fn write_from_outside(&mut self, name: &'static str) {
        // Of a table that was never seen, nobody would know that its newest commit is not the one that names
        // the run.
        if !self.sim.memory().commits.contains_key(&key(name)) {
            return;
        }
        self.outside += 1;
        self.sim.write(name);
        let at = self.newest(name);
        let read = (OUTSIDE.to_owned(), self.outside);
        let made = vec![Reads::from([(OUTSIDE, read)])];
        self.contents.insert((name.to_owned(), at), made);
    }

    /// No run of the mart was ever told to read two versions of one root.
    fn check(&self) {
        for run in self.sim.runs_of("mart") {
            let reads = self.told("mart", &run);
            assert_eq!(reads.len(), 3, "it is told every version");
            let agrees = |made: &Roots| made.values().all(|versions| versions.len() == 1);
            let all = self.made_by(&reads);
            assert!(all.iter().any(agrees), "{reads:?}: {all:?}");
        }
    }

    /// Passes and good runs until nothing is to be done any more.
    fn rest(&mut self) {
        for _ in 0..80 {
            let report = self.sim.pass();
            self.check();
            let is_busy = report.in_flight > 0 || !report.settled.is_empty();
            if !is_busy && report.triggered.is_empty() {
                return;
            }
            self.sim.later(30);
            for name in TABLES {
                self.finish(name, false);
            }
        }
        panic!("it never comes to rest: {:?}", self.sim.decisions());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_run_reads_two_versions_of_a_root_and_it_is_built_when_all_is_quiet(
        events in events(),
        is_told: [bool; 3],
    ) {
        let mut lake = Lake::new(is_told);
        for event in &events {
            lake.happen(event);
            lake.check();
        }
        if let Some(name) = lake.unreadable {
            lake.happen(&Event::Unreadable(name));
        }
        lake.sim.fake.get().faults.clear();
        lake.sim.restart();
        lake.sim.later(600);
        lake.rest();
        // Whatever is not known of what is there: the next change of the sources is seen from its beginning.
        lake.sim.write("s");
        lake.sim.write("t");
        lake.sim.later(600);
        lake.rest();
        let memory = lake.sim.memory();
        for input in ["b", "c", "s"] {
            let consumed = memory.consumption[&key("mart")][&key(input)].version.clone().unwrap();
            let at = (consumed.table_id.to_string(), consumed.version);
            prop_assert_eq!(at, lake.newest(input), "of {}", input);
        }
        prop_assert_eq!(lake.sim.decisions(), Vec::<String>::new());
        prop_assert_eq!(lake.sim.health("mart").health, Health::Fresh);
    }
}

#[test]
fn it_waits_for_an_agreeing_cut_and_says_which_root_disagrees() {
    let mut lake = Lake::new([false; 3]);
    lake.rest();
    let before = lake.sim.runs_of("mart").len();
    lake.sim.write("s");
    lake.sim.pass();
    lake.sim.later(30);
    lake.finish("b", false);
    let report = lake.sim.pass();
    let decided = lake.sim.decided(&report);
    assert!(
        decided.contains(&"wait mart: no_agreeing_cut".to_owned()),
        "{decided:?}"
    );
    let graph = lake.sim.graph();
    let mart = graph.index_of("mart").unwrap();
    let reasons = &report.plan.decisions[mart.position()].reasons;
    let Some(Reason::NoAgreeingCut { roots }) = reasons.first() else {
        panic!("{reasons:?}");
    };
    let shown: Vec<String> = roots[0]
        .shown
        .iter()
        .map(|s| format!("{} {:?}", s.input, s.version))
        .collect();
    assert_eq!((roots.len(), roots[0].root.as_str()), (1, "s"));
    assert_eq!(shown, ["b Some(1)", "c Some(0)", "s Some(1)"]);
    let told = serde_json::to_value(&roots[0]).unwrap();
    let of_c = serde_json::json!({
        "input": "c", "version": 0, "certainty": "exact", "lost_at": null, "lost": null,
    });
    assert_eq!(told["shown"][1], of_c);
    assert_eq!(lake.sim.runs_of("mart").len(), before);
    lake.rest();
    assert_eq!(lake.sim.runs_of("mart").len(), before + 1);
}

#[test]
fn an_older_cut_that_is_news_is_read_while_the_newest_versions_disagree() {
    let mut lake = Lake::new([true; 3]);
    lake.rest();
    lake.sim.write("s");
    // All tables show version 1 of the source, which goes on before the mart is looked at.
    for name in ["a", "b", "c"] {
        lake.sim.pass();
        lake.sim.later(30);
        lake.finish("a", false);
        lake.finish("b", false);
        lake.finish(name, false);
    }
    lake.sim.write("s");
    let report = lake.sim.pass();
    let graph = lake.sim.graph();
    let mart = graph.index_of("mart").unwrap();
    let codes: Vec<&str> = report.plan.decisions[mart.position()]
        .reasons
        .iter()
        .map(Reason::code)
        .collect();
    assert!(codes.contains(&"older_cut"), "{codes:?}");
    let last = lake.sim.runs_of("mart").pop().unwrap();
    assert_eq!(lake.told("mart", &last)["s"].1, 1);
    lake.check();
}

#[test]
fn what_a_run_may_have_read_later_agrees_with_nothing() {
    let mut lake = Lake::new([false, true, true]);
    lake.sim.pass();
    lake.sim.later(10);
    // While the run of `a` is under way the source changes, and nobody knows what it read.
    lake.sim.write("s");
    lake.sim.later(30);
    lake.finish("a", true);
    lake.finish("b", true);
    lake.sim.pass();
    let memory = lake.sim.memory();
    let of = |name: &str| {
        memory.commits[&key(name)]
            .last()
            .unwrap()
            .provenance
            .clone()
            .unwrap()
    };
    let certainty = |name: &str| of(name).get(&key("s")).unwrap().certainty();
    assert_eq!((certainty("a"), certainty("b")), ("unknown", "exact"));
    lake.rest();
    lake.check();
    assert_eq!(lake.sim.health("mart").health, Health::Fresh);
}
