//! What came of a pass, in lines for people: what was seen, ended, recorded, decided and started.
//!
//! Only what changed is told. Intents are numbered as they are made, so that a story can be followed.

use std::collections::BTreeMap;

use assets::AssetKey;
use chrono::{DateTime, Utc};
use headwater::plan::{Action, Decision, sentence};
use headwater::reconcile::PassReport;
use headwater::state::{IntentId, Memory};
use headwater::store::{RunFilter, Store};
use lineage::AssetGraph;

use super::news;

/// What a pass left behind.
pub(super) struct After<'a> {
    pub(super) before: &'a Memory,
    pub(super) memory: &'a Memory,
    /// Absent where its process died.
    pub(super) report: Option<&'a PassReport>,
    pub(super) now: DateTime<Utc>,
}

/// What was told so far.
#[derive(Default)]
pub(super) struct Teller {
    decisions: BTreeMap<AssetKey, Vec<String>>,
    intents: Vec<IntentId>,
}

impl Teller {
    /// Tells what is new after a pass.
    pub(super) fn tick(
        &mut self,
        graph: &AssetGraph,
        store: &Store,
        after: &After<'_>,
    ) -> Vec<String> {
        self.number(after);
        let mut told = news::seen(after);
        told.extend(after.report.into_iter().flat_map(news::ended));
        told.extend(news::recorded(after));
        told.extend(news::judged(after));
        if let Some(report) = after.report {
            told.extend(self.decided(graph, &report.plan.decisions));
            told.extend(news::sent(report, store));
            told.extend(news::problems(report));
        }
        told.extend(news::intended(after));
        let pass = after.memory.pass.0;
        let head = match after.report {
            None => format!("pass {pass} is cut short: the process dies"),
            Some(_) if told.is_empty() => format!("pass {pass}: nothing is new"),
            Some(_) => format!("pass {pass}, {}", news::clock(after.now)),
        };
        told.insert(0, head);
        self.named(told)
    }

    /// Tells all that a plan decides, and forgets it again.
    pub(super) fn plan(
        &self,
        graph: &AssetGraph,
        report: &PassReport,
        memory: &Memory,
    ) -> Vec<String> {
        let decisions = report.plan.decisions.iter();
        let shown = decisions.filter(|decision| decision.action != Action::None);
        let mut told: Vec<String> = shown
            .flat_map(|decision| decision_lines(graph, decision))
            .collect();
        told.extend(news::incorporated(memory));
        if told.is_empty() {
            told.push("nothing to do".to_owned());
        }
        self.named(told)
    }

    /// Lists every attempt, the first one first.
    pub(super) fn runs(&self, store: &Store, made: i64) -> Vec<String> {
        let records = store.runs(&RunFilter::default()).unwrap();
        let told = records.iter().rev().map(|record| {
            let assets = news::keys(&record.intent.assets);
            let run = record
                .run_id
                .map_or("no run".to_owned(), |run| format!("run {run}"));
            let (intent, attempt, state) =
                (&record.intent.id, record.attempt, record.state.as_str());
            format!("{intent}, attempt {attempt} for {assets}: {state}, {run}")
        });
        let mut told: Vec<String> = told.collect();
        told.push(format!("runs that the service ever made: {made}"));
        self.named(told)
    }

    /// Gives intents their numbers.
    fn number(&mut self, after: &After<'_>) {
        let mut found: Vec<&IntentId> = after.memory.open_intents.keys().collect();
        if let Some(report) = after.report {
            found.extend(report.settled.iter().map(|settled| &settled.intent));
            found.extend(report.triggered.iter().map(|triggered| &triggered.intent));
        }
        found.sort();
        for intent in found {
            if !intent.0.is_empty() && !self.intents.contains(intent) {
                self.intents.push(intent.clone());
            }
        }
    }

    /// Writes the numbers of intents in the place of their ids.
    pub(super) fn named(&self, told: Vec<String>) -> Vec<String> {
        let named = |mut line: String| {
            for (intent, number) in self.intents.iter().zip(1..) {
                line = line.replace(&intent.0, &format!("#{number}"));
            }
            line
        };
        told.into_iter().map(named).collect()
    }

    /// The decisions that differ from the last ones that were told.
    fn decided(&mut self, graph: &AssetGraph, decisions: &[Decision]) -> Vec<String> {
        let mut told = Vec::new();
        for decision in decisions {
            let key = graph.asset(decision.asset).key.clone();
            let lines = decision_lines(graph, decision);
            let is_idle = decision.action == Action::None && decision.reasons.is_empty();
            let is_news = match self.decisions.get(&key) {
                Some(last) => *last != lines,
                None => !is_idle,
            };
            if is_news {
                told.extend(lines.iter().cloned());
                self.decisions.insert(key, lines);
            }
        }
        told
    }
}

/// A decision with all its reasons, the deciding one first.
fn decision_lines(graph: &AssetGraph, decision: &Decision) -> Vec<String> {
    let action = decision.action.as_str();
    let key = &graph.asset(decision.asset).key;
    if decision.reasons.is_empty() {
        return vec![format!("{action:<6} {key}: nothing to do")];
    }
    let lines = decision.reasons.iter().enumerate().map(|(at, reason)| {
        let (code, text) = (reason.code(), sentence(reason));
        let until = decision
            .until
            .filter(|_| at == 0 && !text.contains("until"));
        let until = until.map_or(String::new(), |at| format!(", until {}", news::clock(at)));
        if at == 0 {
            format!("{action:<6} {key}: {code}: {text}{until}")
        } else {
            format!("{:<6} also {code}: {text}", "")
        }
    });
    lines.collect()
}
