//! Code versions: each node's own hash, and the macros and ephemeral parents that go into it.
//!
//! An ephemeral model, and a function, is part of the code of whatever reads it, through any number
//! of steps. Nothing recurses: chains may be as long as the project.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::convert::Code;
use super::fingerprint::{Fingerprint, Hash};

/// A macro: the hash of its text, and what it calls.
pub(super) struct Macro {
    /// Hash of `macro_sql`.
    pub(super) own: Hash,
    /// The macros it calls directly.
    pub(super) calls: Vec<Arc<str>>,
}

/// All macros of a manifest by `unique_id`.
pub(super) type Macros = BTreeMap<Arc<str>, Macro>;

/// One thing with code, and the positions of those whose code becomes part of it.
pub(super) struct Unit<'a> {
    /// Its own code.
    pub(super) code: &'a Code,
    /// Positions in the list of units.
    pub(super) inlines: Vec<usize>,
}

/// Returns the finished hash of each unit, in order.
///
/// Units on a cycle, which dbt never writes, get the hash of their own code and macros.
pub(super) fn finished(macros: &Macros, units: &[Unit<'_>]) -> Vec<Hash> {
    let mut closures = Closures::new(macros);
    let alone: Vec<Hash> = units
        .iter()
        .map(|unit| closures.with_macros(unit.code))
        .collect();
    let mut hashes = alone.clone();
    let mut missing: Vec<usize> = units.iter().map(|unit| unit.inlines.len()).collect();
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); units.len()];
    for (position, unit) in units.iter().enumerate() {
        for inlined in &unit.inlines {
            if let Some(readers) = readers.get_mut(*inlined) {
                readers.push(position);
            }
        }
    }
    let mut ready: Vec<usize> = (0..units.len())
        .filter(|position| missing.get(*position) == Some(&0))
        .collect();
    while let Some(position) = ready.pop() {
        if let (Some(unit), Some(own)) = (units.get(position), alone.get(position)) {
            let hash = with_inlined(own, unit, &hashes);
            if let Some(slot) = hashes.get_mut(position) {
                *slot = hash;
            }
        }
        for reader in readers.get(position).into_iter().flatten() {
            if let Some(left) = missing.get_mut(*reader) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push(*reader);
                }
            }
        }
    }
    hashes
}

fn with_inlined(own: &Hash, unit: &Unit<'_>, hashes: &[Hash]) -> Hash {
    if unit.inlines.is_empty() {
        return *own;
    }
    let mut inlined: Vec<_> = unit
        .inlines
        .iter()
        .filter_map(|at| hashes.get(*at))
        .collect();
    inlined.sort_unstable();
    let mut fingerprint = Fingerprint::new("with ephemeral parents");
    fingerprint.hash(own);
    fingerprint.size(inlined.len());
    for hash in inlined {
        fingerprint.hash(hash);
    }
    fingerprint.finish()
}

/// Hashes of all macros that a list of macros leads to. Many nodes call the same ones.
struct Closures<'a> {
    macros: &'a Macros,
    known: HashMap<&'a [Arc<str>], Hash>,
}

impl<'a> Closures<'a> {
    fn new(macros: &'a Macros) -> Self {
        Self {
            macros,
            known: HashMap::new(),
        }
    }

    fn with_macros(&mut self, code: &'a Code) -> Hash {
        if code.macros.is_empty() {
            return code.own;
        }
        let macros = self.macros;
        let closure = self
            .known
            .entry(&code.macros)
            .or_insert_with(|| closure(macros, &code.macros));
        let mut fingerprint = Fingerprint::new("with macros");
        fingerprint.hash(&code.own);
        fingerprint.hash(closure);
        fingerprint.finish()
    }
}

fn closure(macros: &Macros, called: &[Arc<str>]) -> Hash {
    let mut reached: BTreeSet<&str> = called.iter().map(AsRef::as_ref).collect();
    let mut open: Vec<&str> = reached.iter().copied().collect();
    while let Some(name) = open.pop() {
        for call in macros.get(name).into_iter().flat_map(|found| &found.calls) {
            if reached.insert(call) {
                open.push(call);
            }
        }
    }
    let mut fingerprint = Fingerprint::new("macros");
    fingerprint.size(reached.len());
    for name in reached {
        fingerprint.text(name);
        match macros.get(name) {
            Some(found) => fingerprint.hash(&found.own),
            None => fingerprint.text("not in the manifest"),
        }
    }
    fingerprint.finish()
}
