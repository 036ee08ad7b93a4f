//! What came of checks: by asset and by the name of the check, for one version of the table.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::AssetKey;
use assets::check::{Check, Severity};
use assets::version::TableVersion;
use chrono::{DateTime, Utc};

/// The newest result of each check.
pub type CheckResults = BTreeMap<AssetKey, BTreeMap<Arc<str>, CheckResult>>;

/// What one check said of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// The data version that was judged.
    pub version: TableVersion,
    /// What it came to.
    pub status: CheckStatus,
    /// What a failure meant then.
    pub severity: Severity,
    /// What was expected: with other words the check is another one.
    pub expected: String,
    /// What was found; absent where nothing was.
    pub measured: Option<String>,
    /// Why it could not be judged, or what dbt said.
    pub message: Option<String>,
    /// The rows of the newest version that passed, for a check that compares with them.
    pub rows: Option<u64>,
    /// When it was judged, UTC.
    pub at: DateTime<Utc>,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckStatus {
    /// It is as expected.
    Pass,
    /// It is not, and that holds what reads the asset.
    Fail,
    /// It is not, and that holds nothing back.
    Warn,
    /// It was tried, and could not be judged.
    Error,
    /// Nobody can say, and nobody is asked.
    Unknown,
}

impl CheckStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::Fail,
        Self::Warn,
        Self::Error,
        Self::Unknown,
    ];

    /// Returns the word used in JSON and in the state file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    /// Returns what a finding comes to.
    pub fn of(is_met: bool, severity: Severity) -> Self {
        match (is_met, severity) {
            (true, _) => Self::Pass,
            (false, Severity::Error) => Self::Fail,
            (false, Severity::Warn) => Self::Warn,
        }
    }

    /// Returns whether it speaks against the data.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Fail | Self::Error)
    }
}

impl CheckResult {
    /// Returns whether it is what the check, as it is declared now, says of a version.
    pub fn answers(&self, check: &Check, version: &TableVersion) -> bool {
        self.version == *version
            && self.severity == check.severity
            && self.expected == check.rule.expected()
    }
}
