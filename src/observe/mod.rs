//! Observation: what tables and the catalog say now, compared with what is remembered.
//!
//! Everything here may fail in parts. What could not be read becomes `unknown`, keeps its last good
//! reading, and never stops the others. Nothing is written: the result is a list of
//! [`Sighting`]s for the state to record.

mod anew;
mod awaited;
mod code;
mod dynamic;
mod event_time;
mod feeds;
mod first_contact;
mod history;
mod locate;
mod outside;
mod placed;
mod sighting;
mod streams;

use std::collections::{BTreeMap, BTreeSet};

use assets::delta::contents::Watch;
use assets::delta::{Commit, KnownHead, Reading};
use assets::partition::{Part, Partitions};
use assets::policy::Consistency;
use assets::version::PassNumber;
use assets::{Asset, AssetKey, Relation, TableVersion};
use chrono::{DateTime, Utc};
use lineage::AssetGraph;

use crate::ports::{
    Catalog, Counting, Jobs, Sighting, State, StateError, TableLocation, TableRequest, Tables,
};
use crate::state::{CatalogLocation, Intent, IntentId, Memory, ObservedState};

/// What observation needs of the world.
#[derive(Clone, Copy)]
pub struct Eyes<'a> {
    /// The tables' logs.
    pub tables: &'a dyn Tables,
    /// The catalog, where one can be asked.
    pub catalog: Option<&'a dyn Catalog>,
    /// The service that ran whatever wrote a commit, where one can be asked.
    pub jobs: Option<&'a dyn Jobs>,
    /// For looking up whose run wrote a commit.
    pub state: &'a dyn State,
    /// When files are counted of tables at first contact.
    pub counting: Counting,
}

/// What was seen in one pass.
#[derive(Debug, Default)]
pub struct Observed {
    /// What changed, by asset.
    pub sightings: Vec<Sighting>,
    /// Where the catalog says that relations lie, where that is news.
    pub locations: Vec<(Relation, CatalogLocation)>,
    /// How many tables were looked at.
    pub observed: usize,
    /// What each reading found of an asset's newest data version, for runs that just ended.
    pub newest: BTreeMap<AssetKey, TableVersion>,
    /// Why the catalog could not be asked, once, if it could not.
    pub catalog_problem: Option<String>,
    /// What the runs that were found are taken to have read, by intent and asset: the heads at
    /// their start.
    pub inputs_at_start: BTreeMap<IntentId, Inputs>,
}

/// Asset → upstream → data version.
pub type Inputs = BTreeMap<AssetKey, BTreeMap<AssetKey, Option<TableVersion>>>;

/// Looks at every table of the project once.
///
/// `ended` names the assets whose runs ended since the last look: the catalog is asked again where
/// they lie. `found` are intents of runs that were found and are about to be written down: commits
/// of theirs count as ours already.
pub async fn observe(
    eyes: Eyes<'_>,
    graph: &AssetGraph,
    memory: &Memory,
    (pass, now): (PassNumber, DateTime<Utc>),
    ended: &[AssetKey],
    found: &[&Intent],
) -> Result<Observed, StateError> {
    let places = locate::locate(eyes.catalog, graph, memory, now, ended).await;
    let mut observed = Observed {
        locations: places.news,
        catalog_problem: places.catalog_problem,
        ..Observed::default()
    };
    let mut requests = Vec::new();
    let mut read_keys = Vec::new();
    let mut readings: Vec<(AssetKey, sighting::Look)> = Vec::new();
    for (key, place) in places.by_asset {
        match place {
            locate::Place::Table(location) => {
                let previous = memory.observations.get(&key);
                let known = previous.and_then(|previous| previous.head.clone());
                let columns = watched_columns(graph, &key, known.as_deref());
                requests.push(TableRequest {
                    asset: key.clone(),
                    location,
                    known,
                    columns,
                    counting: eyes.counting,
                });
                read_keys.push(key);
            }
            locate::Place::Exists => readings.push((key, sighting::Look::Exists)),
            locate::Place::NotThere => readings.push((key, sighting::Look::Read(Reading::Absent))),
            locate::Place::Pushed => readings.push((key, sighting::Look::Pushed)),
            locate::Place::Nowhere { code, reason } => {
                readings.push((key, sighting::Look::Blind { code, reason }));
            }
        }
    }
    observed.observed = requests.len();
    let locations: BTreeMap<AssetKey, TableLocation> = requests
        .iter()
        .map(|request| (request.asset.clone(), request.location.clone()))
        .collect();
    let answers = eyes.tables.read(requests).await;
    readings.extend(
        read_keys
            .into_iter()
            .zip(answers.into_iter().map(sighting::Look::Read)),
    );

    let mut seen = Vec::new();
    for (key, look) in readings {
        if let Some(found) = sighting::sight(graph, memory, (pass, now), &key, look) {
            seen.push(found);
        }
    }
    anew::complete(eyes, memory, &locations, pass, &mut seen).await;
    let learned = dynamic::learn(graph, memory, &mut seen);
    let graph = learned.as_ref().unwrap_or(graph);
    placed::take_over(graph, memory, now, &mut seen);
    code::take_over(graph, memory, &mut seen);
    for found in &mut seen {
        placed::place(graph, memory, now, found);
    }
    for found in &seen {
        if let Some(newest) = found.sighting.commits.last() {
            observed
                .newest
                .insert(found.sighting.asset.clone(), newest.version.clone());
        }
    }
    let known = outside::Known {
        graph,
        memory,
        locations: &locations,
        found,
    };
    let attributed = outside::attribute(eyes, known, (pass, now), seen).await?;
    (observed.sightings, observed.inputs_at_start) = attributed;
    let of = (graph, memory);
    event_time::note(of, found, &mut observed.sightings);
    feeds::look(eyes, of, &locations, &mut observed.sightings).await;
    for sighting in &mut observed.sightings {
        sighting.is_chosen_from = is_chosen_from(graph, &sighting.asset);
    }
    Ok(observed)
}

/// Tells whether an asset under `snapshot` chooses among the versions of another one.
fn is_chosen_from(graph: &AssetGraph, key: &AssetKey) -> bool {
    let readers = graph
        .index_of(key.as_str())
        .map(|index| graph.readers(index));
    let mut readers = readers.into_iter().flatten();
    readers.any(|reader| graph.asset(*reader).consistency == Consistency::Snapshot)
}

/// Returns what is watched of columns: the bounds of the watermark, and the nulls that checks ask for, in
/// the order of their names; and how commits spread over the columns of partitions, by what is known of the
/// table.
pub fn watched_columns(
    graph: &AssetGraph,
    key: &AssetKey,
    known: Option<&KnownHead>,
) -> Vec<Watch> {
    let asset = graph.index_of(key.as_str()).map(|index| graph.asset(index));
    let watermark = asset.and_then(Asset::watermark_column);
    let range = watermark.map(|column| Watch::Range(column.to_owned()));
    let checks = asset.into_iter().flat_map(|asset| &asset.checks);
    let counted = checks.flat_map(|check| check.rule.counted_columns());
    let nulls: BTreeSet<&String> = counted.collect();
    let nulls = nulls.into_iter().map(|column| Watch::Nulls(column.clone()));
    let spread = asset
        .into_iter()
        .flat_map(|asset| spread_columns(asset, known));
    range.into_iter().chain(nulls).chain(spread).collect()
}

/// Returns the columns over whose values the files of commits are seen to spread: those that tell windows of
/// time, unless the table is known to be physically partitioned by them.
fn spread_columns(asset: &Asset, known: Option<&KnownHead>) -> Vec<Watch> {
    let is_told = |name: &str| {
        let columns = known.map(|head| head.state.metadata.partitioning.columns());
        let mut columns = columns.into_iter().flatten();
        columns.any(|column| column.name.eq_ignore_ascii_case(name))
    };
    let parts = asset.partitions.iter().flat_map(Partitions::parts);
    let windows = parts.filter(|part| matches!(part, Part::Windows(_)));
    let columns = windows.filter_map(|part| match part.columns().as_slice() {
        [column] if !is_told(column) => Some(Watch::Spread((*column).to_owned())),
        _ => None,
    });
    columns.collect()
}

/// What one look changed, with the commits as the log has them, for attribution.
struct Seen {
    sighting: Sighting,
    commits: Vec<Commit>,
    is_first_contact: bool,
}

/// Counts the tables that could not be observed.
pub fn count_unknown(memory: &Memory) -> usize {
    let states = memory
        .observations
        .values()
        .map(|observation| &observation.state);
    states
        .filter(|state| matches!(state, ObservedState::Unknown { .. }))
        .count()
}
