//! What the demonstration came to, counted from the workspace's ledger and from the tables.

use std::collections::BTreeMap;

use serde::Serialize;
use workspace::ledger::{Ledger, LedgerEntry};
use workspace::sample::MartCheck;

use super::figure::{Act, Figure};

/// The figures at the end.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tally {
    /// Runs in the ledger.
    pub runs_triggered: usize,
    /// Runs that a trigger on every new table version would have started, beyond those that were
    /// needed: the downstream of commits that changed no data.
    pub runs_avoided: usize,
    /// Runs that share an intent and attempt with another one.
    pub duplicates: usize,
    /// Every mart of the lakehouse compared with a recomputation from the sources.
    pub marts: Vec<Mart>,
    /// From the commit of a source to the start of the run that reads it, under `--watch`.
    pub commit_to_trigger: Option<Latency>,
    /// What the acts with projects of their own came to, in their order.
    pub acts: Vec<Act>,
    /// Times a reconciler was killed.
    pub kills: usize,
    /// Answers of the workspace that were lost.
    pub lost_answers: u64,
    /// How long all of it took.
    pub seconds: f64,
    /// The project's folder.
    pub folder: String,
}

/// One mart and what came of the comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Mart {
    /// Its key.
    pub asset: String,
    /// How many rows it holds.
    pub rows: usize,
    /// Whether it holds what its sources say.
    pub is_equal: bool,
    /// The first difference.
    pub difference: Option<String>,
}

/// How long things took, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: usize,
    /// The middle one.
    pub median_ms: u64,
    /// The longest.
    pub longest_ms: u64,
}

impl Tally {
    /// Returns whether the demonstration showed what it should.
    pub fn is_good(&self) -> bool {
        self.duplicates == 0
            && !self.marts.is_empty()
            && self.marts.iter().all(|m| m.is_equal)
            && !self.acts.is_empty()
            && self.unmet().is_empty()
    }

    /// The figures that are not what they must be, with the act of each.
    pub fn unmet(&self) -> Vec<(&'static str, &Figure)> {
        let acts = self.acts.iter();
        let figures = acts.flat_map(|act| act.figures.iter().map(|figure| (act.name, figure)));
        figures.filter(|(_, figure)| !figure.is_met).collect()
    }
}

impl From<MartCheck> for Mart {
    fn from(check: MartCheck) -> Self {
        Self {
            asset: check.asset,
            rows: check.rows,
            is_equal: check.equal,
            difference: check.difference,
        }
    }
}

/// Returns how many runs share their intent and attempt with an earlier one.
pub(super) fn duplicates(ledger: &Ledger) -> usize {
    let groups = ledger.duplicates();
    groups
        .values()
        .map(|runs| runs.len().saturating_sub(1))
        .sum()
}

/// Returns how long it took from each arrival to the first run started after it that reads its
/// table.
///
/// `arrived` holds assets and epoch milliseconds, `readers` the jobs that read each asset.
pub(super) fn latency(
    arrived: &[(String, i64)],
    readers: &BTreeMap<String, Vec<String>>,
    ledger: &[LedgerEntry],
) -> Option<Latency> {
    let mut waits: Vec<u64> = arrived
        .iter()
        .filter_map(|(asset, at)| {
            let jobs = readers.get(asset)?;
            let reads =
                |entry: &&LedgerEntry| entry.created_at >= *at && jobs.contains(&entry.job_name);
            let first = ledger
                .iter()
                .filter(reads)
                .map(|entry| entry.created_at)
                .min()?;
            u64::try_from(first - at).ok()
        })
        .collect();
    waits.sort_unstable();
    let longest_ms = *waits.last()?;
    let median_ms = *waits.get(waits.len() / 2)?;
    Some(Latency {
        count: waits.len(),
        median_ms,
        longest_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::figure::Bound;

    fn tally(found: u64) -> Tally {
        Tally {
            marts: vec![Mart {
                asset: "mart.a".to_owned(),
                rows: 1,
                is_equal: true,
                difference: None,
            }],
            acts: vec![Act {
                name: "late_data",
                seconds: 1.0,
                figures: vec![Figure::new("runs", found, Bound::Exactly(3))],
            }],
            ..Tally::default()
        }
    }

    #[test]
    fn a_figure_that_is_not_what_it_must_be_spoils_the_demonstration_and_is_named() {
        assert!(tally(3).is_good());
        let spoilt = tally(4);
        assert!(!spoilt.is_good());
        let unmet: Vec<_> = spoilt
            .unmet()
            .iter()
            .map(|(act, f)| (*act, f.name))
            .collect();
        assert_eq!(unmet, [("late_data", "runs")]);
        let without_acts = Tally {
            acts: Vec::new(),
            ..tally(3)
        };
        assert!(!without_acts.is_good());
    }
}
