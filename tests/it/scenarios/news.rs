//! The difference that a pass makes, line by line: of tables, of what is recorded, of runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use assets::{AssetKey, TableVersion};
use chrono::{DateTime, Utc};
use headwater::execute::Sent;
use headwater::reconcile::{PassReport, Settled};
use headwater::state::{Basis, Consumed, DataCommit, Intent, Memory, ObservedState};
use headwater::store::Store;

use super::teller::After;

/// Writes an instant short: `06:00`, or with its date where that is not the first of the story.
pub(super) fn clock(at: DateTime<Utc>) -> String {
    let time = if at.timestamp() % 60 == 0 {
        "%H:%M"
    } else {
        "%H:%M:%S"
    };
    let is_first_day = at.format("%F").to_string() == "2026-03-01";
    let form = if is_first_day {
        time.to_owned()
    } else {
        format!("%F {time}")
    };
    at.format(&form).to_string()
}

pub(super) fn keys(keys: &[AssetKey]) -> String {
    let keys = keys.iter().map(AssetKey::as_str);
    keys.collect::<Vec<_>>().join(", ")
}

fn line(verb: &str, rest: impl std::fmt::Display) -> String {
    format!("{verb:<6} {rest}")
}

/// What the look at the tables found.
pub(super) fn seen(after: &After<'_>) -> Vec<String> {
    let mut told = Vec::new();
    for (key, observation) in &after.memory.observations {
        let known = after.before.commits.get(key).map_or(&[][..], Vec::as_slice);
        let commits = after.memory.commits.get(key).into_iter().flatten();
        let news = commits.filter(|commit| !known.iter().any(|k| k.version == commit.version));
        let told_before = told.len();
        let is_other = |commit: &DataCommit| {
            let first = known.last().map(|last| &last.version.table_id);
            first.is_some_and(|first| *first != commit.version.table_id)
        };
        for commit in news {
            told.push(line(
                "see",
                format!("{key}: {}", committed(commit, is_other(commit))),
            ));
        }
        let is_new = told.len() > told_before;
        let before = after
            .before
            .observations
            .get(key)
            .map(|before| &before.state);
        if before == Some(&observation.state) {
            continue;
        }
        let state = match &observation.state {
            ObservedState::Ok => readable(before, !known.is_empty() || is_new),
            ObservedState::Absent => Some("no table".to_owned()),
            ObservedState::Gone => Some("gone".to_owned()),
            ObservedState::Unknown { code, reason } => Some(format!("unknown, {code}: {reason}")),
        };
        told.extend(state.map(|state| line("see", format!("{key}: {state}"))));
    }
    told
}

/// What came of checks, where it is new.
pub(super) fn judged(after: &After<'_>) -> Vec<String> {
    let mut told = Vec::new();
    for (key, results) in &after.memory.checks {
        let before = after.before.checks.get(key);
        for (name, result) in results {
            if before.and_then(|before| before.get(name)) == Some(result) {
                continue;
            }
            let (status, version) = (result.status.as_str(), result.version.version);
            let found = result.measured.as_ref().or(result.message.as_ref());
            let found = found.map_or("nothing", String::as_str);
            let text = format!("{key}: {name} {status} at v{version}, {found}");
            told.push(line("judge", text));
        }
    }
    told
}

/// What there is to say of a table that can be read, beside its commits.
fn readable(before: Option<&ObservedState>, has_data: bool) -> Option<String> {
    let text = match before {
        _ if !has_data => "is there, without data",
        Some(ObservedState::Unknown { .. }) => "can be read",
        Some(ObservedState::Gone) => "is there again",
        Some(ObservedState::Ok | ObservedState::Absent) | None => return None,
    };
    Some(text.to_owned())
}

fn committed(commit: &DataCommit, is_other: bool) -> String {
    let operation = commit.operation.as_deref().unwrap_or("?");
    let mut text = format!(
        "{} {operation} at {}",
        commit.version,
        clock(commit.committed_at)
    );
    if is_other {
        write!(text, " of table {}", commit.version.table_id).unwrap();
    }
    if commit.origin.at != commit.committed_at {
        write!(text, ", with a change of {}", clock(commit.origin.at)).unwrap();
    }
    text
}

/// The attempts that ended, and runs that were found.
pub(super) fn ended(report: &PassReport) -> Vec<String> {
    let found = report.found.iter().map(|found| {
        let (assets, run, intent) = (keys(&found.assets), found.run_id, &found.intent);
        line(
            "find",
            format!("{assets}: run {run}, of which nothing was known, is {intent}"),
        )
    });
    let end = |settled: &Settled| {
        let Settled {
            intent,
            attempt,
            assets,
            run_id,
            outcome,
            message,
        } = settled;
        let run = run_id.map_or(String::new(), |run| format!(", run {run}"));
        let message = message
            .as_ref()
            .map_or(String::new(), |why| format!(": {why}"));
        let outcome = if *outcome == "retry" {
            "failed and is tried again"
        } else {
            outcome
        };
        let assets = keys(assets);
        line(
            "end",
            format!("{assets}: {intent}, attempt {attempt}{run}, {outcome}{message}"),
        )
    };
    found.chain(report.settled.iter().map(end)).collect()
}

/// What is recorded anew: consumption, cuts, and under which lack something was built.
pub(super) fn recorded(after: &After<'_>) -> Vec<String> {
    let mut told = Vec::new();
    for (key, consumption) in &after.memory.consumption {
        if after.before.consumption.get(key) != Some(consumption) {
            told.push(line("record", incorporates(key, consumption)));
        }
    }
    for (key, build) in &after.memory.builds {
        let before = after.before.builds.get(key);
        let lacking = before.map_or(&[][..], |before| before.degraded_by.as_slice());
        if build.degraded_by != lacking && !build.degraded_by.is_empty() {
            let lacking = keys(&build.degraded_by);
            told.push(line(
                "record",
                format!("{key}: was built while {lacking} was behind"),
            ));
        }
        if build.cut != before.and_then(|before| before.cut)
            && let Some(cut) = build.cut
        {
            let text = format!(
                "{key}: waits for all that was seen up to pass {}",
                cut.pass.0
            );
            told.push(line("record", text));
        }
    }
    told
}

/// All that is recorded as incorporated.
pub(super) fn incorporated(memory: &Memory) -> Vec<String> {
    let all = memory.consumption.iter();
    all.map(|(key, consumption)| line("know", incorporates(key, consumption)))
        .collect()
}

fn incorporates(key: &AssetKey, consumption: &BTreeMap<AssetKey, Consumed>) -> String {
    let parts = consumption.iter().map(|(upstream, consumed)| {
        if consumed.basis == Basis::Unknown {
            return format!("{upstream} at nobody knows which version");
        }
        let how = match consumed.basis {
            Basis::Run => "",
            Basis::Stamp => " (its commit says so)",
            Basis::Checkpoint => " (its checkpoint says so)",
            Basis::RunStart => " (assumed: the start of its run)",
            Basis::CommitTime => " (assumed: the time of its commit)",
            Basis::Unknown => " (unknown)",
        };
        format!("{}{how}", version(upstream, consumed.version.as_ref()))
    });
    let parts: Vec<String> = parts.collect();
    let parts = if parts.is_empty() {
        "nothing that is known".to_owned()
    } else {
        parts.join(", ")
    };
    format!("{key}: incorporates {parts}")
}

fn version(upstream: &AssetKey, version: Option<&TableVersion>) -> String {
    let version = version.map_or("at no data".to_owned(), ToString::to_string);
    format!("{upstream} {version}")
}

/// What was asked of the service.
pub(super) fn sent(report: &PassReport, store: &Store) -> Vec<String> {
    let told = report.triggered.iter().map(|triggered| {
        let (assets, intent) = (keys(&triggered.assets), &triggered.intent);
        let attempt = match triggered.attempt {
            0 | 1 => String::new(),
            later => format!(", attempt {later}"),
        };
        match &triggered.sent {
            Sent::Started(run) => {
                let known = store.intent(intent).unwrap().unwrap();
                let what = purpose(&known);
                line(
                    "start",
                    format!("{assets}: {intent}{attempt} is run {run}, {what}"),
                )
            }
            Sent::Unanswered(why) => line(
                "send",
                format!("{assets}: {intent}{attempt} got no answer: {why}"),
            ),
            Sent::RateLimited { message, .. } => line(
                "send",
                format!("{assets}: {intent}{attempt} has to wait: {message}"),
            ),
            Sent::Unauthenticated { message, .. } => {
                line("send", format!("{assets}: {intent}{attempt}: {message}"))
            }
            Sent::Refused { code, message } => line(
                "send",
                format!("{assets}: {intent}{attempt} is refused, {code}: {message}"),
            ),
            Sent::Overtaken => line("send", format!("{assets}: {intent}{attempt} is not sent")),
        }
    });
    told.collect()
}

/// Intents that were written down and of which the report of the pass says nothing.
pub(super) fn intended(after: &After<'_>) -> Vec<String> {
    let is_told = |intent: &&Intent| {
        let mut triggered = after.report.iter().flat_map(|report| &report.triggered);
        let mut found = after.report.iter().flat_map(|report| &report.found);
        triggered.any(|told| told.intent == intent.id) || found.any(|told| told.intent == intent.id)
    };
    let open = after.memory.open_intents.values();
    let new = open.filter(|intent| !after.before.open_intents.contains_key(&intent.id));
    new.filter(|intent| !is_told(intent))
        .map(|intent| {
            let (assets, state) = (keys(&intent.assets), intent.state.as_str());
            let what = purpose(intent);
            line(
                "intend",
                format!("{assets}: {} is {state}, {what}", intent.id),
            )
        })
        .collect()
}

/// What a run is to incorporate, and what it is told beside the name of its asset.
fn purpose(intent: &Intent) -> String {
    let inputs = intent.inputs.values().flatten();
    let inputs: Vec<String> = inputs.map(|(key, at)| version(key, at.as_ref())).collect();
    let mut text = match inputs.as_slice() {
        [] => "without inputs".to_owned(),
        inputs => format!("to incorporate {}", inputs.join(", ")),
    };
    let told = intent
        .parameters
        .iter()
        .filter(|(name, _)| *name != "asset");
    let told: Vec<String> = told
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !told.is_empty() {
        write!(text, ", with {}", told.join(" ")).unwrap();
    }
    text
}

/// What did not work and concerns no single asset.
pub(super) fn problems(report: &PassReport) -> Vec<String> {
    let all = report
        .problems
        .iter()
        .chain(&report.denied)
        .chain(&report.search_warning);
    all.map(|problem| line("fault", problem)).collect()
}
