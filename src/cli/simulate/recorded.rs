//! What arrived at sources, by the logs of their tables.

use std::collections::{BTreeMap, BTreeSet};

use assets::partition::{Extent, Placing};
use assets::{AssetKey, Relation};
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use lineage::AssetIndex;

use crate::app::App;
use crate::error::CommandError;
use crate::ports::{Back, TableLocation};
use crate::simulate::{Stream, recorded};
use crate::state::Memory;

/// Logs that are read at once.
const AT_ONCE: usize = 10;

/// Returns what is not built here and at which nothing arrives yet.
pub(super) fn sources(app: &App, streams: &[Stream]) -> Vec<AssetIndex> {
    let named: BTreeSet<&AssetKey> = streams.iter().map(|stream| &stream.source).collect();
    let indices = app.graph.indices().filter(|index| {
        let asset = app.graph.asset(*index);
        !asset.is_built_here() && asset.kind.has_table() && !named.contains(&asset.key)
    });
    indices.collect()
}

/// Reads what arrived before an instant at sources that are not among `streams`; and says of the others
/// why nothing is known to arrive.
pub(super) async fn streams(
    app: &App,
    memory: &Memory,
    streams: &[Stream],
    until: (TimeDelta, DateTime<Utc>),
) -> Result<(Vec<Stream>, BTreeMap<AssetKey, String>), CommandError> {
    let state = app.read_state()?;
    let world = app.world(&state);
    let (period, now) = until;
    let read = sources(app, streams).into_iter().map(|index| async move {
        let key = app.graph.asset(index).key.clone();
        let location = match located(app, memory, index) {
            Some(location) => location,
            None => match app.location_of(index).await {
                Ok(location) => location,
                Err(error) => return (key, Err(error.message)),
            },
        };
        let back = Back::to(now - period);
        let commits = world.tables.commits_back_to(&location, back).await;
        let commits = match commits {
            Ok(commits) => commits,
            Err(reason) => return (key, Err(format!("its log cannot be read: {reason}"))),
        };
        let placed = placing(app, memory, index);
        let place = |commit: &assets::delta::Commit| {
            let (placing, ordinals) = placed.as_ref()?;
            Some(Extent {
                ordinals: ordinals.as_str().into(),
                partitions: placing.touched(&commit.partitions).partitions,
            })
        };
        let timing = recorded(&commits, until, &place);
        let crate::simulate::Timing::Recorded { commits: past, .. } = &timing else {
            return (key, Err("nothing was recorded".to_owned()));
        };
        if past.is_empty() {
            return (
                key,
                Err("nothing arrived in the time that is repeated".to_owned()),
            );
        }
        let source = key.clone();
        (key, Ok(Stream { source, timing }))
    });
    let read: Vec<_> = futures::stream::iter(read)
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (mut found, mut silent) = (Vec::new(), BTreeMap::new());
    for (key, read) in read {
        match read {
            Ok(stream) => found.push(stream),
            Err(reason) => {
                silent.insert(key, reason);
            }
        }
    }
    Ok((found, silent))
}

/// Where a table lies as it is declared or remembered, so that nobody has to be asked.
fn located(app: &App, memory: &Memory, index: AssetIndex) -> Option<TableLocation> {
    let asset = app.graph.asset(index);
    if let Some(path) = &asset.path {
        return Some(TableLocation {
            path: path.clone(),
            located: None,
        });
    }
    let relation: &Relation = asset.relation.as_ref()?;
    let known = memory.locations.get(relation)?;
    Some(TableLocation {
        path: known.storage_location.clone()?,
        located: Some(relation.clone()),
    })
}

/// What tells which partitions of a source a commit changed.
fn placing(app: &App, memory: &Memory, index: AssetIndex) -> Option<(Placing, String)> {
    let asset = app.graph.asset(index);
    let definition = asset.planned_partitions()?;
    let head = memory.observations.get(&asset.key)?.head.as_ref()?;
    let placing = Placing::new(definition, &head.state.metadata.partitioning);
    Some((placing, definition.ordinals_id()))
}
