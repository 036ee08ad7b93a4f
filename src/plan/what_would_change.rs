//! What would change a verdict, in the words of [`WouldChange`]: the next thing to look out for, or to do.
//!
//! It follows from the reason that decided, and never repeats it: a reason says what is, this says what would
//! have to come. Of an asset that nothing is to be done for it is what would make it stale or late.

use assets::{Asset, AssetKey, TableVersion};
use chrono::{DateTime, Utc};
use lineage::AssetIndex;

use super::decision::{Action, Decision};
use super::forecast::Forecast;
use super::gates::speaking_against;
use super::health::{AssetHealth, Health};
use super::input::PlanInput;
use super::reason::Reason;
use super::recovery::is_still_behind;
use super::snapshot::Disagreement;
use super::standing::{Standing, is_built_by_itself};
use super::turning::WouldChange;

/// Returns what would change the verdict on an asset, the nearest first. Decisions, standings and healths are
/// those of one input.
pub fn what_would_change(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    (decisions, healths): (&[Decision], &[AssetHealth]),
    index: AssetIndex,
) -> Vec<WouldChange> {
    let told = Told {
        input,
        standings,
        decisions,
        healths,
    };
    told.of(index)
}

/// Everything that is known of one moment.
struct Told<'a> {
    input: &'a PlanInput<'a>,
    standings: &'a [Standing<'a>],
    decisions: &'a [Decision],
    healths: &'a [AssetHealth],
}

impl Told<'_> {
    fn of(&self, index: AssetIndex) -> Vec<WouldChange> {
        let mut found = Vec::new();
        let position = index.position();
        if let Some(decision) = self.decisions.get(position) {
            match (decision.reasons.first(), decision.action) {
                (Some(_), Action::Run) => found.push(WouldChange::Command {
                    command: "headwater reconcile".to_owned(),
                }),
                (Some(reason), Action::Wait | Action::Hold | Action::None) => {
                    found.extend(self.of_reason(index, reason));
                }
                (None, _) => {}
            }
            let until = decision.until.map(|at| WouldChange::Time { at });
            found.extend(until.filter(|until| !found.contains(until)));
        }
        if let Some(health) = self.healths.get(position) {
            found.extend(self.of_health(index, health));
        }
        if found.is_empty() {
            found = self.commits(index);
        }
        let mut told: Vec<WouldChange> = Vec::new();
        for change in found {
            if !told.contains(&change) {
                told.push(change);
            }
        }
        told
    }

    /// What would end what a reason says.
    fn of_reason(&self, index: AssetIndex, reason: &Reason) -> Vec<WouldChange> {
        let key = self.key(index);
        let at = |at: DateTime<Utc>| vec![WouldChange::Time { at }];
        let command = |command: String| vec![WouldChange::Command { command }];
        match reason {
            // Why something is built: it is, by the next pass.
            Reason::UpstreamChanged { .. }
            | Reason::UpstreamRecreated { .. }
            | Reason::FullRefresh { .. }
            | Reason::Missing { .. }
            | Reason::MissingPartitions { .. }
            | Reason::CodeChanged { .. }
            | Reason::Scheduled { .. }
            | Reason::OlderCut { .. } => command("headwater reconcile".to_owned()),
            Reason::Degraded { upstreams } => self.recoveries(upstreams),
            Reason::PositionBroken { .. } | Reason::OutdatedCode { .. } => {
                command(format!("headwater reconcile --full-refresh {key}"))
            }
            Reason::Manual => command(format!("headwater backfill create {key} --all")),
            Reason::BeyondLookback { first, last, .. } => command(format!(
                "headwater backfill create {key} --from {first} --to {last}"
            )),
            Reason::UpstreamStale { upstream, cut, .. } => vec![WouldChange::Incorporates {
                asset: upstream.clone(),
                cut: *cut,
                at: self.expected(upstream),
            }],
            Reason::UpstreamNotDue { upstream, .. } => vec![self.built(upstream)],
            Reason::ViewStale { view } => vec![self.built(view)],
            Reason::UpstreamNotAutomatic { upstream, .. } => vec![self.commit_to(upstream)],
            Reason::UpstreamMissing { upstream } => self.comes_to_be(upstream),
            Reason::UpstreamUnknown { upstream, .. } => observed(upstream),
            Reason::Unknown { .. } => observed(key),
            Reason::UpstreamFailed { upstream, .. } => self.end_of_quarantine(upstream),
            Reason::UpstreamHeld { upstream, .. } => self.end_of_hold(upstream),
            Reason::Quarantined { .. } => self.end_of_quarantine(key),
            Reason::CheckFailed(failed) => vec![WouldChange::CheckPasses {
                asset: failed.upstream.clone(),
                check: failed.check.clone(),
                after: failed.version.clone(),
            }],
            Reason::CheckPending {
                upstream,
                check,
                version,
            } => vec![WouldChange::CheckJudged {
                asset: upstream.clone(),
                check: check.clone(),
                version: version.clone(),
            }],
            Reason::InFlight {
                intent,
                attempt,
                run_id,
                not_before,
                ..
            } => vec![WouldChange::RunEnds {
                intent: intent.clone(),
                attempt: *attempt,
                run_id: *run_id,
                not_before: *not_before,
                at: self.expected(key),
            }],
            Reason::Settling { until, .. }
            | Reason::TooSoon { until, .. }
            | Reason::Tolerated { until, .. }
            | Reason::Frozen { until, .. } => at(*until),
            Reason::NotAllChanged { unchanged } => {
                unchanged.iter().map(|of| self.commit_to(of)).collect()
            }
            Reason::NotDue { waits_for, until } => {
                let condition = WouldChange::Condition {
                    waits_for: waits_for.clone(),
                };
                let by_time = until.map(|at| WouldChange::Time { at });
                std::iter::once(condition).chain(by_time).collect()
            }
            Reason::OutsideWindow { until, .. } => until.map(at).unwrap_or_default(),
            Reason::NotBuiltHere => vec![self.commit_to(key)],
            Reason::InBackfill {
                backfill,
                is_paused,
            } => {
                if *is_paused {
                    command(format!("headwater backfill resume {backfill}"))
                } else {
                    let backfill = backfill.clone();
                    vec![WouldChange::BackfillEnds { backfill }]
                }
            }
            Reason::AppendsAgain => {
                command(format!("headwater backfill create {key} --all --force"))
            }
            Reason::Limit { limit, .. } => vec![WouldChange::Room {
                limit: limit.clone(),
            }],
            Reason::Budget { until, .. } => at(*until),
            Reason::MassChange { .. } => {
                command("headwater reconcile --allow-mass-change".to_owned())
            }
            Reason::Searching { until, .. } => vec![WouldChange::RunsFound { until: *until }],
            Reason::NoAgreeingCut { roots } => {
                let of = |root: &Disagreement| WouldChange::Agreement {
                    root: root.root.clone(),
                    inputs: root.shown.iter().map(|shown| shown.input.clone()).collect(),
                };
                if roots.is_empty() {
                    self.commits_to_inputs(index)
                } else {
                    roots.iter().map(of).collect()
                }
            }
        }
    }

    /// What would change how an asset is, whatever is decided about it.
    fn of_health(&self, index: AssetIndex, health: &AssetHealth) -> Vec<WouldChange> {
        let asset = self.input.graph.asset(index);
        let mut found = Vec::new();
        match health.health {
            Health::Fresh => found.extend(self.ends_of_freshness(index, asset)),
            Health::Degraded => {
                let build = self.input.memory.builds.get(&asset.key);
                found.extend(
                    build
                        .map(|build| self.recoveries(&build.degraded_by))
                        .into_iter()
                        .flatten(),
                );
            }
            Health::Unknown => found.extend(self.ends_of_blindness(index)),
            Health::Failing => found.extend(self.passing_checks(index, asset)),
            Health::Overdue | Health::AtRisk | Health::Stale | Health::Updating => {}
        }
        found.extend(self.breaches(asset, health));
        found
    }

    /// What would make an asset stale that is fresh.
    fn ends_of_freshness(&self, index: AssetIndex, asset: &Asset) -> Vec<WouldChange> {
        let mut found = self.commits(index);
        if let Some(current) = asset.code_version.clone().filter(|_| asset.is_built_here()) {
            let asset = asset.key.clone();
            found.push(WouldChange::Code { asset, current });
        }
        let condition = asset.automation.condition();
        let is_alone = self.input.graph.inputs(index).is_empty() && asset.is_built_here();
        let next = condition
            .schedules()
            .filter_map(|of| of.next(self.input.now));
        found.extend(
            next.min()
                .filter(|_| is_alone)
                .map(|at| WouldChange::Time { at }),
        );
        found
    }

    /// When a bound on freshness is passed, if nothing comes before: the nearest one.
    fn breaches(&self, asset: &Asset, health: &AssetHealth) -> Option<WouldChange> {
        let freshness = &asset.freshness;
        let bounds = [
            ("max_lag", freshness.max_lag, health.stale_since),
            ("max_age", freshness.max_age, health.data_changed_at),
            (
                "max_event_lag",
                freshness.max_event_lag,
                health.event_watermark.as_ref().ok().copied(),
            ),
        ];
        let limits = bounds.into_iter().filter_map(|(bound, limit, since)| {
            let at = since?.checked_add_signed(limit?.limit)?;
            Some((at, bound.to_owned()))
        });
        let next = health.deadline.and_then(|deadline| deadline.next);
        let next = next.filter(|due| {
            let since = health.stale_since;
            since.is_some_and(|since| since < due.asked_before())
        });
        let ends = limits.chain(next.map(|due| (due.at, "deadline".to_owned())));
        let ahead = ends.filter(|(at, _)| *at >= self.input.now);
        let (at, bound) = ahead.min()?;
        Some(WouldChange::Breach { bound, at })
    }

    /// What would let an asset be seen.
    fn ends_of_blindness(&self, index: AssetIndex) -> Vec<WouldChange> {
        let Some(standing) = self.standings.get(index.position()) else {
            return Vec::new();
        };
        if let Some(blind) = standing.blind_spot {
            return observed(self.key(blind));
        }
        let gone = standing.vacancy.map(|gone| self.key(gone));
        gone.map(|gone| self.comes_to_be(gone)).unwrap_or_default()
    }

    fn recoveries(&self, upstreams: &[AssetKey]) -> Vec<WouldChange> {
        let behind = upstreams.iter();
        let behind = behind.filter(|of| is_still_behind(self.input, self.standings, of));
        let recovery = |of: &AssetKey| WouldChange::Incorporates {
            asset: of.clone(),
            cut: None,
            at: self.expected(of),
        };
        behind.map(recovery).collect()
    }

    /// What would end the hold of an input: what holds it, followed upstream.
    fn end_of_hold(&self, upstream: &AssetKey) -> Vec<WouldChange> {
        let mut at = upstream;
        // Ever farther upstream, where there are no circles.
        while let Some((index, reason)) = self.deciding(at) {
            let Reason::UpstreamHeld { upstream, .. } = reason else {
                return self.of_reason(index, reason);
            };
            at = upstream;
        }
        Vec::new()
    }

    fn deciding(&self, key: &AssetKey) -> Option<(AssetIndex, &Reason)> {
        let index = self.input.graph.index_of(key.as_str())?;
        let decision = self.decisions.get(index.position())?;
        Some((index, decision.reasons.first()?))
    }

    /// A person, other code, or a change of what it reads.
    fn end_of_quarantine(&self, key: &AssetKey) -> Vec<WouldChange> {
        let mut found = vec![WouldChange::Command {
            command: format!("headwater runs retry {key}"),
        }];
        let Some(index) = self.input.graph.index_of(key.as_str()) else {
            return found;
        };
        if let Some(current) = self.input.graph.asset(index).code_version.clone() {
            let asset = key.clone();
            found.push(WouldChange::Code { asset, current });
        }
        found.extend(self.commits_to_inputs(index));
        found
    }

    /// What brings something new: a change of an input, or of the asset itself where it has none.
    fn commits(&self, index: AssetIndex) -> Vec<WouldChange> {
        let found = self.commits_to_inputs(index);
        let asset = self.input.graph.asset(index);
        if found.is_empty() && !asset.is_built_here() {
            return vec![self.commit_to(&asset.key)];
        }
        found
    }

    /// Versions that pass the checks which the newest one failed.
    fn passing_checks(&self, index: AssetIndex, asset: &Asset) -> Vec<WouldChange> {
        let Some(standing) = self.standings.get(index.position()) else {
            return Vec::new();
        };
        let against = speaking_against(self.input, index, standing).into_iter();
        let failed = against.filter(|(holds, _, _)| *holds);
        let passes = failed.map(|(_, check, result)| WouldChange::CheckPasses {
            asset: asset.key.clone(),
            check: check.name.to_string(),
            after: result.version.clone(),
        });
        passes.collect()
    }

    fn commits_to_inputs(&self, index: AssetIndex) -> Vec<WouldChange> {
        let inputs = self.input.graph.inputs(index).iter();
        inputs
            .map(|input| self.commit_to(self.key(*input)))
            .collect()
    }

    fn commit_to(&self, key: &AssetKey) -> WouldChange {
        WouldChange::Commit {
            asset: key.clone(),
            after: self.newest(key),
        }
    }

    fn newest(&self, key: &AssetKey) -> Option<TableVersion> {
        let commits = self.input.memory.commits.get(key)?;
        commits.last().map(|commit| commit.version.clone())
    }

    fn built(&self, key: &AssetKey) -> WouldChange {
        let index = self.input.graph.index_of(key.as_str());
        let decision = index.and_then(|index| self.decisions.get(index.position()));
        WouldChange::Built {
            asset: key.clone(),
            not_before: decision.and_then(|decision| decision.until),
            at: self.expected(key),
        }
    }

    /// What has no table gets one by a run, or by whoever writes it.
    fn comes_to_be(&self, key: &AssetKey) -> Vec<WouldChange> {
        let index = self.input.graph.index_of(key.as_str());
        let is_built = index.is_some_and(|of| is_built_by_itself(self.input.graph.asset(of)));
        if is_built {
            return vec![self.built(key)];
        }
        let asset = key.clone();
        vec![WouldChange::Exists { asset }]
    }

    /// When an asset will usually be clean.
    fn expected(&self, key: &AssetKey) -> Option<DateTime<Utc>> {
        let index = self.input.graph.index_of(key.as_str())?;
        match self.healths.get(index.position())?.forecast {
            Forecast::At(expected) => Some(expected.usual),
            Forecast::Clean | Forecast::Unknown | Forecast::Held => None,
        }
    }

    fn key(&self, index: AssetIndex) -> &AssetKey {
        &self.input.graph.asset(index).key
    }
}

fn observed(key: &AssetKey) -> Vec<WouldChange> {
    let asset = key.clone();
    vec![WouldChange::Observed { asset }]
}
