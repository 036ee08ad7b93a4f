//! What readers of the tables are told between passes: `status` and `explain`, on the story's terms.

use std::fmt::Write as _;

use assets::AssetKey;
use chrono::{DateTime, Utc};
use headwater::plan::{Activity, AssetHealth, PlanInput};
use headwater::ports::State;
use headwater::report::{Explained, Situation, explanation};
use headwater::state::Memory;
use headwater::store::Store;
use serde_json::Value;

use super::declared::Declared;
use super::news::clock;
use super::teller::Teller;

fn input<'a>(declared: &'a Declared, memory: &'a Memory, now: DateTime<Utc>) -> PlanInput<'a> {
    PlanInput {
        now,
        pass: memory.pass,
        graph: &declared.graph,
        tasks: &declared.tasks,
        limits: &declared.limits,
        freezes: &declared.freezes,
        selected: None,
        memory,
    }
}

impl Teller {
    /// How fresh assets are; all of them, where none is named.
    pub(super) fn status(
        &self,
        declared: &Declared,
        store: &Store,
        now: DateTime<Utc>,
        only: &[AssetKey],
    ) -> Vec<String> {
        let memory = store.load().unwrap();
        let situation = Situation::of(&input(declared, &memory, now));
        let told = situation.healths.iter().filter_map(|health| {
            let key = &declared.graph.asset(health.asset).key;
            let is_asked = only.is_empty() || only.contains(key);
            is_asked.then(|| health_line(key, health))
        });
        self.named(told.collect())
    }

    /// Why an asset stands as it does, with the versions that decide.
    pub(super) fn explain(
        &self,
        declared: &Declared,
        store: &Store,
        now: DateTime<Utc>,
        key: &AssetKey,
    ) -> Vec<String> {
        let memory = store.load().unwrap();
        let input = input(declared, &memory, now);
        let document = explanation(&Explained {
            input: &input,
            situation: &Situation::of(&input),
            asset: declared.graph.index_of(key.as_str()).unwrap(),
            last_decisions: &[],
            intent: &|id| store.intent(id).unwrap(),
        });
        let mut told = vec![word(&document["verdict"])];
        told.extend(document["chain"].as_array().unwrap().iter().map(link));
        told.extend(document["provenance"].as_array().unwrap().iter().map(root));
        let changes = document["what_would_change"].as_array().unwrap().iter();
        told.extend(changes.map(|of| format!("would change: {}", word(&of["message"]))));
        self.named(told)
    }
}

fn health_line(key: &AssetKey, health: &AssetHealth) -> String {
    let mut text = format!("{key}: {}", health.health.as_str());
    match health.activity {
        Activity::Idle => {}
        Activity::Queued | Activity::Running | Activity::Retrying => {
            write!(text, " ({})", health.activity.as_str()).unwrap();
        }
    }
    match health.lag.map(|lag| lag.to_std().unwrap()) {
        None => text.push_str(", lag unknown"),
        Some(lag) if lag.is_zero() => {}
        Some(lag) => write!(text, ", lag {}", humantime::format_duration(lag)).unwrap(),
    }
    if let Some(lag) = health.event_lag {
        let lag = humantime::format_duration(lag.to_std().unwrap());
        write!(text, ", event lag {lag}").unwrap();
    }
    if let Some(at) = health.data_changed_at {
        write!(text, ", data of {}", clock(at)).unwrap();
    }
    for (at, reason) in health.reasons.iter().enumerate() {
        let mark = if at == 0 { " —" } else { ";" };
        write!(text, "{mark} {}: {}", reason.code, reason.message).unwrap();
    }
    text
}

fn link(link: &Value) -> String {
    let (reader, upstream) = (word(&link["asset"]), word(&link["upstream"]));
    let is_unknown = link["basis"] == "unknown";
    let (consumed, current) = (
        if is_unknown {
            "nobody knows what".to_owned()
        } else {
            version(&link["consumed_version"])
        },
        version(&link["current_version"]),
    );
    let since = link["since"]
        .as_str()
        .map_or(String::new(), |at| format!(", behind since {at}"));
    let is_assumed = link["is_assumed"].as_bool().unwrap_or_default();
    let assumed = if is_assumed { " (assumed)" } else { "" };
    format!("{reader} incorporates {upstream} {consumed}{assumed}, which holds {current}{since}")
}

fn root(root: &Value) -> String {
    let name = word(&root["root"]);
    match root["reason"].as_str() {
        Some(reason) => format!("of the root {name} it shows nobody knows what: {reason}"),
        None => format!("of the root {name} it shows {}", version(&root["version"])),
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn version(value: &Value) -> String {
    value
        .as_u64()
        .map_or("nothing".to_owned(), |version| format!("v{version}"))
}
