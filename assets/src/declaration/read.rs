//! Tree → types, with every problem of a file at once.
//!
//! serde stops at the first error. So the node that an error names is reported and taken out, and
//! the value is read again without it, until it reads. The types that people's keys are declared
//! in stay plain serde types: there is no second list of keys. An error that only follows from a
//! node taken out before is not reported.

use serde::Deserialize;

use super::node_reader::NodeReader;
use super::read_error::{Location, ReadErrorKind};
use super::report::Report;
use super::tree::{NodeId, Tree};

/// Whether a variable without a value is a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MissingVariables {
    /// It is reported.
    Report,
    /// What names it is left out: an environment that is not used now need not be complete.
    Forgive,
}

/// Reads a node, reporting all that is wrong in it; `None` where nothing of it is usable.
pub(super) fn read<'t, T: Deserialize<'t>>(
    tree: &'t Tree,
    id: NodeId,
    missing: MissingVariables,
    report: &mut Report<'_>,
) -> Option<T> {
    while !report.is_full() {
        let error = match T::deserialize(NodeReader { tree, id }) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let location = error.location.unwrap_or(Location::Value(id));
        let (Location::Value(culprit) | Location::Key { value: culprit, .. }) = location;
        let follows = matches!(location, Location::Value(_)) && tree.has_pruned_child(culprit);
        let forgiven = missing == MissingVariables::Forgive
            && matches!(error.kind, ReadErrorKind::MissingVariable(_));
        if !follows && !forgiven {
            error.report(tree, location, report);
        }
        tree.prune(culprit);
        if culprit == id {
            return None;
        }
    }
    None
}
