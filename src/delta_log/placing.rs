//! Where files belong that were removed by actions that do not say so, as those of old writers.
//!
//! The action that added the file said it: it is looked for in older commits and in a checkpoint.

use std::collections::{BTreeSet, HashMap};

use assets::delta::action::{FileAction, PartitionValues};
use assets::delta::commit::{FileVerb, parse_commit_with};
use assets::delta::files::FileKey;
use assets::delta::name;

use super::checkpoint::{self, CheckpointRow, Wanted};
use super::listing::{Listing, Run};
use super::log::Log;

/// Finds the partitions of files that were there before a version.
///
/// What cannot be read tells nothing: a file that is not found stays without its partition.
pub(super) fn find<'k>(
    log: Log<'_>,
    (listing, run): (&Listing, Run),
    below: u64,
    files: impl Iterator<Item = &'k FileKey>,
) -> HashMap<FileKey, PartitionValues<'static>> {
    let mut search = Search {
        missing: files.cloned().collect(),
        found: HashMap::new(),
    };
    for version in (run.start..below).rev() {
        if search.missing.is_empty() {
            break;
        }
        if let Ok(Some(file)) = log.store.read(&name::commit_file(version)) {
            let time = file.stat.modified_at();
            let parsed = parse_commit_with(version, &file.bytes, time, &mut |verb, action| {
                if verb == FileVerb::Add {
                    search.see(action);
                }
                None
            });
            if let Err(error) = parsed {
                tracing::debug!(version, %error, "a damaged commit tells nothing of files");
            }
        }
    }
    if let Some(base) = below.checked_sub(1)
        && !search.missing.is_empty()
    {
        // Any checkpoint that still has the file will do, the newest first.
        for base in listing.checkpoints_up_to(base) {
            let wanted = Wanted::Files { columns: &[] };
            let read = checkpoint::read(log.store, base, wanted, &mut |row| {
                if let CheckpointRow::Add(file) = row {
                    search.see(&file);
                }
            });
            if let Err(error) = read {
                tracing::debug!(%error, "a damaged checkpoint tells nothing of files");
            }
            if search.missing.is_empty() {
                break;
            }
        }
    }
    search.found
}

struct Search {
    missing: BTreeSet<FileKey>,
    found: HashMap<FileKey, PartitionValues<'static>>,
}

impl Search {
    fn see(&mut self, file: &FileAction<'_>) {
        let key = FileKey::of(file);
        if let Some(values) = &file.partition_values
            && self.missing.remove(&key)
        {
            self.found.insert(key, values.to_owned_values());
        }
    }
}
