//! The newest versions of some inputs that agree on every root which two of them show: a pure search.
//!
//! A version is struck out when another input has none that shows the same version of a shared root, until
//! none is struck out any more. Where provenance only grows from version to version, the newest of what is
//! left is the answer: whatever an input shows at its newest, another one shows at its newest or before,
//! and so the other way round. Where it does not, because a table was set back or made anew, what is left
//! is searched, newest first in the order of the inputs, in a bounded number of steps. Versions of a root
//! are compared for equality only.

use std::collections::{BTreeMap, BTreeSet};

use assets::version::TableVersion;

/// How many comparisons a search may take before it gives up: then the asset waits.
pub(super) const STEPS: usize = 100_000;

/// A version of an input, and what it shows of those roots that it shares with other inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate<'a, Root, At> {
    pub(super) version: Option<&'a TableVersion>,
    pub(super) roots: BTreeMap<Root, At>,
}

/// Returns which candidate of each input, all of them newest first, makes the newest agreeing cut.
pub(super) fn newest_agreeing<Root: Ord + Copy, At: Ord + Copy>(
    inputs: &[Vec<Candidate<'_, Root, At>>],
    steps: usize,
) -> Option<Vec<usize>> {
    let left = struck_out(inputs);
    let mut search = Search {
        inputs,
        left: &left,
        steps,
    };
    let mut chosen = Vec::with_capacity(inputs.len());
    search
        .choose(&mut chosen, &BTreeMap::new())
        .then_some(chosen)
}

/// Returns the positions of those candidates of each input that others can agree with.
fn struck_out<Root: Ord + Copy, At: Ord + Copy>(
    inputs: &[Vec<Candidate<'_, Root, At>>],
) -> Vec<Vec<usize>> {
    let mut left: Vec<Vec<usize>> = inputs
        .iter()
        .map(|candidates| (0..candidates.len()).collect())
        .collect();
    loop {
        let mut shown: BTreeMap<Root, BTreeSet<At>> = BTreeMap::new();
        let mut is_first_of: BTreeSet<Root> = BTreeSet::new();
        for (candidates, left) in inputs.iter().zip(&left) {
            let kept = || left.iter().filter_map(|at| candidates.get(*at));
            let names: BTreeSet<Root> = kept().flat_map(|one| one.roots.keys().copied()).collect();
            for root in names {
                // A version that does not depend on the root goes with any.
                if kept().any(|one| !one.roots.contains_key(&root)) {
                    continue;
                }
                let own: BTreeSet<At> = kept()
                    .filter_map(|one| one.roots.get(&root).copied())
                    .collect();
                let all = shown.entry(root).or_default();
                if is_first_of.insert(root) {
                    *all = own;
                } else {
                    all.retain(|at| own.contains(at));
                }
            }
        }
        let mut is_done = true;
        for (candidates, left) in inputs.iter().zip(&mut left) {
            left.retain(|at| {
                let Some(candidate) = candidates.get(*at) else {
                    return false;
                };
                let mut roots = candidate.roots.iter();
                let goes =
                    roots.all(|(root, at)| shown.get(root).is_none_or(|all| all.contains(at)));
                is_done &= goes;
                goes
            });
        }
        if is_done {
            return left;
        }
    }
}

/// A search among what is left.
struct Search<'a, Root, At> {
    inputs: &'a [Vec<Candidate<'a, Root, At>>],
    left: &'a [Vec<usize>],
    steps: usize,
}

impl<Root: Ord + Copy, At: Ord + Copy> Search<'_, Root, At> {
    /// Completes a choice for the first inputs; returns whether there is a way to.
    fn choose(&mut self, chosen: &mut Vec<usize>, bound: &BTreeMap<Root, At>) -> bool {
        let next = chosen.len();
        let (Some(candidates), Some(left)) = (self.inputs.get(next), self.left.get(next)) else {
            return true;
        };
        for at in left {
            let Some(candidate) = candidates.get(*at) else {
                continue;
            };
            if self.steps == 0 {
                return false;
            }
            self.steps -= 1;
            let mut roots = candidate.roots.iter();
            if !roots.all(|(root, at)| bound.get(root).is_none_or(|bound| bound == at)) {
                continue;
            }
            let mut with = bound.clone();
            with.extend(candidate.roots.iter().map(|(root, at)| (*root, *at)));
            chosen.push(*at);
            if self.choose(chosen, &with) {
                return true;
            }
            chosen.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Roots = BTreeMap<u8, u8>;

    fn candidates(histories: &[Vec<Roots>]) -> Vec<Vec<Candidate<'static, u8, u8>>> {
        let candidate = |roots: &Roots| Candidate {
            version: None,
            roots: roots.clone(),
        };
        let input = |history: &Vec<Roots>| history.iter().map(candidate).collect();
        histories.iter().map(input).collect()
    }

    fn newest(histories: &[Vec<Roots>]) -> Option<Vec<usize>> {
        newest_agreeing(&candidates(histories), STEPS)
    }

    /// Whether the chosen versions agree on every root that two of them show.
    fn agrees(histories: &[Vec<Roots>], chosen: &[usize]) -> bool {
        let mut bound = Roots::new();
        histories.iter().zip(chosen).all(|(history, at)| {
            let mut roots = history[*at].iter();
            roots.all(|(root, version)| *bound.entry(*root).or_insert(*version) == *version)
        })
    }

    /// Every cut that there is, the newest first in the order of the inputs.
    fn all_cuts(histories: &[Vec<Roots>]) -> Vec<Vec<usize>> {
        let mut cuts = vec![Vec::new()];
        for history in histories {
            cuts = cuts
                .iter()
                .flat_map(|cut: &Vec<usize>| {
                    (0..history.len()).map(|at| cut.iter().copied().chain([at]).collect())
                })
                .collect();
        }
        cuts
    }

    /// Three roots, each shown or not.
    fn roots() -> impl Strategy<Value = Roots> {
        prop::collection::btree_map(0_u8..3, 0_u8..4, 0..3)
    }

    /// Histories in which provenance only grows, of inputs that show always the same roots.
    fn growing() -> impl Strategy<Value = Vec<Vec<Roots>>> {
        let steps = prop::collection::vec(prop::collection::vec(0_u8..3, 3), 1..6);
        let input = (prop::collection::btree_set(0_u8..3, 0..=3), steps);
        let history = input.prop_map(|(shown, steps)| {
            let mut at = [0_u8; 3];
            let mut history: Vec<Roots> = Vec::new();
            for step in steps {
                for (at, step) in at.iter_mut().zip(step) {
                    *at += step;
                }
                let roots = shown.iter().map(|root| (*root, at[usize::from(*root)]));
                history.push(roots.collect());
            }
            history.reverse();
            history
        });
        prop::collection::vec(history, 1..5)
    }

    proptest! {
        #[test]
        fn the_cut_is_the_newest_of_all_that_agree(
            histories in prop::collection::vec(prop::collection::vec(roots(), 0..5), 0..5),
        ) {
            let mut all = all_cuts(&histories).into_iter();
            let expected = all.find(|cut| agrees(&histories, cut));
            prop_assert_eq!(newest(&histories), expected);
        }

        #[test]
        fn where_provenance_grows_the_cut_is_the_newest_for_every_input_and_found_at_once(
            histories in growing(),
        ) {
            let cuts = all_cuts(&histories);
            let agreeing: Vec<_> = cuts.into_iter().filter(|cut| agrees(&histories, cut)).collect();
            let newest_each = (0..histories.len())
                .map(|input| agreeing.iter().map(|cut| cut[input]).min())
                .collect::<Option<Vec<usize>>>();
            // One step for each input: nothing is ever taken back.
            let found = newest_agreeing(&candidates(&histories), histories.len());
            prop_assert_eq!(found, newest_each.filter(|_| !agreeing.is_empty()));
        }
    }

    #[test]
    fn long_histories_that_never_agree_are_given_up_at_once() {
        let of = |root: u8, versions: std::ops::Range<u8>| -> Vec<Roots> {
            versions.rev().map(|at| Roots::from([(root, at)])).collect()
        };
        let histories = vec![of(0, 0..100), of(0, 100..200), of(1, 0..250), of(1, 0..250)];
        assert_eq!(newest_agreeing(&candidates(&histories), 0), None);
    }

    #[test]
    fn a_search_that_takes_too_long_finds_nothing() {
        // Pairs of inputs share a root each, so that striking out alone does not decide.
        let pair = |a: u8, b: u8| -> Vec<Roots> {
            let both = |x, y| Roots::from([(a, x), (b, y)]);
            vec![both(0, 0), both(1, 1)]
        };
        let torn = vec![Roots::from([(0, 0), (2, 1)]), Roots::from([(0, 1), (2, 0)])];
        let histories = vec![pair(0, 1), pair(1, 2), torn];
        assert_eq!(newest(&histories), None);
        assert_eq!(newest_agreeing(&candidates(&histories), 1), None);
    }
}
