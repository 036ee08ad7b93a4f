//! Tables that are there in the simulation only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assets::Asset;
use assets::delta::partition_tuple::PartitionColumns;
use assets::delta::reading::Details;
use assets::delta::{
    CommitMarker, DataHead, KnownHead, Metadata, Protocol, TableState as LogState,
};
use assets::version::TableId;
use chrono::{DateTime, Utc};

use crate::state::{Observation, ObservedState};

/// The incarnation of such a table.
pub(super) fn table_id(asset: &Asset) -> TableId {
    TableId::new(&format!("simulated:{}", asset.key))
}

/// What a look at one finds that has a single commit, of data.
pub(super) fn observation(asset: &Asset, at: DateTime<Utc>) -> Observation {
    let table_id = table_id(asset);
    let head = KnownHead {
        table_id: table_id.clone(),
        version: 0,
        marker: CommitMarker {
            size: 0,
            modified_nanos: 0,
            content: 0,
            etag: None,
        },
        data: Some(DataHead { version: 0, at }),
        read_from: 0,
        last_committed_at: at,
        operation: None,
        has_hole_above: false,
        state: LogState {
            metadata: Metadata {
                id: table_id,
                partition_columns: Vec::new(),
                partitioning: PartitionColumns::default(),
                schema_hash: None,
                configuration: BTreeMap::new(),
            },
            protocol: Protocol {
                min_reader_version: 1,
                min_writer_version: 2,
                reader_features: BTreeSet::new(),
                writer_features: BTreeSet::new(),
            },
        },
        details: Details::default(),
    };
    Observation {
        state: ObservedState::Ok,
        head: Some(Arc::new(head)),
        since: at,
    }
}
