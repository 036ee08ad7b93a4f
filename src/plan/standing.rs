//! How each asset stands against its inputs: facts, before any policy.
//!
//! | what is found | makes the asset |
//! |---|---|
//! | no table, or a task whose view never was | missing |
//! | an input's data version is greater than the one consumed | behind that input |
//! | an input is another incarnation than the one consumed | behind that input |
//! | the code differs from the code it was built with | outdated, if its policy rebuilds |
//! | an input is itself behind | transitively behind, with the input's oldest change |
//! | the table cannot be observed | unknown: neither fresh nor stale |
//! | nobody here builds what is gone | unknown, and so is what reads it and lacks nothing else |
//!
//! Only consumption and heads are compared, never times: no event can be missed.

use std::sync::Arc;

use assets::Asset;
use assets::partition::PartitionSet;
use assets::policy::{CodeChanges, Consistency};
use assets::version::{CodeVersion, Origin, TableVersion};
use chrono::{DateTime, TimeDelta, Utc};
use lineage::AssetIndex;

use super::due::is_coming;
use super::input::PlanInput;
use super::known::{Ascending, Known};
use super::parts::{Edge, Incorporated, Parts, edge};
use super::position::{self, BrokenPosition};
use super::provenance::provenances;
use super::snapshot::{Agreement, agreement};
use crate::state::{
    Basis, Build, Consumed, DataCommit, Intent, Observation, ObservedState, Provenance,
};

/// How one asset stands.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// What is known of its own table.
    pub table: TableState<'a>,
    /// The inputs that have changes which the asset has not incorporated, in key order.
    pub behind: Vec<Behind<'a>>,
    /// Whether it should exist and does not.
    pub is_missing: bool,
    /// The code it was built with, where that differs from today's.
    pub built_code: Option<&'a CodeVersion>,
    /// The oldest source change that it does not show, its inputs' included.
    pub pending: Option<Origin>,
    /// The oldest of those that will arrive without anybody's help: what waits for a person, for a
    /// schedule or its hours, or for a builder that nobody here knows, is left out.
    pub arriving: Option<Origin>,
    /// The nearest asset that cannot be observed, on any path from a root, itself included.
    pub blind_spot: Option<AssetIndex>,
    /// The nearest asset whose table does not exist and that nobody here builds, on any path from a root,
    /// itself included: what it would hold, nobody can say.
    pub vacancy: Option<AssetIndex>,
    /// An asset upstream of it that has to be built itself, because it is missing or its code
    /// changed: what this one holds will not stay.
    pub unbuilt: Option<AssetIndex>,
    /// Whether it is built without anybody's help as soon as it can be, now that it has changes.
    pub is_coming: bool,
    /// How long it may take until it is clean once it begins, by late runs, with what has to be
    /// built before it; absent where nobody knows, and where nothing is to be built.
    pub lead: Option<TimeDelta>,
    /// A view that it reads through and that has to be built first.
    pub stale_view: Option<AssetIndex>,
    /// What is known of its last build.
    pub build: Option<&'a Build>,
    /// The intent that is open for it; one of a backfill only where it builds the whole of it.
    pub intent: Option<&'a Intent>,
    /// How its partitions stand, of an asset that is built by them.
    pub parts: Option<Box<Parts>>,
    /// What was last seen of its table.
    pub observation: Option<&'a Observation>,
    /// Positions in change feeds after which something is gone, in key order of the inputs.
    pub broken: Vec<BrokenPosition<'a>>,
    /// Feeds that begin later than right after the position: what is left out changed no data.
    pub beginnings: Vec<(AssetIndex, u64)>,
    /// What its newest version incorporates of the roots, if something under `snapshot` depends on it.
    pub provenance: Option<Arc<Provenance>>,
    /// Which versions may be read together, of an asset under `snapshot` that is built here.
    pub agreement: Option<Box<Agreement>>,
}

/// What is known of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TableState<'a> {
    /// The asset has no table of its own: a view, an ephemeral model, an exposure.
    None,
    /// Nobody has looked yet.
    NotObserved,
    /// There is no such table (any more).
    Absent,
    /// It could not be observed; with the reason.
    Unknown(&'a str),
    /// It was read: its data version and when that was committed, if it has data.
    Known(Option<(&'a TableVersion, DateTime<Utc>)>),
}

/// One input with changes that the asset has not incorporated.
#[derive(Debug, Clone)]
pub struct Behind<'a> {
    /// The input.
    pub input: AssetIndex,
    /// What the asset's content incorporates of it.
    pub consumed: Option<&'a TableVersion>,
    /// How that is known.
    pub basis: Option<Basis>,
    /// The least version that any part incorporates which lacks something: its position, of a change feed.
    pub position: Option<&'a TableVersion>,
    /// The first version that is not incorporated.
    pub first: &'a TableVersion,
    /// The input's data version now.
    pub current: &'a TableVersion,
    /// The oldest source change among the commits that are not incorporated.
    pub origin: Option<Origin>,
    /// Commit times of the first and the last commit that is not incorporated, UTC.
    pub between: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The partitions that lack something of it; absent for an asset that is built as a whole.
    pub partitions: Option<PartitionSet>,
}

impl Standing<'_> {
    /// How an asset stands of which nothing is to be looked at: see [`standings_among`].
    const AT_REST: Self = Self {
        table: TableState::Known(None),
        behind: Vec::new(),
        is_missing: false,
        built_code: None,
        pending: None,
        arriving: None,
        blind_spot: None,
        vacancy: None,
        unbuilt: None,
        is_coming: false,
        lead: None,
        stale_view: None,
        build: None,
        intent: None,
        parts: None,
        observation: None,
        broken: Vec::new(),
        beginnings: Vec::new(),
        provenance: None,
        agreement: None,
    };

    /// Returns whether nothing follows from how it stands, for it or for what reads it, whatever time
    /// it is: its table is there, it shows all that there is, and nothing is under way.
    pub fn is_at_rest(&self) -> bool {
        !self.is_stale()
            && self.pending.is_none()
            && self.arriving.is_none()
            && self.blind_spot.is_none()
            && self.vacancy.is_none()
            && self.unbuilt.is_none()
            && self.stale_view.is_none()
            && self.intent.is_none()
            && self.parts.is_none()
            && self.broken.is_empty()
            && self.beginnings.is_empty()
            && !self
                .build
                .is_some_and(|build| build.cut.is_some() || !build.degraded_by.is_empty())
            && !self
                .agreement
                .as_ref()
                .is_some_and(|agreement| agreement.is_news)
            && matches!(self.table, TableState::Known(_) | TableState::None)
    }

    /// Returns whether it is stale by itself, not only through its inputs.
    pub fn is_stale(&self) -> bool {
        self.is_missing || self.built_code.is_some() || !self.behind.is_empty()
    }

    /// Returns the data version of its table, where it was read and has one.
    pub fn data_version(&self) -> Option<&TableVersion> {
        match self.table {
            TableState::Known(data) => data.map(|(version, _)| version),
            TableState::None
            | TableState::NotObserved
            | TableState::Absent
            | TableState::Unknown(_) => None,
        }
    }
}

/// Returns how every asset stands, by its position in the graph.
pub fn standings<'a>(input: &PlanInput<'a>) -> Vec<Standing<'a>> {
    let known = Known::of(input);
    let standings: Vec<Standing<'a>> = input
        .graph
        .indices()
        .map(|index| own_facts(input, &known, index))
        .collect();
    compared(input, &known, standings, input.graph.topological_order())
}

/// Returns the same where only the assets of `attended`, inputs first, may not be
/// [at rest](Standing::is_at_rest); of the others nothing is told but that.
///
/// It takes time for the former only, for who decides again and again while little changes.
pub fn standings_among<'a>(input: &PlanInput<'a>, attended: &[AssetIndex]) -> Vec<Standing<'a>> {
    let known = Known::among(input, attended);
    let mut standings = vec![Standing::AT_REST; input.graph.len()];
    for &index in attended {
        if let Some(standing) = standings.get_mut(index.position()) {
            *standing = own_facts(input, &known, index);
        }
    }
    compared(input, &known, standings, attended)
}

/// Completes how these assets stand, inputs first, by comparing them with what they read.
fn compared<'a>(
    input: &PlanInput<'a>,
    known: &Known<'a>,
    mut standings: Vec<Standing<'a>>,
    order: &[AssetIndex],
) -> Vec<Standing<'a>> {
    for &index in order {
        let against = against_inputs(input, known, &standings, index);
        let stale_view = stale_view(input, &standings, index);
        let lead = lead(input, &standings, index, &against);
        if let Some(standing) = standings.get_mut(index.position()) {
            standing.behind = against.behind;
            standing.pending = against.pending;
            standing.arriving = against.arriving;
            standing.blind_spot = against.blind_spot;
            standing.vacancy = against.vacancy;
            standing.unbuilt = against.unbuilt;
            standing.parts = against.parts;
            standing.stale_view = stale_view;
            standing.lead = lead;
            let asset = input.graph.asset(index);
            // What has no content yet is built from the whole of its inputs.
            if !standing.is_missing || standing.parts.is_some() {
                let key_of = |of: AssetIndex| &input.graph.asset(of).key;
                let seen = |of: AssetIndex| known.observation(of);
                (standing.broken, standing.beginnings) =
                    position::feeds(asset, &standing.behind, seen, key_of);
            }
            standing.is_coming = (standing.arriving.is_some() || must_be_built(asset, standing))
                && is_coming(input, index, standing);
            standing.arriving = standing.arriving.filter(|_| standing.is_coming);
            if let Some(parts) = standing.parts.as_mut().filter(|_| !standing.is_coming) {
                parts.arriving.clear();
            }
        }
    }
    let found = provenances(input, known, &standings);
    for (standing, provenance) in standings.iter_mut().zip(found) {
        standing.provenance = provenance;
    }
    let is_chosen = |index: &AssetIndex| {
        let asset = input.graph.asset(*index);
        asset.consistency == Consistency::Snapshot && asset.is_built_here()
    };
    let chosen = order.iter().copied().filter(is_chosen);
    let agreements: Vec<(AssetIndex, Agreement)> = chosen
        .map(|index| (index, agreement(input, known, &standings, index)))
        .collect();
    for (index, agreement) in agreements {
        if let Some(standing) = standings.get_mut(index.position()) {
            standing.agreement = Some(Box::new(agreement));
        }
    }
    standings
}

/// What is known of the asset itself, its inputs aside.
fn own_facts<'a>(input: &PlanInput<'a>, known: &Known<'a>, index: AssetIndex) -> Standing<'a> {
    let asset = input.graph.asset(index);
    let build = known.build(index);
    let table = table_state(known, asset, index);
    let mut parts = Parts::of(asset, table, build, input.now).map(Box::new);
    if let (Some(parts), Some(asked)) = (&mut parts, position::asked(input, index)) {
        let definition = asset.planned_partitions();
        let ordinals = definition.map(assets::partition::Partitions::ordinals_id);
        let remaining = asked.remaining_of(&ordinals.unwrap_or_default(), &parts.existing);
        parts.stale = parts.stale.union(&remaining);
    }
    let (is_missing, built_code) = match &parts {
        None => (is_missing(asset, table, build), outdated_code(asset, build)),
        Some(parts) => (
            !parts.missing.difference(&parts.dormant).is_empty(),
            build
                .filter(|_| !parts.outdated.difference(&parts.dormant).is_empty())
                .and_then(other_code(asset)),
        ),
    };
    Standing {
        table,
        behind: Vec::new(),
        is_missing,
        built_code,
        pending: None,
        arriving: None,
        blind_spot: None,
        vacancy: None,
        unbuilt: None,
        is_coming: false,
        lead: None,
        stale_view: None,
        build,
        intent: known.intent(index),
        parts,
        observation: known.observation(index),
        broken: Vec::new(),
        beginnings: Vec::new(),
        provenance: None,
        agreement: None,
    }
}

/// A code that is not today's, of those that partitions were built with.
fn other_code<'a>(asset: &Asset) -> impl Fn(&'a Build) -> Option<&'a CodeVersion> {
    let current = asset.code_version.clone();
    move |build| {
        let parts = build.partitions.iter().flat_map(|parts| &parts.other_code);
        let others = parts.map(|(code, _)| code.as_ref());
        let mut codes = std::iter::once(build.code_version.as_ref())
            .chain(others)
            .flatten();
        codes.find(|code| Some(*code) != current.as_ref())
    }
}

fn table_state<'a>(known: &Known<'a>, asset: &Asset, index: AssetIndex) -> TableState<'a> {
    let Some(observation) = known.observation(index) else {
        return if asset.kind.has_table() {
            TableState::NotObserved
        } else {
            TableState::None
        };
    };
    match &observation.state {
        ObservedState::Ok if !asset.kind.has_table() => TableState::None,
        ObservedState::Ok => TableState::Known(newest_data(known, index)),
        ObservedState::Absent | ObservedState::Gone => TableState::Absent,
        ObservedState::Unknown { reason, .. } => TableState::Unknown(reason),
    }
}

/// The newest commit that changed data. Commits are the one truth about data versions: a gap in
/// the log is recorded as a commit too.
fn newest_data<'a>(
    known: &Known<'a>,
    index: AssetIndex,
) -> Option<(&'a TableVersion, DateTime<Utc>)> {
    let newest = known.commits(index).last()?;
    Some((&newest.version, newest.committed_at))
}

fn is_missing(asset: &Asset, table: TableState<'_>, build: Option<&Build>) -> bool {
    match table {
        TableState::Absent => asset.is_built_here(),
        // Nothing tells that a view exists; it is taken to, until the catalog denies it.
        TableState::None | TableState::NotObserved | TableState::Unknown(_) => false,
        // A table that was there before us and is to be treated as never built.
        TableState::Known(_) => asset.is_built_here() && !build.is_some_and(Build::was_built),
    }
}

fn outdated_code<'a>(asset: &Asset, build: Option<&'a Build>) -> Option<&'a CodeVersion> {
    if asset.code_changes == CodeChanges::Ignore || !asset.is_built_here() {
        return None;
    }
    let current = asset.code_version.as_ref()?;
    let built = build?.code_version.as_ref()?;
    (built != current).then_some(built)
}

/// Returns whether the asset has to be built whatever its inputs hold: it is missing, or its code
/// changed and its policy rebuilds.
pub(super) fn must_be_built(asset: &Asset, standing: &Standing<'_>) -> bool {
    let is_outdated = standing.built_code.is_some() && asset.code_changes == CodeChanges::Rebuild;
    standing.is_missing || is_outdated
}

/// Returns whether the asset is built here, and without a person asking for it.
pub(super) fn is_built_by_itself(asset: &Asset) -> bool {
    asset.is_built_here() && asset.automation.is_automatic()
}

/// How long it may take until an asset is clean: a late run of its own, after those of its inputs
/// that come first.
fn lead(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    index: AssetIndex,
    against: &AgainstInputs<'_>,
) -> Option<TimeDelta> {
    let asset = input.graph.asset(index);
    let is_repeated = input.graph.inputs(index).is_empty() && asset.automation.needs_forecast();
    let own = standings.get(index.position())?;
    if against.pending.is_none() && !must_be_built(asset, own) && !is_repeated {
        return None;
    }
    let mut before = TimeDelta::zero();
    for upstream in input.graph.inputs(index) {
        let standing = standings.get(upstream.position())?;
        if standing.is_coming {
            before = before.max(standing.lead?);
        }
    }
    let own = if asset.is_built_here() {
        input.memory.run_times.get(&asset.key)?.late()?
    } else {
        TimeDelta::zero()
    };
    before.checked_add(&own)
}

/// What a comparison with all inputs found.
struct AgainstInputs<'a> {
    behind: Vec<Behind<'a>>,
    pending: Option<Origin>,
    arriving: Option<Origin>,
    blind_spot: Option<AssetIndex>,
    vacancy: Option<AssetIndex>,
    unbuilt: Option<AssetIndex>,
    parts: Option<Box<Parts>>,
}

/// Compares an asset with its inputs, whose standings are complete already.
fn against_inputs<'a>(
    input: &PlanInput<'a>,
    known: &Known<'a>,
    standings: &[Standing<'a>],
    index: AssetIndex,
) -> AgainstInputs<'a> {
    let asset = input.graph.asset(index);
    let own = standings.get(index.position());
    let never_built = own.is_some_and(|own| own.is_missing);
    let mut blind_spot = own
        .filter(|own| matches!(own.table, TableState::Unknown(_) | TableState::NotObserved))
        .map(|_| index);
    let mut vacancy = own
        .filter(|own| own.table == TableState::Absent && !asset.is_built_here())
        .map(|_| index);
    let consumption = known.consumption(index);
    let mut consumed_by_input = consumption.map(Ascending::over);
    // Nobody knows what an asset consumed whose builder we do not know and that was never adopted.
    // What was built here when it had no inputs yet consumed none of those it has now.
    let is_built = own.is_some_and(|own| own.build.is_some_and(Build::was_built));
    let is_tracked = never_built || consumption.is_some() || is_built && asset.is_built_here();
    let mut behind = Vec::new();
    let mut pending: Option<Origin> = None;
    let mut arriving: Option<Origin> = None;
    let mut unbuilt: Option<AssetIndex> = None;
    let mut parts = own.and_then(|own| own.parts.clone());
    for &upstream in input.graph.inputs(index) {
        let Some(standing) = standings.get(upstream.position()) else {
            continue;
        };
        blind_spot = blind_spot.or(standing.blind_spot);
        vacancy = vacancy.or(standing.vacancy);
        let is_unbuilt = must_be_built(input.graph.asset(upstream), standing);
        unbuilt = unbuilt.or(if is_unbuilt {
            Some(upstream)
        } else {
            standing.unbuilt
        });
        pending = oldest(pending, standing.pending);
        arriving = oldest(arriving, standing.arriving);
        // A view or an exposure shows what its inputs hold at this moment: it is never behind.
        if !is_tracked || !asset.kind.has_table() {
            continue;
        }
        let upstream_key = &input.graph.asset(upstream).key;
        // Inputs come in key order.
        let consumed = consumed_by_input.as_mut();
        let consumed = consumed.and_then(|consumed| consumed.seek(upstream_key));
        if consumed.is_some_and(Consumed::is_unknown) {
            blind_spot = blind_spot.or(Some(upstream));
        }
        if let Some(parts) = &mut parts {
            let edge = edge(input.graph, (index, upstream), input.now);
            let of = (upstream, known.commits(upstream), consumed);
            if let Some(found) = edge.and_then(|edge| compare_parts(parts, edge, standing, of)) {
                pending = oldest(pending, found.origin);
                arriving = oldest(arriving, found.origin);
                behind.push(found);
            }
            continue;
        }
        if let Some(found) = compare(known.commits(upstream), upstream, consumed) {
            pending = oldest(pending, found.origin);
            arriving = oldest(arriving, found.origin);
            behind.push(found);
        }
    }
    AgainstInputs {
        behind,
        pending,
        arriving,
        blind_spot,
        vacancy,
        unbuilt,
        parts,
    }
}

/// Adds what partitions lack of one input, or will lack of it; returns what they lack now.
fn compare_parts<'a>(
    parts: &mut Parts,
    edge: Edge<'_>,
    standing: &Standing<'a>,
    (upstream, commits, consumed): (AssetIndex, &'a [DataCommit], Option<&'a Consumed>),
) -> Option<Behind<'a>> {
    let there = parts.existing.difference(&parts.dormant);
    for (of, own) in [
        (Changes::Pending, &mut parts.pending),
        (Changes::Arriving, &mut parts.arriving),
    ] {
        for (origin, set) in of.of(standing) {
            let fed = edge.mapping.feeds(&set, edge.now).intersection(&there);
            Parts::add(own, origin, fed);
        }
    }
    let must = edge.waits_for(standing, |parts| parts.unbuilt.clone());
    let must = match (
        &standing.parts,
        standing.unbuilt.is_some() || standing.is_missing,
    ) {
        (Some(_), _) | (None, true) => must.intersection(&there),
        (None, false) => PartitionSet::NOTHING,
    };
    parts.unbuilt = parts.unbuilt.union(&must);
    let incorporated = Incorporated::of(consumed, commits);
    if incorporated.is_all() && consumed.is_none_or(|consumed| consumed.partitions.is_empty()) {
        return None;
    }
    let has_content = parts.existing.difference(&parts.missing);
    let mut lacked = incorporated.lacked(edge, &has_content);
    if let Some(compacted) = consumed.and_then(|of| incorporated.compacted(of, &lacked)) {
        parts.compacted.push((upstream, compacted));
    }
    // Late data of long ago is kept in mind, and not built for.
    if !parts.dormant.is_empty() {
        for (_, set) in &mut lacked {
            parts.beyond = parts.beyond.union(&set.intersection(&parts.dormant));
            *set = set.difference(&parts.dormant);
        }
        lacked.retain(|(_, set)| !set.is_empty());
    }
    let (first, last) = (lacked.first()?, lacked.last()?);
    let set = PartitionSet::union_of(lacked.iter().map(|(_, set)| set.clone()));
    for (commit, set) in &lacked {
        Parts::add(&mut parts.pending, commit.origin, set.clone());
        Parts::add(&mut parts.arriving, commit.origin, set.clone());
    }
    parts.stale = parts.stale.union(&set);
    let origins = lacked.iter().map(|(commit, _)| commit.origin);
    let times = || lacked.iter().map(|(commit, _)| commit.committed_at);
    Some(Behind {
        input: upstream,
        consumed: consumed.and_then(|consumed| consumed.version.as_ref()),
        basis: consumed.map(|consumed| consumed.basis),
        position: consumed.and_then(|consumed| consumed.least_of(&set, &last.0.version.table_id)),
        first: &first.0.version,
        current: &last.0.version,
        origin: origins.reduce(Origin::oldest),
        between: times()
            .min()
            .zip(times().max())
            .or(Some((first.0.committed_at, last.0.committed_at))),
        partitions: Some(set),
    })
}

/// Changes that an asset does not show.
#[derive(Clone, Copy)]
enum Changes {
    Pending,
    Arriving,
}

impl Changes {
    fn of(self, standing: &Standing<'_>) -> Vec<(Origin, PartitionSet)> {
        let (whole, parts) = match (self, &standing.parts) {
            (Self::Pending, Some(parts)) => (None, parts.pending.clone()),
            (Self::Arriving, Some(parts)) => (None, parts.arriving.clone()),
            (Self::Pending, None) => (standing.pending, Vec::new()),
            (Self::Arriving, None) => (standing.arriving, Vec::new()),
        };
        let whole = whole.map(|origin| (origin, PartitionSet::EVERYTHING));
        whole.into_iter().chain(parts).collect()
    }
}

/// Returns what of one input is not incorporated, if anything.
fn compare<'a>(
    commits: &'a [DataCommit],
    upstream: AssetIndex,
    consumed: Option<&'a Consumed>,
) -> Option<Behind<'a>> {
    // Of what nobody knows nothing is said to be lacking.
    if consumed.is_some_and(Consumed::is_unknown) {
        return None;
    }
    // What cannot be read now, or is gone, keeps its last good commits: those still count as changes.
    let newest = commits.last()?;
    let version = consumed.and_then(Consumed::as_whole);
    let is_consumed = |commit: &DataCommit| {
        version.is_some_and(|version| {
            commit.version.table_id == version.table_id && commit.version.version <= version.version
        })
    };
    // From the end: what is new is little, what is kept may be much. Commits of an incarnation
    // that was never consumed are all new.
    let first_new = commits
        .iter()
        .rposition(is_consumed)
        .map_or(0, |last| last + 1);
    let new = commits.get(first_new..).filter(|new| !new.is_empty())?;
    let origin = new
        .iter()
        .map(|commit| commit.origin)
        .reduce(Origin::oldest);
    let between = new
        .iter()
        .map(|commit| commit.committed_at)
        .fold(None, |range, at| {
            Some(range.map_or((at, at), |(from, to): (DateTime<Utc>, _)| {
                (from.min(at), at.max(to))
            }))
        });
    Some(Behind {
        input: upstream,
        consumed: version,
        basis: consumed.map(|consumed| consumed.basis),
        position: version,
        first: &new.first()?.version,
        current: &newest.version,
        origin,
        between,
        partitions: None,
    })
}

/// Returns a view that has to be built before the asset, on its way through views to its inputs.
fn stale_view(
    input: &PlanInput<'_>,
    standings: &[Standing<'_>],
    index: AssetIndex,
) -> Option<AssetIndex> {
    input.graph.upstreams(index).iter().find_map(|&upstream| {
        let asset = input.graph.asset(upstream);
        let standing = standings.get(upstream.position())?;
        if !asset.kind.is_transparent() {
            return None;
        }
        let must_be_built = asset.is_built_here() && standing.is_stale();
        if must_be_built {
            Some(upstream)
        } else {
            standing.stale_view
        }
    })
}

fn oldest(a: Option<Origin>, b: Option<Origin>) -> Option<Origin> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.oldest(b)),
        (a, b) => a.or(b),
    }
}
