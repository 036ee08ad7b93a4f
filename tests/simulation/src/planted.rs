//! The losses that are tried: each safeguard alone, and the pairs that back each other up.

use crate::bugs::Bug;
use crate::faults::Fault;

/// Safeguards that are taken away together.
#[derive(Debug, Clone, Copy)]
pub struct Planted {
    /// Which.
    pub bugs: &'static [Bug],
    /// The faults that they are there for.
    pub faults: &'static [Fault],
    /// The safeguard that makes up for the loss, so that nothing is found.
    pub backed_up_by: Option<Bug>,
}

const fn missed(bugs: &'static [Bug], faults: &'static [Fault]) -> Planted {
    Planted {
        bugs,
        faults,
        backed_up_by: None,
    }
}

const fn backed_up(bugs: &'static [Bug], faults: &'static [Fault], by: Bug) -> Planted {
    Planted {
        bugs,
        faults,
        backed_up_by: Some(by),
    }
}

/// Every loss that is tried.
pub const PLANTED: &[Planted] = &[
    backed_up(&[Bug::NoUniqueIntent], &[Fault::Stop], Bug::NoEpochCheck),
    missed(&[Bug::NoEpochCheck], &[Fault::Stop]),
    missed(&[Bug::NoUniqueIntent, Bug::NoEpochCheck], &[Fault::Stop]),
    missed(&[Bug::PlanBeforeAdopt], &[Fault::Kill]),
    missed(&[Bug::NoUniqueIntent, Bug::PlanBeforeAdopt], &[Fault::Kill]),
    missed(&[Bug::StampAfterSend], &[Fault::Kill, Fault::LongTime]),
    missed(&[Bug::NoHorizon], &[Fault::LostAnswer, Fault::LongTime]),
    missed(&[Bug::TokenWithoutAttempt], &[Fault::RunFails]),
    backed_up(
        &[Bug::SettleWithoutCompare],
        &[Fault::Kill, Fault::Stop, Fault::RunFails],
        Bug::NoUniqueToken,
    ),
    missed(
        &[Bug::SettleWithoutCompare, Bug::NoUniqueToken],
        &[Fault::Kill, Fault::Stop, Fault::RunFails],
    ),
    missed(
        &[Bug::NoSendWindow],
        &[Fault::Kill, Fault::Stop, Fault::LongTime, Fault::LostAnswer],
    ),
    missed(&[Bug::TokenPerRequest], &[Fault::LostAnswer]),
    missed(&[Bug::SilenceIsRefusal], &[Fault::LostAnswer]),
];
