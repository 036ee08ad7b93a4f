//! What the workspace's ledger testifies: pure functions over its entries.

use std::collections::BTreeMap;

use workspace::ledger::LedgerEntry;

/// Returns a parameter of a run.
pub(super) fn parameter<'e>(entry: &'e LedgerEntry, name: &str) -> &'e str {
    entry.parameters.get(name).map_or("", String::as_str)
}

/// Returns the runs of a job, in the order in which they were made.
pub(super) fn runs_of<'e>(entries: &'e [LedgerEntry], job: &str) -> Vec<&'e LedgerEntry> {
    let mut runs: Vec<&LedgerEntry> = entries.iter().filter(|e| e.job_name == job).collect();
    runs.sort_by_key(|entry| (entry.created_at, entry.run_id));
    runs
}

/// Returns how often each partition was built by runs, whatever became of them.
pub(super) fn builds_by_partition(runs: &[&LedgerEntry]) -> BTreeMap<String, usize> {
    let mut builds = BTreeMap::new();
    for run in runs {
        let told = parameter(run, "partitions").split(',');
        for key in told.filter(|key| !key.is_empty()) {
            *builds.entry(key.to_owned()).or_default() += 1;
        }
    }
    builds
}

/// Returns how many of these runs were under way at once, at most. One that is not over counts from
/// its beginning on.
pub(super) fn most_at_once(runs: &[&LedgerEntry]) -> usize {
    let during = |at: i64| {
        let is_under_way = |run: &&&LedgerEntry| {
            run.created_at <= at && run.ended_at.is_none_or(|ended| ended > at)
        };
        runs.iter().filter(is_under_way).count()
    };
    let most = runs.iter().map(|run| during(run.created_at)).max();
    most.unwrap_or_default()
}

/// How ranges of versions follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    /// Versions that were read.
    pub(super) read: u64,
    /// Versions that were read more than once.
    pub(super) twice: u64,
    /// Versions of those wanted that were not read.
    pub(super) missed: u64,
    /// Ranges that do not begin where the one before ended.
    pub(super) jumps: u64,
}

/// Compares ranges of versions, both ends included and in their order, with the versions from `first` to
/// `last`.
pub(super) fn coverage(ranges: &[(u64, u64)], (first, last): (u64, u64)) -> Coverage {
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    let mut coverage = Coverage::default();
    let mut next = first;
    for (from, to) in ranges {
        for version in *from..=*to {
            *times.entry(version).or_default() += 1;
        }
        coverage.jumps += u64::from(*from != next);
        next = to + 1;
    }
    coverage.read = times.keys().map(|_| 1).sum();
    coverage.twice = times.values().map(|times| u64::from(*times > 1)).sum();
    coverage.missed = (first..=last)
        .map(|version| u64::from(!times.contains_key(&version)))
        .sum();
    coverage
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(created_at: i64, ended_at: Option<i64>, partitions: &str) -> LedgerEntry {
        LedgerEntry {
            run_id: created_at,
            job_id: 1,
            job_name: "build".to_owned(),
            token: None,
            parameters: BTreeMap::from([("partitions".to_owned(), partitions.to_owned())]),
            created_at,
            started_at: Some(created_at),
            ended_at,
            result: None,
            tables: Vec::new(),
        }
    }

    #[test]
    fn a_partition_that_was_built_twice_is_counted_twice() {
        let entries = [
            run(1, Some(2), "a,b"),
            run(3, Some(4), "b"),
            run(5, None, ""),
        ];
        let builds = builds_by_partition(&runs_of(&entries, "build"));
        assert_eq!(
            builds,
            BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)])
        );
    }

    #[test]
    fn runs_that_only_touch_are_not_at_once() {
        let of = |runs: &[(i64, Option<i64>)]| {
            let entries: Vec<LedgerEntry> =
                runs.iter().map(|(from, to)| run(*from, *to, "")).collect();
            most_at_once(&runs_of(&entries, "build"))
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(1, Some(3)), (3, Some(5))]), 1);
        assert_eq!(of(&[(1, Some(4)), (3, Some(5)), (4, Some(6))]), 2);
        assert_eq!(of(&[(1, None), (3, Some(5)), (4, Some(6))]), 3);
    }

    #[test]
    fn ranges_that_follow_each_other_read_each_version_once() {
        let seamless = coverage(&[(0, 2), (3, 3), (4, 6)], (0, 6));
        let good = Coverage {
            read: 7,
            ..Coverage::default()
        };
        assert_eq!(seamless, good);
        let gap = coverage(&[(0, 2), (4, 6)], (0, 6));
        assert_eq!(
            gap,
            Coverage {
                read: 6,
                missed: 1,
                jumps: 1,
                ..Coverage::default()
            }
        );
        let overlap = coverage(&[(0, 2), (2, 6)], (0, 6));
        assert_eq!(
            overlap,
            Coverage {
                read: 7,
                twice: 1,
                jumps: 1,
                ..Coverage::default()
            }
        );
        assert_eq!(coverage(&[], (0, 1)).missed, 2);
        assert_eq!(coverage(&[(0, 0)], (0, 1)).missed, 1);
    }
}
