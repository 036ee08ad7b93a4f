//! What the state claims, whenever anybody reads it.

use std::collections::BTreeMap;

use assets::{AssetKey, TableVersion};
use headwater::state::{IntentId, Memory, Observation};

use crate::world::World;
use crate::world::lake::{Mark, Table};

impl World {
    /// S3, S4 and S5 over everything that the state holds.
    pub(crate) fn check_memory(&mut self, memory: &Memory) {
        self.check_intents(memory);
        for (asset, claims) in &memory.consumption {
            let Some(at) = self.lake.named(asset.as_str()) else {
                continue;
            };
            let seen = memory.observations.get(asset);
            let table = self.lake.of(at);
            let is_true = |reads: &crate::world::lake::Reads| {
                claims.iter().all(|(upstream, consumed)| {
                    let Some(version) = &consumed.version else {
                        return true;
                    };
                    let Some(input) = self.lake.named(upstream.as_str()) else {
                        return true;
                    };
                    if is_void(self.lake.of(input), version) {
                        return true;
                    }
                    let read = reads.iter().find(|(found, _)| *found == input);
                    read.is_some_and(|(_, mark)| covers(self.lake.of(input), *mark, version))
                })
            };
            let is_shown = contents(table, seen).any(|written| is_true(&written.reads));
            let mut present = claims.iter().filter(|(upstream, claim)| {
                let input = self.lake.named(upstream.as_str());
                let version = claim.version.as_ref();
                version.is_some_and(|v| !input.is_some_and(|at| is_void(self.lake.of(at), v)))
            });
            if !is_shown && present.next().is_some() {
                let shown: Vec<String> = contents(table, seen)
                    .map(|written| {
                        format!("{} of {}", written.mark.version, self.told(&written.reads))
                    })
                    .collect();
                let claimed: BTreeMap<&AssetKey, String> = claims
                    .iter()
                    .map(|(key, claim)| (key, format!("{:?}", claim.version)))
                    .collect();
                let what = format!("{asset} claims {claimed:?} and shows {shown:?}");
                return self.violate("S4", || what);
            }
        }
    }

    fn check_intents(&mut self, memory: &Memory) {
        let mut open: BTreeMap<&AssetKey, &IntentId> = BTreeMap::new();
        for intent in memory.open_intents.values() {
            for asset in &intent.assets {
                if let Some(other) = open.insert(asset, &intent.id) {
                    let what = format!("{other} and {} are open for {asset}", intent.id);
                    return self.violate("S5", || what);
                }
            }
        }
    }
}

/// The contents that a state may speak of: the one that it saw last, and what was written since.
pub(crate) fn contents<'a>(
    table: &'a Table,
    seen: Option<&Observation>,
) -> impl Iterator<Item = &'a crate::world::lake::Written> {
    let head = seen.and_then(|seen| seen.head.as_ref());
    let from = head.and_then(|head| {
        let incarnation = table.incarnations(head.table_id.as_str()).last()?;
        Some(Mark {
            incarnation,
            version: head.version,
        })
    });
    let first = Mark {
        incarnation: 0,
        version: 0,
    };
    table.since(from.unwrap_or(first))
}

/// Whether a version that is claimed is one of a log that was rolled back since: it says nothing of what the
/// table has now.
fn is_void(table: &Table, claimed: &TableVersion) -> bool {
    let id = claimed.table_id.as_str().strip_suffix(" (before)");
    id.is_some_and(|id| table.incarnations(id).next().is_some())
}

/// Whether a table that was read up to a mark was read up to a version that is claimed.
pub(crate) fn covers(table: &Table, read: Mark, claimed: &TableVersion) -> bool {
    let mut incarnations = table.incarnations(claimed.table_id.as_str());
    let of = table.log_of(read.incarnation);
    incarnations.any(|incarnation| {
        let log = table.log_of(incarnation);
        of > log || of == log && read.version >= claimed.version
    })
}
