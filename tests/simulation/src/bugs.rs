//! Planted bugs: each safeguard of the protocol can be taken away, here and nowhere else.
//!
//! The code under test has no switch. A safeguard is taken away by what surrounds it: the ports lie,
//! the windows are without bounds, or the schema of the state file gets a trigger that defeats an
//! index.

/// A safeguard that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// An asset may have several open intents.
    NoUniqueIntent,
    /// Whoever lost the lease writes all the same.
    NoEpochCheck,
    /// The stamp is written after the request was sent.
    StampAfterSend,
    /// Tokens are sent however old they are.
    NoHorizon,
    /// A new process plans before it knows of what is under way.
    PlanBeforeAdopt,
    /// A new attempt has the token of the one before.
    TokenWithoutAttempt,
    /// What ended is settled for whichever attempt is current.
    SettleWithoutCompare,
    /// Two attempts may have the same token.
    NoUniqueToken,
    /// A permit to send never runs out.
    NoSendWindow,
    /// Every request has a token of its own.
    TokenPerRequest,
    /// An answer that did not come is taken for a refusal.
    SilenceIsRefusal,
}

impl Bug {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::NoUniqueIntent,
        Self::NoEpochCheck,
        Self::StampAfterSend,
        Self::NoHorizon,
        Self::PlanBeforeAdopt,
        Self::TokenWithoutAttempt,
        Self::SettleWithoutCompare,
        Self::NoUniqueToken,
        Self::NoSendWindow,
        Self::TokenPerRequest,
        Self::SilenceIsRefusal,
    ];

    /// Returns its name, as `--bug` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoUniqueIntent => "no-unique-intent",
            Self::NoEpochCheck => "no-epoch-check",
            Self::StampAfterSend => "stamp-after-send",
            Self::NoHorizon => "no-horizon",
            Self::PlanBeforeAdopt => "plan-before-adopt",
            Self::TokenWithoutAttempt => "token-without-attempt",
            Self::SettleWithoutCompare => "settle-without-compare",
            Self::NoUniqueToken => "no-unique-token",
            Self::NoSendWindow => "no-send-window",
            Self::TokenPerRequest => "token-per-request",
            Self::SilenceIsRefusal => "silence-is-refusal",
        }
    }
}

/// The safeguards that are missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bugs(Vec<Bug>);

impl Bugs {
    /// Takes these away.
    pub fn of(bugs: &[Bug]) -> Self {
        Self(bugs.to_vec())
    }

    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.0.contains(&bug)
    }

    /// What they do to the schema of the state file.
    pub(crate) fn sabotages(&self) -> Vec<&'static str> {
        self.0.iter().filter_map(|bug| bug.sabotage()).collect()
    }
}

impl Bug {
    /// What it does to the schema of the state file, if anything.
    pub(crate) fn sabotage(self) -> Option<&'static str> {
        match self {
            Self::NoUniqueIntent => Some(NO_UNIQUE_INTENT),
            Self::NoUniqueToken => Some("DROP INDEX run_token"),
            _ => None,
        }
    }
}

/// Defeats the index and the look that keep a second open intent of an asset out: both go by the
/// partition, which is empty for a whole asset.
const NO_UNIQUE_INTENT: &str = "
    CREATE TRIGGER every_intent_is_a_partition_of_its_own AFTER INSERT ON intent_asset
    BEGIN
        UPDATE intent_asset SET partition = NEW.intent
        WHERE intent = NEW.intent AND asset = NEW.asset;
    END";
