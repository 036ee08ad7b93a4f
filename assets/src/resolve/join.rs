//! Which dbt nodes and declarations speak of the same table.
//!
//! Nodes are joined by relation, over all projects: the source of one project is often a model of
//! another. Of those that name one table, a built one speaks for all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::DbtInput;
use crate::dbt::Node;
use crate::declaration::DeclaredAsset;
use crate::diagnostic::{Diagnostic, Place};
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
    by_id: Vec<HashMap<Arc<str>, usize>>,
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

/// What two nodes must share to be one asset.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    Relation(Relation),
    UniqueId(Arc<str>),
}

/// One node with where it comes from.
struct Member {
    manifest: usize,
    node: Node,
    block: Option<DeclaredAsset>,
}

/// Joins the nodes of all manifests, in the order of the manifests.
pub(super) fn dbt_nodes(dbt: Vec<DbtInput>, diagnostics: &mut Vec<Diagnostic>) -> Slots {
    let mut groups: BTreeMap<Identity, Vec<Member>> = BTreeMap::new();
    let mut tasks = Vec::with_capacity(dbt.len());
    let mut slots = Slots::default();
    for (manifest, project) in dbt.into_iter().enumerate() {
        let mut blocks = project.blocks;
        tasks.push((project.task, Place::start_of(&project.manifest.file)));
        slots
            .by_id
            .push(HashMap::with_capacity(project.manifest.nodes.len()));
        for node in project.manifest.nodes {
            let block = blocks.remove(&node.dbt.unique_id);
            let member = Member {
                manifest,
                node,
                block,
            };
            groups.entry(identity(&member)).or_default().push(member);
        }
    }
    for mut members in groups.into_values() {
        // Manifests and their nodes came in order, and the sort is stable.
        members.sort_by_key(|member| !member.node.node_type.is_built());
        for member in &members {
            let id = Arc::clone(&member.node.dbt.unique_id);
            if let Some(ids) = slots.by_id.get_mut(member.manifest) {
                ids.insert(id, slots.list.len());
            }
        }
        slots.list.extend(joined(members, &tasks, diagnostics));
    }
    slots
}

fn identity(member: &Member) -> Identity {
    let declared = member
        .block
        .as_ref()
        .and_then(|block| block.relation.as_ref());
    match declared.or(member.node.relation.as_ref()) {
        Some(relation) => Identity::Relation(relation.clone()),
        None => Identity::UniqueId(Arc::clone(&member.node.dbt.unique_id)),
    }
}

/// Makes one slot of the nodes that name one table: the first speaks for all.
fn joined(
    members: Vec<Member>,
    tasks: &[(Option<TaskName>, Place)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Slot> {
    let mut members = members.into_iter();
    let first = members.next()?;
    let (task, place) = tasks.get(first.manifest).cloned()?;
    let reads = |member: &Member| {
        let manifest = member.manifest;
        member
            .node
            .depends_on
            .iter()
            .map(move |id| (manifest, Arc::clone(id)))
            .collect()
    };
    let mut slot = Slot {
        reads: reads(&first),
        project_task: task.filter(|_| first.node.node_type.is_built()),
        manifest: Some(place),
        block: first.block,
        ..Slot::default()
    };
    let mut node = first.node;
    for member in members {
        let more: Vec<_> = reads(&member);
        slot.reads.extend(more);
        let other_place = tasks.get(member.manifest).map(|(_, place)| place.clone());
        if member.node.node_type.is_built() {
            diagnostics.push(built_twice(&node, &member.node, other_place.clone()));
        }
        if member.block.is_some() && member.block != slot.block {
            diagnostics.push(block_ignored(&node, &member, other_place));
        }
        absorb(&mut node, member.node);
    }
    slot.node = Some(node);
    Some(slot)
}

/// Adds what another node of the same table knows.
fn absorb(node: &mut Node, other: Node) {
    node.tags.extend(other.tags);
    node.dbt.tests.extend(other.dbt.tests);
    node.dbt.tests.sort_unstable();
    node.dbt.tests.dedup();
    if other.dbt.unique_id != node.dbt.unique_id {
        node.dbt.also_known_as.push(other.dbt.unique_id);
        node.dbt.also_known_as.sort_unstable();
        node.dbt.also_known_as.dedup();
    }
}

fn built_twice(first: &Node, second: &Node, place: Option<Place>) -> Diagnostic {
    let relation = first
        .relation
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let (first, second) = (&first.dbt.unique_id, &second.dbt.unique_id);
    let message = format!("`{relation}` is built by two dbt nodes: `{first}` and `{second}`");
    Diagnostic::warning("R012", place, message)
        .note(format!(
            "`{first}` speaks for the table; the upstreams of both count"
        ))
        .help("give one of them another schema or alias, or disable it")
}

fn block_ignored(winner: &Node, member: &Member, place: Option<Place>) -> Diagnostic {
    let (winner, loser) = (&winner.dbt.unique_id, &member.node.dbt.unique_id);
    let message = format!("the `headwater` block of `{loser}` is ignored");
    let place = member
        .block
        .as_ref()
        .map(|block| block.place.clone())
        .or(place);
    Diagnostic::warning("R013", place, message)
        .note(format!(
            "it names the same table as `{winner}`, which speaks for it"
        ))
        .help(format!(
            "move the block to `{winner}`, or into an asset file"
        ))
}

/// Joins the entries of asset files with the slots of dbt nodes, or gives them slots of their own.
///
/// A declaration means the node whose `unique_id` is its key, else the node with its relation, else
/// the node with its key.
pub(super) fn declarations(
    slots: &mut Slots,
    declared: Vec<DeclaredAsset>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut by_relation: HashMap<Relation, usize> = HashMap::new();
    let mut by_key: HashMap<AssetKey, usize> = HashMap::new();
    for (position, slot) in slots.list.iter().enumerate() {
        if let Some(relation) = slot.relation() {
            by_relation.entry(relation.clone()).or_insert(position);
        }
        if let Some(key) = &slot.key {
            by_key.entry(key.clone()).or_insert(position);
        }
    }
    let mut seen: HashMap<AssetKey, Place> = HashMap::new();
    for declaration in declared {
        if let Some(key) = &declaration.key {
            if let Some(first) = seen.get(key) {
                diagnostics.push(declared_twice(key, first, &declaration.place));
                continue;
            }
            seen.insert(key.clone(), declaration.place.clone());
        }
        let id = declaration
            .key
            .as_ref()
            .and_then(|key| slots.position(key.as_str()));
        let relation = || by_relation.get(declaration.relation.as_ref()?).copied();
        let key = || by_key.get(declaration.key.as_ref()?).copied();
        let target = id.or_else(relation).or_else(key);
        let Some(slot) = target.and_then(|position| slots.list.get_mut(position)) else {
            slots.list.push(Slot {
                file: Some(declaration),
                ..Slot::default()
            });
            continue;
        };
        match &slot.file {
            Some(first) => diagnostics.push(node_declared_twice(slot, first, &declaration)),
            None => slot.file = Some(declaration),
        }
    }
}

fn declared_twice(key: &AssetKey, first: &Place, second: &Place) -> Diagnostic {
    Diagnostic::error(
        "R001",
        Some(second.clone()),
        format!("`{key}` is declared twice"),
    )
    .note(format!(
        "first at {}:{}:{}",
        first.file, first.line, first.column
    ))
    .help("remove one of the two, or give it another key")
}

fn node_declared_twice(slot: &Slot, first: &DeclaredAsset, second: &DeclaredAsset) -> Diagnostic {
    let node = slot.node.as_ref().map_or("", |node| &*node.dbt.unique_id);
    let place = &first.place;
    let message = format!("the dbt node `{node}` is declared twice");
    Diagnostic::error("R001", Some(second.place.clone()), message)
        .note(format!(
            "first at {}:{}:{}",
            place.file, place.line, place.column
        ))
        .help("remove one of the two: they have the same relation, key or `unique_id`")
}
