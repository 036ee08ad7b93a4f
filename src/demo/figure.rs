//! Figures: what an act has to come to, beside what it came to.

use std::fmt;

use serde::Serialize;

/// What one act came to.
#[derive(Debug, Clone, Serialize)]
pub struct Act {
    /// Its name, such as `late_data`.
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
    /// What was counted, from the workspace's ledger and from the tables.
    pub figures: Vec<Figure>,
}

/// One number, and what it must be.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was counted.
    pub name: &'static str,
    /// How many.
    pub found: u64,
    /// How many there must be.
    pub must_be: Bound,
    /// Whether that holds.
    pub is_met: bool,
}

/// What a number must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Just that.
    Exactly(u64),
    /// That or more.
    AtLeast(u64),
    /// That or less.
    AtMost(u64),
}

impl Figure {
    /// Compares a number with what it must be.
    pub fn new(name: &'static str, found: u64, must_be: Bound) -> Self {
        let is_met = match must_be {
            Bound::Exactly(wanted) => found == wanted,
            Bound::AtLeast(least) => found >= least,
            Bound::AtMost(most) => found <= most,
        };
        Self {
            name,
            found,
            must_be,
            is_met,
        }
    }

    /// The same of things that are in memory.
    pub fn count(name: &'static str, found: usize, must_be: Bound) -> Self {
        Self::new(name, u64::try_from(found).unwrap_or(u64::MAX), must_be)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(wanted) => write!(f, "{wanted}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_holds_within_its_bound_only() {
        let is_met = |found, must_be| Figure::new("runs", found, must_be).is_met;
        let exactly = [1, 2, 3].map(|found| is_met(found, Bound::Exactly(2)));
        assert_eq!(exactly, [false, true, false]);
        let at_least = [1, 2, 3].map(|found| is_met(found, Bound::AtLeast(2)));
        assert_eq!(at_least, [false, true, true]);
        let at_most = [1, 2, 3].map(|found| is_met(found, Bound::AtMost(2)));
        assert_eq!(at_most, [true, true, false]);
    }
}
