//! What needs all nodes of a manifest at once: group owners, tests, edges through metrics, code.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::code::{Macros, Unit, finished};
use super::convert::{Code, Draft, Names};
use super::fingerprint::hex;
use super::node::{Node, NodeType};
use crate::asset::{AssetKind, DbtTest};
use crate::version::CodeVersion;

/// A metric, semantic model, saved query or function: no asset, but edges lead through it.
pub(super) struct Passage {
    /// What it reads, by `unique_id`.
    pub(super) reads: Vec<Arc<str>>,
    /// A function's code, which goes into whatever calls it.
    pub(super) code: Option<Code>,
}

/// A data test.
pub(super) struct Test {
    /// What is kept of it.
    pub(super) known: DbtTest,
    /// The node it is attached to, where dbt says so.
    pub(super) attached_node: Option<Arc<str>>,
    /// `models.orders`: where a generic test was written.
    pub(super) file_key_name: Option<String>,
    /// The nodes it reads.
    pub(super) reads: Vec<Arc<str>>,
}

/// Everything that was read, before it is put together.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) names: Names,
    pub(super) drafts: Vec<Draft>,
    pub(super) passages: BTreeMap<Arc<str>, Passage>,
    pub(super) tests: Vec<Test>,
    pub(super) macros: Macros,
    /// Owner by the group's `unique_id`.
    pub(super) groups: BTreeMap<Arc<str>, Option<String>>,
}

impl Gathered {
    /// Puts it together: nodes sorted by `unique_id`.
    pub(super) fn finish(mut self) -> Vec<Node> {
        self.drafts
            .sort_by(|a, b| a.node.dbt.unique_id.cmp(&b.node.dbt.unique_id));
        self.drafts
            .dedup_by(|a, b| a.node.dbt.unique_id == b.node.dbt.unique_id);
        let versions = code_versions(&self);
        let positions = positions(&self.drafts);
        attach_tests(&mut self.drafts, &positions, &self.tests);
        let mut nodes = Vec::with_capacity(self.drafts.len());
        for (draft, version) in self.drafts.into_iter().zip(versions) {
            let mut node = draft.node;
            node.code_version = version;
            node.owner = node
                .owner
                .take()
                .or_else(|| group_owner(&self.groups, &node));
            pass_through(&mut node.depends_on, &self.passages);
            nodes.push(node);
        }
        nodes
    }
}

fn positions(drafts: &[Draft]) -> HashMap<Arc<str>, usize> {
    let id = |draft: &Draft| Arc::clone(&draft.node.dbt.unique_id);
    drafts
        .iter()
        .enumerate()
        .map(|(position, draft)| (id(draft), position))
        .collect()
}

fn group_owner(groups: &BTreeMap<Arc<str>, Option<String>>, node: &Node) -> Option<String> {
    let group = node.group.as_deref()?;
    let id = format!("group.{}.{group}", node.dbt.package);
    groups.get(id.as_str())?.clone()
}

/// Replaces metrics and their like by what they read, and drops what is no asset.
fn pass_through(depends_on: &mut Vec<Arc<str>>, passages: &BTreeMap<Arc<str>, Passage>) {
    let is_asset = |id: &Arc<str>| NodeType::of_unique_id(id).is_some();
    if depends_on.iter().all(is_asset) {
        return;
    }
    let mut open = std::mem::take(depends_on);
    let mut seen: HashSet<Arc<str>> = open.iter().cloned().collect();
    while let Some(id) = open.pop() {
        if is_asset(&id) {
            depends_on.push(id);
            continue;
        }
        for read in passages
            .get(&id)
            .into_iter()
            .flat_map(|passage| &passage.reads)
        {
            if seen.insert(Arc::clone(read)) {
                open.push(Arc::clone(read));
            }
        }
    }
    depends_on.sort_unstable();
}

/// Attaches each test to the node it is about: what dbt says, else what it reads.
fn attach_tests(drafts: &mut [Draft], positions: &HashMap<Arc<str>, usize>, tests: &[Test]) {
    for test in tests {
        let targets = match &test.attached_node {
            Some(node) => vec![Arc::clone(node)],
            None => guess_targets(drafts, positions, test),
        };
        for target in targets {
            let position = positions.get(&target);
            if let Some(draft) = position.and_then(|position| drafts.get_mut(*position)) {
                draft.node.dbt.tests.push(test.known.clone());
            }
        }
    }
    for draft in drafts {
        draft.node.dbt.tests.sort_unstable();
        draft.node.dbt.tests.dedup();
    }
}

/// A generic test of an old manifest reads its own node and perhaps others (`relationships`): the
/// entry of the file it was written under tells which is its own. Otherwise all of them count.
fn guess_targets(
    drafts: &[Draft],
    positions: &HashMap<Arc<str>, usize>,
    test: &Test,
) -> Vec<Arc<str>> {
    let written_under = test
        .file_key_name
        .as_deref()
        .and_then(|key| key.split_once('.'));
    let Some((_, owner)) = written_under.filter(|_| test.reads.len() > 1) else {
        return test.reads.clone();
    };
    let is_own = |id: &&Arc<str>| {
        let dbt = positions
            .get(*id)
            .and_then(|at| drafts.get(*at))
            .map(|draft| &draft.node.dbt);
        dbt.is_some_and(|dbt| *dbt.name == *owner || dbt.source_name.as_deref() == Some(owner))
    };
    let own: Vec<_> = test.reads.iter().filter(is_own).cloned().collect();
    if own.is_empty() {
        test.reads.clone()
    } else {
        own
    }
}

/// Returns the code version of each draft, in order.
fn code_versions(gathered: &Gathered) -> Vec<Option<CodeVersion>> {
    let mut units = Vec::new();
    let mut inlined: HashMap<&str, usize> = HashMap::new();
    let mut reads: Vec<&[Arc<str>]> = Vec::new();
    let mut add = |id, code, read, is_inlined| {
        if is_inlined {
            inlined.insert(id, units.len());
        }
        units.push(Unit {
            code,
            inlines: Vec::new(),
        });
        reads.push(read);
    };
    for Draft { node, code } in &gathered.drafts {
        if let Some(code) = code {
            let is_inlined = node.kind == AssetKind::Ephemeral;
            add(
                &*node.dbt.unique_id,
                code,
                node.depends_on.as_slice(),
                is_inlined,
            );
        }
    }
    for (id, passage) in &gathered.passages {
        if let Some(code) = &passage.code {
            add(id, code, passage.reads.as_slice(), true);
        }
    }
    for (unit, reads) in units.iter_mut().zip(reads) {
        unit.inlines = reads
            .iter()
            .filter_map(|id| inlined.get(&**id).copied())
            .collect();
    }
    let mut hashes = finished(&gathered.macros, &units).into_iter();
    let version = |draft: &Draft| {
        draft
            .code
            .as_ref()
            .and_then(|_| hashes.next())
            .map(|hash| CodeVersion::new(&hex(&hash)))
    };
    gathered.drafts.iter().map(version).collect()
}
