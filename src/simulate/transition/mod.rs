//! How commits and runs change the memory: what `observe` and `store` do, without tables and files.
//!
//! | step | as in |
//! |---|---|
//! | a commit is seen, and carries the origin of what its run incorporated | `observe::sighting`, `observe::outside` |
//! | somebody else's commit incorporates what was there a margin before | `observe::history` |
//! | commits that nobody needs are forgotten | `store::sightings` |
//! | an attempt ends | `store::settle`, `store::full_refresh` |
//! | cuts, deadlines, fewer words | `store::pass`, `State::record_cuts` |
//! | a request becomes an intent | `execute::intent`, `store::intent` |
//!
//! `src/reconcile/tests/simulated.rs` holds it against the loop and the store themselves.

mod decided;
mod seen;
mod settled;

pub(super) use decided::{intend, record};
pub(super) use seen::{Seen, prune, see};
pub(super) use settled::settle;
