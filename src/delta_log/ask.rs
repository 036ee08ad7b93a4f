//! What is wanted of a table, and how closely it is looked at.

use assets::delta::contents::Watch;

/// What is wanted of a table beyond its newest data version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// Whether its files are counted, where they were not yet or a commit does not tell enough.
    pub contents: bool,
    /// What is wanted of columns with that.
    pub columns: Vec<Watch>,
    /// The columns over whose values the files of commits are seen to spread.
    pub spread: Vec<String>,
    /// How closely it is looked at.
    pub look: Look,
}

impl Ask {
    /// Asks for everything, with what is watched of columns.
    pub fn counting(watches: Vec<Watch>, look: Look) -> Self {
        let mut ask = Self {
            contents: true,
            look,
            ..Self::default()
        };
        for watch in watches {
            match watch {
                Watch::Spread(column) => ask.spread.push(column),
                Watch::Range(_) | Watch::Nulls(_) => ask.columns.push(watch),
            }
        }
        ask
    }
}

/// How closely a log with a known head is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    /// At what may be new. Where a request costs something, at that alone: that another log stands in
    /// the place of a known one is seen only when it goes on.
    #[default]
    Quick,
    /// Also whether the known commit is still the file that it was.
    Close,
    /// At a listing of the whole log, distrusting a quiet probe: one cannot see commits beyond a
    /// missing one.
    Listed,
}
