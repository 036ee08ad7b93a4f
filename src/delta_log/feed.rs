//! From which version on the changes of a table can be read.
//!
//! Needed are the commits of the log without a hole, and the change data feed switched on at each of
//! them. That files of the feed were vacuumed stands in no log, and is not seen here.

use assets::delta::{KeptChanges, KnownHead, LostChanges, Metadata, Unreadable};

use super::listing::Listing;
use super::log::Log;
use super::past;
use super::store::LogStore;

/// Looks from which version on changes can be read up to a known head, at `asked` or later. Blocks.
///
/// # Errors
///
/// When the log cannot be listed, does not hold the head any more, or what it was at an older version
/// cannot be told.
pub fn kept_changes(
    store: &dyn LogStore,
    head: &KnownHead,
    asked: u64,
) -> Result<KeptChanges, Unreadable> {
    let log = Log::of(store);
    let gone = Unreadable::MissingCommit {
        version: head.version,
    };
    let Some(listing) = log.list()? else {
        return Err(gone);
    };
    if !listing.has_commit(head.version) && log.stat(head.version)?.is_none() {
        return Err(gone);
    }
    let metadata = &head.state.metadata;
    if !metadata.has_change_feed() {
        return Ok(KeptChanges {
            asked,
            from: None,
            lost: Some(LostChanges::FeedOff),
        });
    }
    let earliest = listing.run_up_to(log, head.version)?.start;
    let wanted = asked.max(earliest);
    let since = match head.details.change_feed_since {
        Some(since) if since <= wanted => wanted,
        Some(since) => on_since(log, &listing, wanted..since)?,
        None => on_since(log, &listing, wanted..head.version.saturating_add(1))?,
    };
    let lost = if since > wanted {
        Some(LostChanges::FeedOff)
    } else {
        (wanted > asked).then_some(LostChanges::LogCleaned)
    };
    Ok(KeptChanges {
        asked,
        from: Some(since),
        lost,
    })
}

/// Returns since when the feed is on that is on at the end of some versions.
fn on_since(
    log: Log<'_>,
    listing: &Listing,
    versions: std::ops::Range<u64>,
) -> Result<u64, Unreadable> {
    let first = versions.start;
    let run = listing.run_up_to(log, first)?;
    let (description, _) = past::describe(log, listing, run)?;
    let on = |metadata: &Metadata, version: u64| metadata.has_change_feed().then_some(version);
    let mut since = on(&description.metadata, first);
    for version in first.saturating_add(1)..versions.end {
        let commit = log.commit(version)?;
        let commit = commit.ok_or(Unreadable::MissingCommit { version })?;
        if let Some(found) = &commit.parsed.metadata {
            let is_on = on(&found.metadata, version);
            since = is_on.map(|version| since.unwrap_or(version));
        }
    }
    Ok(since.unwrap_or(versions.end))
}
