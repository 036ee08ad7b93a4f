//! Why an edge has no mapping, and what to declare instead.

use std::fmt;

use crate::partition::key::KeyError;

/// A mapping that could be declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// `same`.
    Same,
    /// `all`.
    All,
    /// `latest`.
    Latest,
    /// `overlap`.
    Overlap,
    /// `keys`, with a table.
    Keys,
    /// `dimension`, with the name of a part.
    Dimension(String),
}

impl fmt::Display for Choice {
    /// Writes it as in a declaration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same",
            Self::All => "all",
            Self::Latest => "latest",
            Self::Overlap => "overlap",
            Self::Keys => "{ keys: … }",
            Self::Dimension(name) => return write!(f, "{{ dimension: {name} }}"),
        })
    }
}

/// Why there is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// None is declared, and the definitions leave several.
    #[error("how the partitions of both sides belong together is not clear")]
    Ambiguous {
        /// What can be declared.
        choices: Vec<Choice>,
    },
    /// A side has no partitions.
    #[error("`{mapping}` needs partitions, and {side} has none")]
    Unpartitioned {
        /// The declared mapping.
        mapping: &'static str,
        /// The side.
        side: &'static str,
    },
    /// The partitions of both sides are not the same ones.
    #[error("`same` needs the same partitions on both sides: {detail}")]
    NotSame {
        /// Where they differ.
        detail: String,
    },
    /// A side has no windows of time, or several in one product.
    #[error("`{mapping}` needs one part with windows of time, and {side} has none or several")]
    NoTime {
        /// The declared mapping.
        mapping: &'static str,
        /// The side.
        side: &'static str,
    },
    /// The moved window would end before it begins, or lies too far away.
    #[error("windows cannot be moved from {start} to {end} steps")]
    Offsets {
        /// By how much the beginning would be moved.
        start: i64,
        /// By how much the end would be moved.
        end: i64,
    },
    /// A key of the table is none.
    #[error("the table of keys names a partition that {side} does not have: {error}")]
    Key {
        /// The side.
        side: &'static str,
        /// Why.
        error: KeyError,
    },
    /// Neither side is a product.
    #[error("`dimension` needs a product on one side")]
    NoProduct,
    /// A product has no part of that name.
    #[error("{side} has no part `{name}`")]
    NoDimension {
        /// The name.
        name: String,
        /// The side.
        side: &'static str,
        /// The names that it has.
        names: Vec<String>,
    },
    /// The two parts have nothing in common that could be compared.
    #[error("the parts that `dimension: {name}` names cannot be compared")]
    NoLink {
        /// The name.
        name: String,
    },
}

impl MappingError {
    /// Returns what to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Ambiguous { choices } => {
                let choices: Vec<String> =
                    choices.iter().map(|choice| format!("`{choice}`")).collect();
                format!("add `mapping:` with one of {}", choices.join(", "))
            }
            Self::Unpartitioned { .. } => "leave `mapping` out: all is needed".into(),
            Self::NotSame { .. } => {
                "write `overlap` for windows of time, or `all`; or give both sides the same zone"
                    .into()
            }
            Self::NoTime { .. } => "write `all`, or `{ dimension: … }`".into(),
            Self::Offsets { .. } => {
                "`start_offset` is at most `end_offset`: `-6` and `0` are seven windows".into()
            }
            Self::Key { .. } => "write keys as `headwater partitions` shows them".into(),
            Self::NoProduct => "leave it out, or write `same`".into(),
            Self::NoDimension { names, .. } => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                format!("write one of {}", names.join(", "))
            }
            Self::NoLink { .. } => {
                "write `all`, or rename a column so that both have the same".into()
            }
        }
    }
}
