//! Which dbt nodes speak of the same table.
//!
//! Nodes are joined by relation, over all projects: the source of one project is often a model of
//! another. Of those that name one table, a built one speaks for all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::DbtInput;
use super::slot::{Slot, Slots};
use crate::dbt::Node;
use crate::declaration::DeclaredAsset;
use crate::diagnostic::{Diagnostic, Place};
use crate::relation::Relation;
use crate::task::TaskName;

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
