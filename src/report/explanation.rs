//! The document of `headwater explain`: the causal chain behind one asset.

use std::collections::{BTreeMap, BTreeSet};

use assets::policy::Consistency;
use assets::{Asset, AssetKey, TableVersion};
use lineage::AssetIndex;
use serde_json::{Value, json};

use super::automation::automation_document;
use super::plan::reason;
use super::status::{Situation, health_document};
use super::{checks, document, instant, optional_instant, version_number};
use crate::plan::{Decision, PlanInput, WouldChange, sentence, what_would_change};
use crate::ports::DecisionRecord;
use crate::state::{Consumed, Intent, IntentId, Memory, Provenance};

/// What an explanation is made of.
pub struct Explained<'a> {
    /// What everything was judged by.
    pub input: &'a PlanInput<'a>,
    /// The judgement.
    pub situation: &'a Situation<'a>,
    /// The asset in question.
    pub asset: AssetIndex,
    /// Its last recorded decisions, newest first.
    pub last_decisions: &'a [DecisionRecord],
    /// Looks up an intent, settled ones too.
    pub intent: &'a dyn Fn(&IntentId) -> Option<Intent>,
}

/// Explains one asset.
pub fn explanation(explained: &Explained<'_>) -> Value {
    let graph = explained.input.graph;
    let asset = graph.asset(explained.asset);
    let Some(health) = explained.situation.healths.get(explained.asset.position()) else {
        return Value::Null;
    };
    let decision = explained
        .situation
        .plan
        .decisions
        .get(explained.asset.position());
    let mut fields = health_document(explained.input, health);
    let more = json!({
        "relation": asset.relation,
        "path": asset.path,
        "task": asset.task.as_ref().map(|binding| binding.task.as_str()),
        "automation": automation_document(&asset.automation),
        "consistency": consistency(asset),
        "verdict": verdict(explained, decision),
        "action": decision.map(|decision| decision.action.as_str()),
        "decision": decision.map(|d| d.reasons.iter().map(reason).collect::<Vec<_>>()),
        "chain": chain(explained),
        "waiting_for": waiting_for(decision),
        "what_would_change": would_change(explained),
        "waits_until": optional_instant(decision.and_then(|decision| decision.until)),
        "checks": checks::all(explained.input.memory, asset, health.data_version.as_ref()),
        "gates": asset.gates,
        "built": built(explained.input.memory, asset),
        "provenance": provenance(explained),
        "last_decisions": explained.last_decisions.iter().map(last_decision).collect::<Vec<_>>(),
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        // `kind` is the document's own word.
        let kind = fields.remove("kind").unwrap_or_default();
        fields.insert("asset_kind".to_owned(), kind);
        fields.extend(more);
    }
    document("Explanation", fields)
}

/// One sentence: why the asset is fresh, stale, waiting or failed.
fn verdict(explained: &Explained<'_>, decision: Option<&Decision>) -> String {
    let graph = explained.input.graph;
    let key = &graph.asset(explained.asset).key;
    let Some(health) = explained.situation.healths.get(explained.asset.position()) else {
        return String::new();
    };
    let why = decision
        .and_then(|decision| decision.reasons.first().map(sentence))
        .or_else(|| health.reasons.first().map(|reason| reason.message.clone()));
    let action = match decision.map(|decision| decision.action.as_str()) {
        Some("run") => " and would be run now",
        Some("wait") => " and waits",
        Some("hold") => " and is held",
        _ => "",
    };
    match why {
        Some(why) => format!("`{key}` is {}{action}: {why}", health.health.as_str()),
        None => format!(
            "`{key}` is {}: it incorporates everything that its inputs hold",
            health.health.as_str()
        ),
    }
}

/// The inputs with what was consumed of them and what they hold, and through which of them
/// changes are still on their way: upstream first.
fn chain(explained: &Explained<'_>) -> Vec<Value> {
    let graph = explained.input.graph;
    let mut links = Vec::new();
    let mut seen = BTreeSet::from([explained.asset]);
    let mut next = vec![explained.asset];
    while let Some(asset) = next.pop() {
        for &input in graph.inputs(asset) {
            links.push(link(explained, asset, input));
            let is_moving = explained
                .situation
                .healths
                .get(input.position())
                .is_some_and(|health| health.stale_since.is_some());
            if is_moving && seen.insert(input) {
                next.push(input);
            }
        }
    }
    links.reverse();
    links
}

fn link(explained: &Explained<'_>, asset: AssetIndex, input: AssetIndex) -> Value {
    let graph = explained.input.graph;
    let memory = explained.input.memory;
    let (reader, upstream) = (&graph.asset(asset).key, &graph.asset(input).key);
    let consumed = memory
        .consumption
        .get(reader)
        .and_then(|known| known.get(upstream));
    let consumed_version = consumed.and_then(|consumed| consumed.version.as_ref());
    let newest = memory
        .commits
        .get(upstream)
        .and_then(|commits| commits.last());
    let current = newest.map(|commit| &commit.version);
    let is_unknown = consumed.is_some_and(Consumed::is_unknown);
    let is_behind = current.is_some() && current != consumed_version && !is_unknown;
    let since = memory
        .commits
        .get(upstream)
        .into_iter()
        .flatten()
        .find(|commit| {
            consumed_version.is_none_or(|consumed| {
                consumed.table_id != commit.version.table_id
                    || commit.version.version > consumed.version
            })
        });
    let evidence = graph
        .evidence(input, asset)
        .iter()
        .map(|evidence| evidence.as_str());
    json!({
        "asset": reader,
        "upstream": upstream,
        "consumed_version": version_number(consumed_version),
        "current_version": version_number(current),
        "is_behind": is_behind && graph.asset(asset).kind.has_table(),
        "since": since.filter(|_| is_behind).map(|commit| instant(commit.origin.at)),
        "basis": consumed.map(|consumed| consumed.basis.as_str()),
        "is_assumed": consumed.is_some_and(|consumed| consumed.basis.is_assumed()),
        "evidence": evidence.collect::<Vec<_>>(),
    })
}

fn waiting_for(decision: Option<&Decision>) -> Vec<Value> {
    let waits = |decision: &&Decision| matches!(decision.action.as_str(), "wait" | "hold");
    decision
        .filter(waits)
        .and_then(|decision| decision.reasons.first())
        .map(|deciding| vec![reason(deciding)])
        .unwrap_or_default()
}

/// What would change the verdict, each with a few words for people.
fn would_change(explained: &Explained<'_>) -> Vec<Value> {
    let Situation {
        plan,
        healths,
        standings,
    } = explained.situation;
    let found = what_would_change(
        explained.input,
        standings,
        (&plan.decisions, healths),
        explained.asset,
    );
    let document = |change: &WouldChange| {
        let mut value = serde_json::to_value(change).unwrap_or_default();
        if let Value::Object(fields) = &mut value {
            fields.insert("message".to_owned(), json!(change.phrase()));
        }
        value
    };
    found.iter().map(document).collect()
}

fn built(memory: &Memory, asset: &Asset) -> Value {
    let Some(build) = memory.builds.get(&asset.key) else {
        return Value::Null;
    };
    json!({
        "at": optional_instant(build.built_at),
        "by_us": !build.is_adopted,
        "code_version": build.code_version,
        "current_code_version": asset.code_version,
        "degraded_by": build.degraded_by,
        "last_success_at": optional_instant(build.last_success_at),
        "failure": build.failure.as_ref().map(|failure| json!({
            "intent": failure.intent, "attempts": failure.attempts, "code": failure.code,
            "message": failure.message, "at": instant(failure.at),
        })),
    })
}

/// For every root: the version that the content incorporates, followed back through the runs that
/// wrote what was consumed; absent, with the reason, where the way is lost.
fn provenance(explained: &Explained<'_>) -> Vec<Value> {
    let memory = explained.input.memory;
    let graph = explained.input.graph;
    let key = &graph.asset(explained.asset).key;
    let mut found: BTreeMap<AssetKey, Result<TableVersion, &'static str>> = BTreeMap::new();
    let mut next: Inputs = memory
        .consumption
        .get(key)
        .map(recorded_inputs)
        .unwrap_or_default();
    let mut seen = BTreeSet::new();
    while let Some((upstream, version)) = next.pop() {
        let version = match version {
            Ok(version) => version,
            Err(reason) => {
                found.entry(upstream).or_insert(Err(reason));
                continue;
            }
        };
        if !seen.insert((upstream.clone(), version.clone())) {
            continue;
        }
        let Some(index) = graph.index_of(upstream.as_str()) else {
            continue;
        };
        let Some(version) = version else {
            found.entry(upstream).or_insert(Err("it had no data"));
            continue;
        };
        if graph.inputs(index).is_empty() {
            note_oldest(&mut found, upstream, version);
            continue;
        }
        if let Some(known) = recorded(memory, &upstream, &version) {
            for (root, version) in known.iter() {
                if let Some(Some(version)) = version.exact() {
                    note_oldest(&mut found, root.clone(), version.clone());
                }
            }
            continue;
        }
        match inputs_of(explained, &upstream, &version) {
            Some(inputs) => next.extend(inputs),
            None => {
                found
                    .entry(upstream)
                    .or_insert(Err("nobody knows what this version consumed"));
            }
        }
    }
    found
        .into_iter()
        .map(|(root, version)| match version {
            Ok(version) => json!({ "root": root, "version": version.version, "reason": null }),
            Err(reason) => json!({ "root": root, "version": null, "reason": reason }),
        })
        .collect()
}

/// What is surely known of what a version incorporates of the roots.
fn recorded<'a>(
    memory: &'a Memory,
    asset: &AssetKey,
    version: &TableVersion,
) -> Option<&'a Provenance> {
    let mut commits = memory.commits.get(asset)?.iter();
    let commit = commits.find(|commit| commit.version == *version)?;
    let known = commit.provenance.as_deref();
    known.filter(|known| {
        known
            .iter()
            .all(|(_, root)| matches!(root.exact(), Some(Some(_))))
    })
}

/// Several paths may lead to one root: what is surely incorporated is the least of their versions.
fn note_oldest(
    found: &mut BTreeMap<AssetKey, Result<TableVersion, &'static str>>,
    root: AssetKey,
    version: TableVersion,
) {
    match found.get(&root) {
        Some(Ok(known)) if known.version <= version.version => {}
        _ => {
            found.insert(root, Ok(version));
        }
    }
}

/// What was consumed of each input, or why nobody knows.
type Inputs = Vec<(AssetKey, Result<Option<TableVersion>, &'static str>)>;

fn recorded_inputs(consumption: &BTreeMap<AssetKey, Consumed>) -> Inputs {
    let of = |(upstream, consumed): (&AssetKey, &Consumed)| {
        let version = if consumed.is_unknown() {
            Err("it could not be read when what consumed it was taken over")
        } else {
            Ok(consumed.version.clone())
        };
        (upstream.clone(), version)
    };
    consumption.iter().map(of).collect()
}

/// What one version of a table consumed: as recorded if it is the newest, else by its run.
fn inputs_of(
    explained: &Explained<'_>,
    asset: &AssetKey,
    version: &TableVersion,
) -> Option<Inputs> {
    let memory = explained.input.memory;
    let commits = memory.commits.get(asset)?;
    let commit = commits.iter().find(|commit| commit.version == *version)?;
    if let Some(intent) = commit.intent.as_ref().and_then(explained.intent) {
        let inputs = intent.inputs.get(asset)?;
        return Some(
            inputs
                .iter()
                .map(|(key, version)| (key.clone(), Ok(version.clone())))
                .collect(),
        );
    }
    let is_newest = commits
        .last()
        .is_some_and(|newest| newest.version == *version);
    let known = memory.consumption.get(asset).filter(|_| is_newest)?;
    Some(recorded_inputs(known))
}

fn consistency(asset: &Asset) -> Value {
    match asset.consistency {
        Consistency::Latest => json!("latest"),
        Consistency::Snapshot => json!("snapshot"),
        Consistency::Settled { proceed_after } => json!({ "settled": {
            "proceed_after_seconds": proceed_after.map(|after| after.num_seconds()),
        }}),
    }
}

fn last_decision(decision: &DecisionRecord) -> Value {
    let reasons: Value = serde_json::from_str(&decision.reasons).unwrap_or_default();
    json!({
        "pass": decision.pass,
        "at": instant(decision.at),
        "action": decision.action,
        "reasons": reasons,
    })
}
