//! Draws the neighbourhood of an asset as a tree of lines, for terminals and logs.
//!
//! A graph is not a tree: an asset that was drawn with its neighbours before appears again by name
//! only, so that the drawing has at most one line for each edge. What an asset looks like is the
//! caller's; this module knows the lines around it.

use std::fmt::Write as _;

use crate::graph::{AssetGraph, AssetIndex, AssetSet};

/// The deepest level that is drawn: indentation beyond that helps nobody, and would make the text
/// of a long chain grow with the square of its length.
const MAX_DEPTH: u32 = 64;

/// Which way a tree grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Upstream,
    Downstream,
}

/// A line that is still to be drawn.
struct Pending {
    index: AssetIndex,
    /// What stands before its branch.
    indent: String,
    is_last: bool,
    /// From 1.
    depth: u32,
}

/// Draws an asset, then its upstreams to `up` levels and its downstreams to `down` levels, each
/// at most 64; a direction of 0 levels is left out. Neighbours stand in key order, and a line
/// that is cut off says how many more there are.
///
/// `label` returns one line for an asset, without a line break.
pub fn tree(
    graph: &AssetGraph,
    index: AssetIndex,
    up: u32,
    down: u32,
    label: &dyn Fn(AssetIndex) -> String,
) -> String {
    let mut text = label(index);
    text.push('\n');
    let wanted = [(Direction::Upstream, up), (Direction::Downstream, down)];
    let drawn: Vec<(Direction, u32)> = wanted
        .into_iter()
        .filter(|(_, levels)| *levels > 0)
        .collect();
    for (at, (direction, levels)) in drawn.iter().enumerate() {
        let is_last = at + 1 == drawn.len();
        let count = direction.neighbours(graph, index).len();
        let nothing = if count == 0 { ": none" } else { "" };
        write_line(&mut text, "", is_last, &[direction.word(), nothing]);
        let indent = indent_below("", is_last);
        branches(
            &mut text,
            graph,
            (index, *direction, (*levels).min(MAX_DEPTH)),
            &indent,
            label,
        );
    }
    text
}

impl Direction {
    fn neighbours(self, graph: &AssetGraph, index: AssetIndex) -> &[AssetIndex] {
        match self {
            Self::Upstream => graph.upstreams(index),
            Self::Downstream => graph.downstreams(index),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Downstream => "downstream",
        }
    }
}

fn branches(
    text: &mut String,
    graph: &AssetGraph,
    (root, direction, levels): (AssetIndex, Direction, u32),
    indent: &str,
    label: &dyn Fn(AssetIndex) -> String,
) {
    let mut expanded = AssetSet::new(graph.len());
    let mut stack = Vec::new();
    push_neighbours(&mut stack, direction.neighbours(graph, root), indent, 1);
    while let Some(line) = stack.pop() {
        let next = direction.neighbours(graph, line.index);
        let name = label(line.index);
        let mut cut = String::new();
        if !next.is_empty() && expanded.contains(line.index) {
            cut.push_str(" (as above)");
        } else if !next.is_empty() && line.depth >= levels {
            // Writing to a string cannot fail.
            _ = write!(cut, " ({} more {})", next.len(), direction.word());
        } else if !next.is_empty() {
            expanded.insert(line.index);
            let below = indent_below(&line.indent, line.is_last);
            push_neighbours(&mut stack, next, &below, line.depth + 1);
        }
        write_line(text, &line.indent, line.is_last, &[&name, &cut]);
    }
}

/// Puts neighbours on the stack so that the first by key is drawn first.
fn push_neighbours(stack: &mut Vec<Pending>, row: &[AssetIndex], indent: &str, depth: u32) {
    let lines = row.iter().enumerate().map(|(at, index)| Pending {
        index: *index,
        indent: indent.to_owned(),
        is_last: at + 1 == row.len(),
        depth,
    });
    stack.extend(lines.rev());
}

fn indent_below(indent: &str, is_last: bool) -> String {
    format!("{indent}{}", if is_last { "    " } else { "│   " })
}

fn write_line(text: &mut String, indent: &str, is_last: bool, words: &[&str]) {
    text.push_str(indent);
    text.push_str(if is_last { "└── " } else { "├── " });
    text.extend(words.iter().copied());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{numbered, table};

    fn draw(graph: &AssetGraph, key: &str, up: u32, down: u32) -> String {
        let label = |index: AssetIndex| graph.asset(index).key.to_string();
        tree(graph, graph.index_of(key).unwrap(), up, down, &label)
    }

    #[test]
    fn a_neighbourhood_is_drawn_once_and_says_what_is_cut() {
        let graph = AssetGraph::build(vec![
            table("a", &[]),
            table("b", &["a"]),
            table("c", &["a", "b"]),
            table("d", &["b", "c"]),
            table("e", &["d"]),
            table("f", &["e"]),
        ])
        .unwrap();
        insta::assert_snapshot!(draw(&graph, "d", 9, 1), @r"
        d
        ├── upstream
        │   ├── b
        │   │   └── a
        │   └── c
        │       ├── a
        │       └── b (as above)
        └── downstream
            └── e (1 more downstream)
        ");
        insta::assert_snapshot!(draw(&graph, "a", 1, 0), @r"
        a
        └── upstream: none
        ");
    }

    #[test]
    fn fault_43_a_chain_of_100_000_stays_readable() {
        let chain = (0..100_000).map(|at| match at {
            0 => table(&numbered(0), &[]),
            _ => table(&numbered(at), &[&numbered(at - 1)]),
        });
        let graph = AssetGraph::build(chain.collect()).unwrap();
        let text = draw(&graph, &numbered(50_000), u32::MAX, u32::MAX);
        assert_eq!(text.lines().count(), 1 + 2 * (1 + 64));
        assert!(
            text.lines()
                .last()
                .unwrap()
                .ends_with("(1 more downstream)")
        );
    }
}
