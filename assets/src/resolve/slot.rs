//! A slot: everything that is said about one asset, before it is merged.

use std::collections::HashMap;
use std::sync::Arc;

use crate::dbt::Node;
use crate::declaration::DeclaredAsset;
use crate::diagnostic::Place;
use crate::key::AssetKey;
use crate::relation::Relation;
use crate::task::TaskName;

/// Everything that is said about one asset.
#[derive(Default)]
pub(super) struct Slot {
    /// Its key; first the proposed one, then the decided one. Absent where there is no usable one.
    pub(super) key: Option<AssetKey>,
    /// The dbt node that speaks for it.
    pub(super) node: Option<Node>,
    /// What dbt says it reads: the manifest, and a `unique_id` there.
    pub(super) reads: Vec<(usize, Arc<str>)>,
    /// The task of the node's project.
    pub(super) project_task: Option<TaskName>,
    /// The manifest, for messages.
    pub(super) manifest: Option<Place>,
    /// The block in the dbt node.
    pub(super) block: Option<DeclaredAsset>,
    /// The entry of an asset file.
    pub(super) file: Option<DeclaredAsset>,
}

impl Slot {
    /// Returns where to point at in a message: the most specific place that speaks of it.
    pub(super) fn place(&self) -> Option<&Place> {
        let declared = self
            .file
            .as_ref()
            .or(self.block.as_ref())
            .map(|declared| &declared.place);
        declared.or(self.manifest.as_ref())
    }

    /// Goes through the declarations, the one that wins first.
    pub(super) fn declarations(&self) -> impl Iterator<Item = &DeclaredAsset> {
        self.file.iter().chain(&self.block)
    }

    /// Returns the relation as the last one to speak has it.
    pub(super) fn relation(&self) -> Option<&Relation> {
        let declared = self
            .declarations()
            .find_map(|declared| declared.relation.as_ref());
        declared.or_else(|| self.node.as_ref()?.relation.as_ref())
    }
}

/// All slots, and how `unique_id`s lead to them.
#[derive(Default)]
pub(super) struct Slots {
    pub(super) list: Vec<Slot>,
    /// For each manifest: position of the slot by `unique_id`.
    pub(super) by_id: Vec<HashMap<Arc<str>, usize>>,
}

impl Slots {
    /// Finds a node by `unique_id`: in its own manifest, else in the first that has it.
    pub(super) fn find(&self, manifest: usize, unique_id: &str) -> Option<&Slot> {
        let own = self
            .by_id
            .get(manifest)
            .and_then(|ids| ids.get(unique_id))
            .copied();
        self.list.get(own.or_else(|| self.position(unique_id))?)
    }

    /// Finds a node by `unique_id` in the first manifest that has it.
    pub(super) fn position(&self, unique_id: &str) -> Option<usize> {
        self.by_id
            .iter()
            .find_map(|ids| ids.get(unique_id))
            .copied()
    }
}
