//! Whether the condition of an asset's automation holds now, and when it could by time alone.
//!
//! Everything is read off standing, build memory and `now`. No instant of a schedule is consumed
//! and no change is awaited as an event: what held once holds until something is built, also after
//! a night in which nobody looked.

use assets::condition::Condition;
use assets::schedule::{Freeze, Schedule};
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::input::PlanInput;
use super::patience::{SKEW, still_waits};
use super::position::needs_a_person;
use super::standing::{Standing, must_be_built};

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    /// It does not.
    No,
    /// It does not yet, and will when changes arrive that are on their way.
    Maybe,
    /// It does.
    Yes,
}

/// What was found of a condition.
#[derive(Debug)]
pub(super) struct Found<'c> {
    pub(super) truth: Truth,
    /// When it could hold by time alone, UTC.
    pub(super) until: Option<DateTime<Utc>>,
    /// What does not hold, from left to right.
    pub(super) unmet: Vec<&'c Condition>,
}

impl<'c> Found<'c> {
    fn leaf(condition: &'c Condition, truth: Truth, until: Option<DateTime<Utc>>) -> Self {
        let is_met = truth == Truth::Yes;
        Self {
            truth,
            until: until.filter(|_| !is_met),
            unmet: if is_met { Vec::new() } else { vec![condition] },
        }
    }

    fn any(parts: Vec<Self>) -> Self {
        let truth = parts.iter().map(|part| part.truth).max();
        let truth = truth.unwrap_or(Truth::No);
        let is_met = truth == Truth::Yes;
        let until = parts.iter().filter_map(|part| part.until).min();
        Self {
            truth,
            until: until.filter(|_| !is_met),
            unmet: if is_met { Vec::new() } else { unmet(parts) },
        }
    }

    fn all(parts: Vec<Self>) -> Self {
        let truth = parts.iter().map(|part| part.truth).min();
        // Time alone has to bring about each of those that do not hold.
        let open = parts.iter().filter(|part| part.truth != Truth::Yes);
        let until: Option<Vec<DateTime<Utc>>> = open.map(|part| part.until).collect();
        Self {
            truth: truth.unwrap_or(Truth::Yes),
            until: until.and_then(|until| until.into_iter().max()),
            unmet: unmet(parts),
        }
    }

    fn not(condition: &'c Condition, part: &Self) -> Self {
        let truth = match part.truth {
            Truth::No => Truth::Yes,
            Truth::Maybe => Truth::Maybe,
            Truth::Yes => Truth::No,
        };
        Self::leaf(condition, truth, None)
    }
}

fn unmet(parts: Vec<Found<'_>>) -> Vec<&Condition> {
    parts.into_iter().flat_map(|part| part.unmet).collect()
}

/// What the condition of one asset is judged by.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) input: &'a PlanInput<'a>,
    pub(super) index: AssetIndex,
    pub(super) standing: &'a Standing<'a>,
}

impl Facts<'_> {
    /// Finds out whether a condition holds. Files nest no deeper than their bound.
    pub(super) fn find<'c>(&self, condition: &'c Condition) -> Found<'c> {
        let standing = self.standing;
        let asset = self.input.graph.asset(self.index);
        let certain = |holds| if holds { Truth::Yes } else { Truth::No };
        match condition {
            Condition::Any(parts) => Found::any(self.each(parts)),
            Condition::All(parts) => Found::all(self.each(parts)),
            Condition::Not(part) => Found::not(condition, &self.find(part)),
            Condition::Changed(None) => {
                let truth = self.coming(!standing.behind.is_empty());
                Found::leaf(condition, truth, None)
            }
            Condition::Changed(Some(upstream)) => {
                let named = self.input.graph.index_of(upstream.as_str());
                let truth = self.coming(named.is_some_and(|named| self.has_changed(named)));
                Found::leaf(condition, truth, None)
            }
            Condition::AllChanged => {
                let mut inputs = self.input.graph.inputs(self.index).iter();
                let truth = self.coming(inputs.all(|input| self.is_behind(*input)));
                Found::leaf(condition, truth, None)
            }
            Condition::Missing => Found::leaf(condition, certain(standing.is_missing), None),
            Condition::CodeChanged => {
                let counts = standing.built_code.is_some() && must_be_built(asset, standing);
                Found::leaf(condition, certain(counts), None)
            }
            Condition::Cron(schedule) => {
                let truth = certain(self.has_come(schedule).is_some());
                Found::leaf(condition, truth, schedule.next(self.input.now))
            }
            Condition::Deadline { slack } => match self.latest_start(*slack) {
                Start::Now => Found::leaf(condition, Truth::Yes, None),
                Start::At(at) => Found::leaf(condition, Truth::No, Some(at)),
                Start::Never => Found::leaf(condition, Truth::No, None),
            },
            Condition::LagOver(lag) => {
                let since = standing.pending.map(|origin| origin.at);
                let until = since.and_then(|since| still_waits(since, *lag, self.input.now));
                let holds = since.is_some() && until.is_none();
                Found::leaf(condition, certain(holds), until)
            }
            Condition::Manual => Found::leaf(condition, Truth::No, None),
        }
    }

    fn each<'c>(&self, parts: &'c [Condition]) -> Vec<Found<'c>> {
        parts.iter().map(|part| self.find(part)).collect()
    }

    /// What changes bring about is not told to be out of reach while some are on their way.
    fn coming(&self, has_come: bool) -> Truth {
        match (has_come, self.standing.arriving) {
            (true, _) => Truth::Yes,
            (false, Some(_)) => Truth::Maybe,
            (false, None) => Truth::No,
        }
    }

    /// Of a view, whatever it shows counts.
    fn has_changed(&self, upstream: AssetIndex) -> bool {
        let graph = self.input.graph;
        if !graph.asset(upstream).kind.is_transparent() {
            return self.is_behind(upstream);
        }
        let mut shown = graph.inputs(upstream).iter();
        shown.any(|input| self.is_behind(*input))
    }

    fn is_behind(&self, input: AssetIndex) -> bool {
        let mut behind = self.standing.behind.iter();
        behind.any(|behind| behind.input == input)
    }

    /// The newest instant of a schedule, if it came after the last build was decided on.
    pub(super) fn has_come(&self, schedule: &Schedule) -> Option<DateTime<Utc>> {
        let newest = schedule.previous(self.input.now)?;
        let is_new = self.built_since().is_none_or(|built| built < newest);
        is_new.then_some(newest)
    }

    /// When the last build was decided on; of somebody else's, when it was committed; of an asset
    /// that never was built, when it was first looked at.
    fn built_since(&self) -> Option<DateTime<Utc>> {
        let build = self.standing.build.filter(|build| build.was_built());
        let built = build.and_then(|build| build.begun_at.or(build.built_at));
        let key = &self.input.graph.asset(self.index).key;
        let first_seen = || Some(self.input.memory.observations.get(key)?.since);
        // Nobody waits for the clock of another to come true.
        let since = built.or_else(first_seen)?;
        (since - self.input.now <= SKEW).then_some(since)
    }

    /// Since when the asset lacks something that a deadline asks for.
    fn lacking_since(&self) -> Option<Lacking> {
        let asset = self.input.graph.asset(self.index);
        if self.standing.is_missing {
            return Some(Lacking::Always);
        }
        if let Some(pending) = self.standing.pending {
            return Some(Lacking::Since(pending.at));
        }
        if must_be_built(asset, self.standing) {
            return Some(Lacking::Code);
        }
        // What reads nothing has to be built anew for each deadline.
        if self.input.graph.inputs(self.index).is_empty() {
            return Some(self.built_since().map_or(Lacking::Always, Lacking::Since));
        }
        None
    }

    /// When a build has to begin for its deadlines and `max_lag` to be met.
    fn latest_start(&self, slack: TimeDelta) -> Start {
        let now = self.input.now;
        let freshness = &self.input.graph.asset(self.index).freshness;
        let Some(lacking) = self.lacking_since() else {
            return Start::Never;
        };
        // Without a run that could be gone by, a deadline might pass: the first one begins at once.
        let Some(lead) = self.standing.lead else {
            return Start::Now;
        };
        let lead = lead.checked_add(&slack).unwrap_or(TimeDelta::MAX);
        let mut ends = Vec::new();
        for deadline in &freshness.deadlines {
            let within = |since: DateTime<Utc>| since.checked_add_signed(deadline.max_lag);
            let asked_after = match lacking {
                Lacking::Since(since) => within(since).unwrap_or(DateTime::<Utc>::MAX_UTC),
                Lacking::Always => DateTime::<Utc>::MIN_UTC,
                Lacking::Code => now,
            };
            let last = deadline.schedule.previous(now);
            if last.is_some_and(|last| asked_after < last) {
                return Start::Now;
            }
            ends.extend(deadline.schedule.next(asked_after.max(now)));
        }
        if let Some(max_lag) = freshness.max_lag {
            match lacking {
                Lacking::Since(since) => ends.extend(since.checked_add_signed(max_lag.limit)),
                Lacking::Always => return Start::Now,
                Lacking::Code if freshness.deadlines.is_empty() => return Start::Now,
                Lacking::Code => {}
            }
        }
        let Some(end) = ends.into_iter().min() else {
            return Start::Never;
        };
        match end.checked_sub_signed(lead) {
            Some(start) if start > now => Start::At(start),
            Some(_) | None => Start::Now,
        }
    }
}

/// What an asset lacks that a deadline asks for.
#[derive(Clone, Copy)]
enum Lacking {
    /// A change of this instant.
    Since(DateTime<Utc>),
    /// Everything.
    Always,
    /// No data, but it was built with other code: that is for the next deadline.
    Code,
}

/// When a build has to begin.
enum Start {
    /// It has to have begun.
    Now,
    /// Then.
    At(DateTime<Utc>),
    /// Nothing asks for it.
    Never,
}

/// Returns whether an asset is built without a person's help as soon as it can be: neither its
/// schedule nor its hours nor a freeze keep it. Who reads it waits for such an asset only.
pub(super) fn is_coming(input: &PlanInput<'_>, index: AssetIndex, standing: &Standing<'_>) -> bool {
    let asset = input.graph.asset(index);
    if !asset.is_built_here() || !asset.automation.is_automatic() {
        return false;
    }
    // What is under way is not called back.
    if standing.intent.is_some() {
        return true;
    }
    if needs_a_person(input, index, standing) {
        return false;
    }
    let window = asset.automation.pacing().window.as_ref();
    let facts = Facts {
        input,
        index,
        standing,
    };
    window.is_none_or(|window| window.contains(input.now))
        && frozen(input, index).is_none()
        && facts.find(&asset.automation.condition()).truth != Truth::No
}

/// Returns whether an asset that reads nothing is built again and again all the same: there is
/// nothing that it could be compared with, so that its schedule or its deadlines alone decide.
pub(super) fn is_repeated(input: &PlanInput<'_>, index: AssetIndex) -> bool {
    let asset = input.graph.asset(index);
    let by_time =
        |leaf: &&Condition| matches!(leaf, Condition::Cron(_) | Condition::Deadline { .. });
    asset.is_built_here()
        && input.graph.inputs(index).is_empty()
        && asset.automation.condition().leaves().iter().any(by_time)
}

/// Returns the freeze that holds for an asset now; the one that ends last, of several.
pub(super) fn frozen<'a>(input: &PlanInput<'a>, index: AssetIndex) -> Option<&'a Freeze> {
    let holding = input
        .freezes
        .iter()
        .filter(|frozen| frozen.freeze.holds(input.now) && frozen.assets.contains(&index));
    holding
        .map(|frozen| &frozen.freeze)
        .max_by_key(|freeze| freeze.to)
}
