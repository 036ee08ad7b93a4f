//! What `headwater simulate` shows: `totals` adds up, `figures` is the JSON document.

mod figures;
mod totals;

use std::collections::{BTreeMap, BTreeSet};

use assets::AssetKey;
use chrono::TimeDelta;
use lineage::AssetGraph;

use crate::simulate::{ASSUMED_DURATION, AssetOutcome, Assumed, Durations, KnownBy, Outcome};

pub use figures::simulation_document;
pub use totals::{Totals, hours, totals};

/// What came of one policy.
pub struct Simulated<'a> {
    /// Where it is declared.
    pub project: String,
    /// Its assets.
    pub graph: &'a AssetGraph,
    /// What was assumed of tables.
    pub assumed: Assumed,
    /// What came of it.
    pub outcome: Outcome,
}

/// What was simulated.
pub struct Simulation<'a> {
    /// The environment.
    pub environment: &'a str,
    /// From one pass to the next.
    pub every: TimeDelta,
    /// What chance depended on.
    pub seed: u64,
    /// How much of the past was repeated; absent where nothing was.
    pub recorded: Option<TimeDelta>,
    /// Sources at which something arrived as declared, and as recorded.
    pub sources: (usize, usize),
    /// Sources at which nothing arrived, and why.
    pub silent: &'a BTreeMap<AssetKey, String>,
    /// How runs went.
    pub durations: &'a Durations,
    /// The policy.
    pub policy: Simulated<'a>,
    /// The policy that it is compared with.
    pub against: Option<Simulated<'a>>,
    /// The assets that are shown.
    pub shown: BTreeSet<AssetKey>,
}

impl Simulation<'_> {
    /// Returns what came of an asset under both policies; nothing where one has no such asset.
    pub fn of(&self, key: &AssetKey) -> [Option<&AssetOutcome>; 2] {
        let of = |simulated: &Simulated<'_>| {
            let found = simulated.graph.index_of(key.as_str());
            found.map(lineage::AssetIndex::position)
        };
        let own = of(&self.policy).and_then(|at| self.policy.outcome.assets.get(at));
        let other = self.against.as_ref().and_then(|against| {
            let at = of(against)?;
            against.outcome.assets.get(at)
        });
        [own, other]
    }

    /// Returns what was assumed, one sentence each, with the assets that it is about.
    pub fn assumptions(&self) -> Vec<(&'static str, String, Vec<&AssetKey>)> {
        let assumed = &self.policy.assumed;
        let graph = self.policy.graph;
        let by = |wanted| {
            let assets = graph.indices().map(|index| graph.asset(index));
            let built = assets.filter(|asset| asset.is_built_here());
            let known = built.filter_map(|asset| {
                let task = &asset.task.as_ref()?.task;
                let known = self.durations.known_by(&asset.key, task);
                (known == wanted).then_some(&asset.key)
            });
            known.collect::<Vec<_>>()
        };
        let minutes = ASSUMED_DURATION.num_minutes();
        let unseen = "never looked at; taken to be there, and fresh";
        let unknown = "not readable at the last look; taken to be readable";
        let in_backfill = "an open backfill builds it; backfills are left out";
        let durations =
            format!("no run on record, and none declared; taken to last {minutes} min each");
        let silent = "nothing arrives";
        let groups = [
            (
                "never_observed",
                unseen.to_owned(),
                assumed.unseen.iter().collect(),
            ),
            (
                "unknown",
                unknown.to_owned(),
                assumed.unknown.iter().collect(),
            ),
            (
                "in_backfill",
                in_backfill.to_owned(),
                assumed.in_backfill.iter().collect(),
            ),
            ("duration", durations, by(KnownBy::Assumed)),
            (
                "no_arrivals",
                silent.to_owned(),
                self.silent.keys().collect::<Vec<_>>(),
            ),
        ];
        let groups = groups.into_iter();
        groups.filter(|(_, _, assets)| !assets.is_empty()).collect()
    }
}
