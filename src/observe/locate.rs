//! Where each table lies: where its asset says, or where the catalog says.
//!
//! The catalog's answers are remembered. A relation that it does not have is asked for again
//! after a few seconds, because a run may just have made it; where a relation lies is asked again
//! once a day, and whenever its log has vanished.

use std::collections::{BTreeMap, BTreeSet};

use assets::{Asset, AssetKey, AssetKind, Relation};
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use lineage::AssetGraph;

use super::sighting::{VANISHED, VANISHED_REASON, is_pushed};
use crate::ports::{Catalog, JobsError, TableLocation};
use crate::state::{CatalogLocation, Memory, ObservedState};

/// Questions to the catalog at once: a tenth of the 100 requests a second that one endpoint
/// allows, at 100 ms each.
const CONCURRENCY: usize = 10;

/// Where an asset's table is to be looked for.
pub(super) enum Place {
    /// Its log can be read there.
    Table(TableLocation),
    /// It exists and has no log: a view.
    Exists,
    /// The catalog has no such relation.
    NotThere,
    /// There is no log, and somebody says how far it is.
    Pushed,
    /// Nobody can say.
    Nowhere { code: &'static str, reason: String },
}

/// Where all tables are to be looked for, and what of that is news.
pub(super) struct Places {
    pub(super) by_asset: Vec<(AssetKey, Place)>,
    /// In the order of the relations.
    pub(super) news: Vec<(Relation, CatalogLocation)>,
    pub(super) catalog_problem: Option<String>,
}

/// Finds the place of every asset that has a table, or a view that is built here.
pub(super) async fn locate(
    catalog: Option<&dyn Catalog>,
    graph: &AssetGraph,
    memory: &Memory,
    now: DateTime<Utc>,
    ended: &[AssetKey],
) -> Places {
    let watched = |asset: &&Asset| asset.kind.has_table() || is_built_view(asset);
    let assets: Vec<&Asset> = graph
        .indices()
        .map(|i| graph.asset(i))
        .filter(watched)
        .collect();
    let ended: BTreeSet<&AssetKey> = ended.iter().collect();
    let questions: BTreeSet<&Relation> = assets
        .iter()
        .filter(|asset| asset.path.is_none())
        .filter_map(|asset| {
            let relation = asset.relation.as_ref()?;
            let is_news =
                is_worth_asking(memory, asset, relation, now) || ended.contains(&asset.key);
            is_news.then_some(relation)
        })
        .collect();
    let (news, catalog_problem) = ask(catalog, questions).await;
    let answers: BTreeMap<&Relation, &CatalogLocation> = news
        .iter()
        .map(|(relation, location)| (relation, location))
        .collect();
    let by_asset = assets
        .into_iter()
        .map(|asset| {
            let place = place(asset, memory, &answers, catalog_problem.as_deref());
            let is_nowhere = matches!(
                place,
                Place::Nowhere {
                    code: "no_location",
                    ..
                }
            );
            let place = if is_nowhere && is_pushed(memory, &asset.key) {
                Place::Pushed
            } else {
                place
            };
            (asset.key.clone(), place)
        })
        .collect();
    Places {
        by_asset,
        news,
        catalog_problem,
    }
}

fn is_built_view(asset: &Asset) -> bool {
    asset.kind == AssetKind::View && asset.is_built_here()
}

fn is_worth_asking(
    memory: &Memory,
    asset: &Asset,
    relation: &Relation,
    now: DateTime<Utc>,
) -> bool {
    let Some(known) = memory.locations.get(relation) else {
        return true;
    };
    let age = now - known.looked_up_at;
    let observation = memory.observations.get(&asset.key);
    let state = observation.map(|observation| &observation.state);
    let is_absent = matches!(state, Some(ObservedState::Absent | ObservedState::Gone));
    let patience = if has_vanished(memory, &asset.key) {
        // Between "it was there" and "it is gone" stands this answer.
        TimeDelta::zero()
    } else if !known.exists || is_absent {
        TimeDelta::seconds(5)
    } else {
        TimeDelta::days(1)
    };
    // A clock that went back must not keep an answer for ever.
    age >= patience || age < TimeDelta::zero()
}

fn has_vanished(memory: &Memory, key: &AssetKey) -> bool {
    let observation = memory.observations.get(key);
    observation.is_some_and(|observation| match &observation.state {
        ObservedState::Unknown { code, .. } => code == VANISHED,
        ObservedState::Ok | ObservedState::Absent | ObservedState::Gone => false,
    })
}

/// Answers in the order of the relations, and why some are missing.
type Answers = (Vec<(Relation, CatalogLocation)>, Option<String>);

async fn ask(catalog: Option<&dyn Catalog>, questions: BTreeSet<&Relation>) -> Answers {
    let Some(catalog) = catalog else {
        return (Vec::new(), None);
    };
    let asked = futures::stream::iter(questions)
        .map(|relation| async move { (relation.clone(), catalog.locate(relation).await) });
    let answers: Vec<_> = asked.buffered(CONCURRENCY).collect().await;
    let mut news = Vec::new();
    let mut problem: Option<JobsError> = None;
    for (relation, answer) in answers {
        match answer {
            Ok(location) => news.push((relation, location)),
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    (news, problem.map(|error| error.to_string()))
}

fn place(
    asset: &Asset,
    memory: &Memory,
    answers: &BTreeMap<&Relation, &CatalogLocation>,
    catalog_problem: Option<&str>,
) -> Place {
    if let Some(path) = &asset.path {
        return Place::Table(TableLocation {
            path: path.clone(),
            located: None,
        });
    }
    let Some(relation) = &asset.relation else {
        let reason = "it declares neither `path` nor `relation`".to_owned();
        return Place::Nowhere {
            code: "no_location",
            reason,
        };
    };
    let fresh = answers.get(relation).copied();
    match fresh.or_else(|| memory.locations.get(relation)) {
        // The answer that made it vanish is no second look.
        Some(location)
            if !location.exists && fresh.is_none() && has_vanished(memory, &asset.key) =>
        {
            Place::Nowhere {
                code: VANISHED,
                reason: VANISHED_REASON.to_owned(),
            }
        }
        Some(location) if !location.exists => Place::NotThere,
        Some(_) if !asset.kind.has_table() => Place::Exists,
        Some(location) => match &location.storage_location {
            Some(storage) => Place::Table(TableLocation {
                path: storage.clone(),
                located: Some(relation.clone()),
            }),
            None => Place::Nowhere {
                code: "no_location",
                reason: format!("the catalog names no storage location for `{relation}`"),
            },
        },
        // Without a catalog nobody can deny that a view exists.
        None if !asset.kind.has_table() && catalog_problem.is_none() => Place::Exists,
        None => match catalog_problem {
            Some(problem) => Place::Nowhere {
                code: "catalog_unavailable",
                reason: problem.to_owned(),
            },
            None => Place::Nowhere {
                code: "no_location",
                reason: "it declares no `path`, and no catalog is configured to ask".to_owned(),
            },
        },
    }
}
