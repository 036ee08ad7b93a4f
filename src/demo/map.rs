//! What the lakehouse's files declare, for counting.

use std::collections::{BTreeMap, BTreeSet};

use assets::task::{JobReference, TaskAction};
use lineage::AssetIndex;

use super::stage::{Stage, TOKEN};
use crate::project::{Loaded, load};

/// The project as its files declare it, for counting.
pub(super) struct Map {
    loaded: Option<Loaded>,
    /// How many assets it declares.
    pub(super) assets: usize,
    /// The jobs that read each asset.
    pub(super) readers: BTreeMap<String, Vec<String>>,
}

impl Map {
    pub(super) fn of(stage: &Stage) -> Self {
        let variables = |name: &str| (name == "DATABRICKS_TOKEN").then(|| TOKEN.to_owned());
        let loaded = load(&stage.folder, Some(&stage.folder), None, &variables).ok();
        let mut map = Self {
            assets: 0,
            readers: BTreeMap::new(),
            loaded,
        };
        let Some((loaded, graph)) = map
            .loaded
            .as_ref()
            .and_then(|loaded| Some((loaded, loaded.graph.as_ref()?)))
        else {
            return map;
        };
        map.assets = graph.len();
        for index in graph.indices() {
            let jobs = graph.readers(index).iter().filter_map(|reader| {
                let binding = graph.asset(*reader).task.as_ref()?;
                let TaskAction::DatabricksJob(job) = &loaded.tasks.get(&binding.task)?.action;
                match &job.job {
                    JobReference::Name(name) => Some(name.clone()),
                    JobReference::Id(_) => None,
                }
            });
            map.readers
                .insert(graph.asset(index).key.to_string(), jobs.collect());
        }
        map
    }

    /// How many assets that are built here lie downstream of these.
    pub(super) fn downstream_of<'a>(&self, assets: impl Iterator<Item = &'a str>) -> usize {
        let Some(graph) = self
            .loaded
            .as_ref()
            .and_then(|loaded| loaded.graph.as_ref())
        else {
            return 0;
        };
        let seeds: BTreeSet<AssetIndex> =
            assets.filter_map(|asset| graph.index_of(asset)).collect();
        let seeds: Vec<AssetIndex> = seeds.into_iter().collect();
        let downstream = graph.descendants_of(&seeds);
        downstream
            .into_iter()
            .filter(|index| graph.asset(*index).is_built_here())
            .count()
    }
}
