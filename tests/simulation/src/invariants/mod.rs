//! The rules, held against what really is: `S1` to `S10`, `L1` and `L2` of the trigger protocol, and
//! three more: nothing is reported fresher than its table, lag is never understated, and no change
//! of a root is lost.

mod claims;
mod converged;
mod protocol;
mod reports;

pub(crate) use converged::converged;
pub(crate) use reports::reported;
