//! One partition value, spelt in one way, whoever wrote it.
//!
//! The log holds partition values as texts, and the same partition in several spellings: `7` and
//! `007`, a time in the writer's zone or in UTC. They are brought to one spelling by the type of
//! their column. A text that is no value of that type is kept as it is, because a writer's mistake
//! must not stop the observation of a table.
//!
//! | type | spelling |
//! | --- | --- |
//! | integers | `7`, `-7` |
//! | decimal | as many digits after the point as its scale: `1.50` |
//! | float, double | as Spark writes them: `1.0`, `1.5E10`, `NaN`, `-Infinity`; both zeros are `0.0` |
//! | boolean | `true`, `false` |
//! | date | `2026-03-01` |
//! | timestamp | UTC: `2026-03-01T06:00:00Z`, `2026-03-01T06:00:00.25Z` |
//! | timestamp without zone | `2026-03-01 06:00:00`, `2026-03-01 06:00:00.25` |
//! | others | as in the log |

use std::fmt;
use std::sync::Arc;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::scalar;
use super::schema::DataType;

/// The value of one partition column: null, or the one spelling of a value.
///
/// The order is that of the spellings, null first: it is stable, and not that of the type.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Option<Arc<str>>", into = "Option<Arc<str>>")]
pub struct PartitionValue(Option<Arc<str>>);

impl PartitionValue {
    /// The absent value.
    pub const NULL: Self = Self(None);

    /// Reads a value of the log.
    ///
    /// Nothing and the empty text are null for every type (Delta protocol, "Partition Value
    /// Serialization"); `__HIVE_DEFAULT_PARTITION__` means null in paths only, and is a text here.
    /// `zone` is the writer's, for timestamps that do not say theirs.
    pub fn new(raw: Option<&str>, data_type: &DataType, zone: Tz) -> Self {
        let Some(raw) = raw.filter(|raw| !raw.is_empty()) else {
            return Self::NULL;
        };
        let spelt = scalar::canonical(raw, data_type, zone);
        Self(Some(spelt.as_deref().unwrap_or(raw).into()))
    }

    /// Returns the spelling, or nothing for null.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl From<Option<Arc<str>>> for PartitionValue {
    /// Takes a spelling that was stored.
    fn from(spelling: Option<Arc<str>>) -> Self {
        Self(spelling.filter(|spelling| !spelling.is_empty()))
    }
}

impl From<PartitionValue> for Option<Arc<str>> {
    fn from(value: PartitionValue) -> Self {
        value.0
    }
}

impl fmt::Display for PartitionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str().unwrap_or("null"))
    }
}

#[cfg(test)]
mod tests;
