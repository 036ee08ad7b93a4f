//! How an attempt ends, and what follows from it for its assets: all of it or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::partition::{Extent, PartitionSet};
use assets::{AssetKey, TableVersion};
use chrono::{DateTime, Utc};
use rusqlite::params;
use serde_json::{Value, json};

use super::cells::micros;
use super::fault::Fault;
use super::query::{Write, first, list};
use super::{attempt, backfill, build, deadline, full_refresh, intent, outbox};
use crate::state::{
    Basis, Build, BuiltPartitions, Consumed, Cut, Failure, Intent, IntentId, IntentState, Outcome,
    Settlement,
};

/// Settles an attempt if it is still the current one of an open intent.
pub(super) fn settle(
    write: &Write<'_>,
    id: &IntentId,
    attempt: u32,
    settlement: &Settlement,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let intent = match intent::one(&write.tx, id)? {
        Some(intent) if intent.attempt == attempt && intent.state.is_open() => intent,
        _ => return Ok(false),
    };
    let ended = Ended {
        write,
        intent: &intent,
        at: settlement.finished_at,
        now,
    };
    match &settlement.outcome {
        Outcome::Succeeded { produced } => succeeded(&ended, produced)?,
        Outcome::Retry {
            code,
            message,
            next_token,
            not_before,
        } => retried(&ended, (code, message), (next_token, *not_before))?,
        Outcome::Failed {
            code,
            message,
            is_exhausted: true,
        } => failed(&ended, IntentState::Quarantined, (code, message))?,
        Outcome::Failed { code, message, .. } => {
            failed(&ended, IntentState::Failed, (code, message))?;
        }
        Outcome::Cancelled { message } => {
            failed(&ended, IntentState::Cancelled, ("cancelled", message))?;
        }
    }
    Ok(true)
}

/// Settles an attempt as cancelled if it still stands at `state`: whoever moved it on meanwhile may
/// have sent it.
pub(super) fn cancel(
    write: &Write<'_>,
    (id, attempt): (&IntentId, u32),
    state: IntentState,
    message: &str,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    if attempt::current(write, id, attempt)? != Some(state) {
        return Ok(false);
    }
    let settlement = Settlement {
        outcome: Outcome::Cancelled {
            message: message.to_owned(),
        },
        finished_at: now,
    };
    settle(write, id, attempt, &settlement, now)
}

/// An attempt that ended, in the transaction that records it.
struct Ended<'a> {
    write: &'a Write<'a>,
    intent: &'a Intent,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Ended<'_> {
    fn attempt(&self) -> (&IntentId, u32) {
        (&self.intent.id, self.intent.attempt)
    }

    /// Closes the row of the attempt.
    fn close_run(&self, failure: Option<(&str, &str)>) -> Result<(), Fault> {
        let (id, attempt) = self.attempt();
        self.write.change(
            "UPDATE run SET finished_at = ?3, code = ?4, message = ?5
             WHERE intent = ?1 AND attempt = ?2",
            params![
                id.0,
                attempt,
                micros(self.at),
                failure.map(|(code, _)| code),
                failure.map(|(_, message)| message),
            ],
        )?;
        Ok(())
    }

    /// Closes the intent and tells the world.
    fn close(&self, to: IntentState, detail: Value) -> Result<(), Fault> {
        let states = (self.intent.state, to);
        attempt::advance(self.write, self.attempt(), states, self.now, detail.clone())?;
        outbox::tell(self.write, self.intent, to, self.at, (detail, self.now))
    }
}

fn succeeded(
    ended: &Ended<'_>,
    produced: &BTreeMap<AssetKey, Option<TableVersion>>,
) -> Result<(), Fault> {
    let intent = ended.intent;
    ended.close_run(None)?;
    for asset in &intent.assets {
        // Nothing else tells which of its assets a run built that was not asked for here.
        if intent.is_found && !wrote(ended, asset)? {
            continue;
        }
        // What many partitions take at once says nothing of what the next one takes.
        if let Some(sent_at) = intent.first_sent_at.filter(|_| intent.backfill.is_none()) {
            deadline::ran(ended.write, asset, ended.at - sent_at)?;
        }
        let known = build::one(&ended.write.tx, asset)?;
        if is_overwritten(ended, asset, &known)? {
            let build = Build {
                last_success_at: match &intent.backfill {
                    Some(_) => known.last_success_at,
                    None => Some(ended.at),
                },
                cut: cut_after(intent, &known),
                failure: failure_after(intent, &known),
                ..known
            };
            build::replace(ended.write, asset, &build)?;
            move_positions(ended, asset, &build)?;
            continue;
        }
        let inputs = intent.inputs.get(asset).into_iter().flatten();
        let basis = if intent.is_found {
            Basis::RunStart
        } else {
            Basis::Run
        };
        let set = partitions_of(ended, asset, &known)?;
        let (cut, failure) = (cut_after(intent, &known), failure_after(intent, &known));
        let mut partitions = built_before(intent, &known);
        let mut consumption = match &set {
            Some(_) => build::consumption_of(&ended.write.tx, asset)?,
            None => BTreeMap::new(),
        };
        let all = PartitionSet::EVERYTHING;
        for (upstream, version) in inputs {
            let nothing = || Consumed::whole(None, basis);
            let consumed = consumption.entry(upstream.clone()).or_insert_with(nothing);
            consumed.incorporate(set.as_ref().unwrap_or(&all), version.clone(), basis);
        }
        build::replace_consumption(ended.write, asset, &consumption)?;
        let with = intent.code_versions.get(asset).cloned();
        let code_version = match (&mut partitions, &set) {
            (Some(partitions), Some(set)) => partitions.build(set, (known.code_version, with)),
            // Of what else there is, nothing was built with other code.
            (None, Some(_)) => known.code_version,
            (_, None) => with,
        };
        let produced = produced.get(asset).cloned().flatten();
        let (read_by, pinned) = (Some(read_by(ended, asset)?), intent.pinned.clone());
        let build = if intent.backfill.is_some() && set.is_some() {
            // Beside the rounds of the asset: neither its schedule nor its interval counts it.
            Build {
                code_version,
                partitions,
                begun_at: known.begun_at,
                built_at: known.built_at.or(Some(ended.at)),
                last_success_at: known.last_success_at,
                produced,
                is_adopted: false,
                degraded_by: known.degraded_by,
                cut,
                failure,
                read_by,
                pinned,
            }
        } else {
            Build {
                code_version,
                partitions,
                begun_at: Some(intent.decided_at),
                built_at: Some(ended.at),
                last_success_at: Some(ended.at),
                produced,
                is_adopted: false,
                degraded_by: intent.degraded_by.clone(),
                cut,
                failure,
                read_by,
                pinned,
            }
        };
        build::replace(ended.write, asset, &build)?;
        if intent.full_refresh {
            full_refresh::built(ended.write, asset, intent)?;
        }
    }
    backfill::settle(ended.write, intent, true)?;
    ended.close(IntentState::Succeeded, json!({ "produced": produced }))
}

/// Moves the positions in change feeds that a run read, though somebody else wrote its asset after it: what
/// they wrote undoes nothing of what was read once.
fn move_positions(ended: &Ended<'_>, asset: &AssetKey, known: &Build) -> Result<(), Fault> {
    let intent = ended.intent;
    let Some(inputs) = intent
        .inputs
        .get(asset)
        .filter(|_| !intent.feeds.is_empty())
    else {
        return Ok(());
    };
    let set = partitions_of(ended, asset, known)?.unwrap_or(PartitionSet::EVERYTHING);
    let mut consumption = build::consumption_of(&ended.write.tx, asset)?;
    for feed in &intent.feeds {
        if let Some(version) = inputs.get(feed) {
            let nothing = || Consumed::whole(None, Basis::Run);
            let consumed = consumption.entry(feed.clone()).or_insert_with(nothing);
            consumed.incorporate(&set, version.clone(), Basis::Run);
        }
    }
    build::replace_consumption(ended.write, asset, &consumption)?;
    if intent.full_refresh {
        full_refresh::built(ended.write, asset, intent)?;
    }
    Ok(())
}

/// Returns the cut that an asset waits for after a run of it. Passes order what was fixed without trusting a
/// clock: an older cut is fulfilled, but not by what is built for a backfill.
fn cut_after(intent: &Intent, known: &Build) -> Option<Cut> {
    let is_fulfilled = |cut: &Cut| intent.backfill.is_none() && cut.pass <= intent.pass;
    known.cut.filter(|cut| !is_fulfilled(cut))
}

/// Returns the failure that stands after a run that succeeded: that of partitions that it did not build.
fn failure_after(intent: &Intent, known: &Build) -> Option<Failure> {
    let failure = known.failure.as_ref()?;
    let (failed, built) = (failure.partitions.as_ref()?, intent.partitions.as_ref()?);
    let is_same = failed.ordinals == built.ordinals;
    let left = failed.partitions.difference(&built.partitions);
    (is_same && !left.is_empty()).then(|| Failure {
        partitions: Some(Extent {
            ordinals: Arc::clone(&failed.ordinals),
            partitions: left,
        }),
        ..failure.clone()
    })
}

/// Returns the partitions that failed after a run of an asset: those that had failed before, too, while
/// they were not built since.
fn failed_partitions(intent: &Intent, known: &Build) -> Option<Extent> {
    let mut failed = intent.partitions.clone()?;
    let before = known
        .failure
        .as_ref()
        .and_then(|failure| failure.partitions.as_ref());
    if let Some(before) = before.filter(|before| before.ordinals == failed.ordinals) {
        failed.partitions = failed.partitions.union(&before.partitions);
    }
    Some(failed)
}

/// Returns the partitions that a run built, of an asset that is built by partitions.
fn partitions_of(
    ended: &Ended<'_>,
    asset: &AssetKey,
    known: &Build,
) -> Result<Option<PartitionSet>, Fault> {
    let built = match (&ended.intent.partitions, &known.partitions) {
        (None, None) => return Ok(None),
        (None, Some(built)) => built,
        // The partitions of a declaration that is no more: nobody knows which of today's they are.
        (Some(extent), Some(built)) if extent.ordinals != built.ordinals => {
            return Ok(Some(PartitionSet::NOTHING));
        }
        (Some(extent), _) => return Ok(Some(extent.partitions.clone())),
    };
    let meant = |extent: Option<Extent>| {
        let extent = extent.filter(|extent| extent.ordinals == built.ordinals);
        extent.map_or(PartitionSet::EVERYTHING, |extent| extent.partitions)
    };
    // A run that was found, or was asked for before the asset had partitions: what it wrote tells.
    let sql = "SELECT partitions FROM data_commit WHERE asset = ?1 AND intent = ?2";
    let of = params![asset.as_str(), ended.intent.id.0];
    let written = list(&ended.write.tx, "data_commit", sql, of, |cells| {
        cells.maybe_json()
    })?;
    Ok(Some(PartitionSet::union_of(written.into_iter().map(meant))))
}

/// Returns which partitions had content before a run: none where none is known of. Of a table that was there
/// before us nobody knows until its files are counted, and what the run built is no reason to think of the
/// others that they are not there.
fn built_before(intent: &Intent, known: &Build) -> Option<BuiltPartitions> {
    let first = intent.partitions.as_ref().map(|extent| BuiltPartitions {
        ordinals: Arc::clone(&extent.ordinals),
        built: PartitionSet::NOTHING,
        other_code: Vec::new(),
    });
    let first = first.filter(|_| !known.was_built());
    known.partitions.clone().or(first)
}

/// When the run had read all that its commit is made of: it commits after that. A run that wrote nothing
/// has read up to its end.
fn read_by(ended: &Ended<'_>, asset: &AssetKey) -> Result<DateTime<Utc>, Fault> {
    let sql = "SELECT max(committed_at) FROM data_commit
               WHERE asset = ?1 AND intent = ?2 AND committed_at >= ?3";
    let sent_at = ended.intent.first_sent_at.unwrap_or(ended.at);
    let of = params![asset.as_str(), ended.intent.id.0, micros(sent_at)];
    let own = first(&ended.write.tx, "data_commit", sql, of, |cells| {
        cells.maybe_instant()
    })?;
    Ok(own.flatten().unwrap_or(ended.at))
}

/// Tells whether a commit of the asset is known that a run of the intent made.
fn wrote(ended: &Ended<'_>, asset: &AssetKey) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM data_commit WHERE asset = ?1 AND intent = ?2 LIMIT 1";
    let of = params![asset.as_str(), ended.intent.id.0];
    let found = first(&ended.write.tx, "data_commit", sql, of, |_| Ok(()))?;
    Ok(found.is_some())
}

/// Tells whether somebody else wrote the asset after the attempt was sent, and nothing of the
/// intent came after that: then the content is theirs, and so is what it consumed.
fn is_overwritten(ended: &Ended<'_>, asset: &AssetKey, known: &Build) -> Result<bool, Fault> {
    let sent_at = ended.intent.first_sent_at;
    if !known.is_adopted || sent_at.is_none() || known.built_at < sent_at {
        return Ok(false);
    }
    let sql = "SELECT intent FROM data_commit WHERE asset = ?1 ORDER BY version DESC LIMIT 1";
    let asset = params![asset.as_str()];
    let newest: Option<Option<String>> =
        first(&ended.write.tx, "data_commit", sql, asset, |cells| {
            cells.take()
        })?;
    Ok(newest.flatten().as_ref() != Some(&ended.intent.id.0))
}

fn failed(ended: &Ended<'_>, to: IntentState, failure: (&str, &str)) -> Result<(), Fault> {
    let (code, message) = failure;
    let intent = ended.intent;
    ended.close_run(Some(failure))?;
    // Who tries nothing again on behalf of a run does not know whose it is. What fails for a backfill is its
    // own affair.
    let is_blameless = intent.is_found && intent.retry.attempts == 0 || intent.backfill.is_some();
    let blamed = if is_blameless {
        &[]
    } else {
        intent.assets.as_slice()
    };
    for asset in blamed {
        let mut build = build::one(&ended.write.tx, asset)?;
        build.failure = Some(Failure {
            intent: intent.id.clone(),
            attempts: intent.attempt,
            at: ended.at,
            code: code.to_owned(),
            message: message.to_owned(),
            inputs: intent.inputs.get(asset).cloned().unwrap_or_default(),
            code_version: intent.code_versions.get(asset).cloned(),
            partitions: failed_partitions(intent, &build),
        });
        build::replace(ended.write, asset, &build)?;
    }
    backfill::settle(ended.write, intent, false)?;
    ended.close(to, json!({ "code": code, "message": message }))
}

/// Closes the attempt as failed and writes down the next one.
fn retried(
    ended: &Ended<'_>,
    (code, message): (&str, &str),
    (token, not_before): (&str, DateTime<Utc>),
) -> Result<(), Fault> {
    let (id, attempt) = ended.attempt();
    let next = attempt.saturating_add(1);
    ended.close_run(Some((code, message)))?;
    ended.write.change(
        "UPDATE run SET state = 'failed' WHERE intent = ?1 AND attempt = ?2",
        params![id.0, attempt],
    )?;
    ended.write.change(
        "INSERT INTO run (intent, attempt, state, token, created_at, not_before)
         VALUES (?1, ?2, 'pending', ?3, ?4, ?5)",
        params![id.0, next, token, micros(ended.now), micros(not_before)],
    )?;
    ended.write.change(
        "UPDATE intent SET attempt = ?2 WHERE id = ?1",
        params![id.0, next],
    )?;
    let states = (ended.intent.state, IntentState::Pending);
    let detail = json!({ "code": code, "message": message, "not_before": not_before });
    attempt::advance(ended.write, (id, next), states, ended.now, detail)
}
