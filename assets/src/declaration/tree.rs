//! The tree of a file's text: nodes in one list, each with its place, however it was written.
//!
//! YAML files and JSON values both become such a tree, so that everything after it is written
//! once. A node that a YAML alias names stands in the list once and is pointed at twice; how often
//! aliases multiply it was bounded when the tree was built.

use std::cell::Cell;
use std::ops::Range;

use super::report::shown;
use super::substitute::Substituted;

/// Where something stands in the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spot {
    /// Line, from 1.
    pub(super) line: usize,
    /// Column in characters, from 1.
    pub(super) column: usize,
    /// Bytes, end exclusive.
    pub(super) span: Range<usize>,
}

/// Names a node of one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) usize);

/// One value with its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) spot: Spot,
    pub(super) content: Content,
    /// Set once the node was reported as wrong; readers then pass over it.
    pruned: Cell<bool>,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Content {
    /// Nothing was written.
    Null,
    /// A text, number or truth value.
    Scalar(Scalar),
    /// Values in order.
    List(Vec<NodeId>),
    /// Keys with values, in the order of the file, no key twice.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_spot: Spot,
    pub(super) value: NodeId,
}

/// A text, number or truth value as it was written.
#[derive(Debug)]
pub(super) struct Scalar {
    /// The text before variables were put in: the only form that may be shown.
    pub(super) written: String,
    /// Whether it was written without quotes, so that it may mean a number or a truth value.
    pub(super) plain: bool,
    /// The text with variables put in, where it names any.
    pub(super) substituted: Option<Substituted>,
}

/// All nodes of one text.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// The outermost value; absent where the text holds none.
    pub(super) root: Option<NodeId>,
}

impl Tree {
    /// Adds a node and returns its name.
    pub(super) fn push(&mut self, spot: Spot, content: Content) -> NodeId {
        self.nodes.push(Node {
            spot,
            content,
            pruned: Cell::new(false),
        });
        NodeId(self.nodes.len() - 1)
    }

    /// Returns a node of this tree.
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    /// Returns a node to be filled.
    pub(super) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(id.0)
    }

    /// Returns how many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns what a node holds; a node of another tree holds nothing.
    pub(super) fn content(&self, id: NodeId) -> &Content {
        self.node(id).map_or(&Content::Null, |node| &node.content)
    }

    /// Returns where a node stands.
    pub(super) fn spot(&self, id: NodeId) -> Spot {
        self.node(id)
            .map_or_else(Spot::default, |node| node.spot.clone())
    }

    /// Returns a scalar's text as it was written, without the values of variables.
    pub(super) fn written(&self, id: NodeId) -> Option<&str> {
        match self.content(id) {
            Content::Scalar(scalar) => Some(&scalar.written),
            Content::Null | Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Returns whether variables were put into a scalar, so that its text must not be shown.
    pub(super) fn is_substituted(&self, id: NodeId) -> bool {
        matches!(self.content(id), Content::Scalar(scalar) if scalar.substituted.is_some())
    }

    /// Takes a node out of what readers see.
    pub(super) fn prune(&self, id: NodeId) {
        if let Some(node) = self.node(id) {
            node.pruned.set(true);
        }
    }

    /// Returns whether a node was taken out.
    pub(super) fn is_pruned(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| node.pruned.get())
    }

    /// Returns whether something directly in a node was taken out.
    pub(super) fn has_pruned_child(&self, id: NodeId) -> bool {
        match self.content(id) {
            Content::Null | Content::Scalar(_) => false,
            Content::List(items) => items.iter().any(|item| self.is_pruned(*item)),
            Content::Map(entries) => entries.iter().any(|entry| self.is_pruned(entry.value)),
        }
    }

    /// Returns the keys that lead from the root to a node: `freshness.max_lag`, `depends_on[2]`.
    pub(super) fn path_to(&self, id: NodeId) -> String {
        let mut path = String::new();
        for step in self.steps_up_from(id).iter().rev() {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path = format!("{path}.{key}"),
                Step::Index(index) => path = format!("{path}[{index}]"),
            }
        }
        shown(&path)
    }

    /// Returns the key in front of a node; absent for the root and for entries of lists.
    pub(super) fn key_of(&self, id: NodeId) -> Option<String> {
        match self.steps_up_from(id).into_iter().next() {
            Some(Step::Key(key)) => Some(key.to_owned()),
            Some(Step::Index(_)) | None => None,
        }
    }

    /// Returns what to call a node in a message: its key, or the key of the list it is in.
    pub(super) fn label(&self, id: NodeId) -> Option<String> {
        match self.steps_up_from(id).as_slice() {
            [Step::Key(key), ..] => Some(format!("`{}`", shown(key))),
            [Step::Index(_), Step::Key(list), ..] => Some(format!("an entry of `{}`", shown(list))),
            [] | [Step::Index(_), ..] => None,
        }
    }

    /// Returns the steps from a node up to the root, innermost first.
    fn steps_up_from(&self, id: NodeId) -> Vec<Step<'_>> {
        // Parents are pushed before their children, so that one pass backwards finds the way up.
        let mut wanted = id;
        let mut steps = Vec::new();
        for (position, node) in self.nodes.iter().enumerate().take(id.0).rev() {
            if let Some(step) = step_into(&node.content, wanted) {
                steps.push(step);
                wanted = NodeId(position);
            }
        }
        steps
    }
}

/// How a node stands in its parent.
enum Step<'t> {
    Key(&'t str),
    Index(usize),
}

fn step_into(content: &Content, wanted: NodeId) -> Option<Step<'_>> {
    match content {
        Content::Null | Content::Scalar(_) => None,
        Content::List(items) => items
            .iter()
            .position(|item| *item == wanted)
            .map(Step::Index),
        Content::Map(entries) => entries
            .iter()
            .find(|entry| entry.value == wanted)
            .map(|entry| Step::Key(&entry.key)),
    }
}
