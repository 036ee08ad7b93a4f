//! Positions that nobody reads off a log, and the wish to begin a feed anew.

use std::fmt;

use assets::TableId;
use assets::partition::{Extent, PartitionSet};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::DataCommit;

/// That an asset shall be built anew in full, as somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullRefreshRequest {
    /// When it was asked for, UTC.
    pub asked_at: DateTime<Utc>,
    /// By whom.
    pub asked_by: String,
    /// The partitions that have not been built anew yet; absent for an asset that is built as a whole.
    pub remaining: Option<Extent>,
}

impl FullRefreshRequest {
    /// Returns the partitions that are still to be built anew, of those that exist. Of partitions that are
    /// declared otherwise since, all are.
    pub fn remaining_of(&self, ordinals: &str, existing: &PartitionSet) -> PartitionSet {
        match &self.remaining {
            Some(extent) if *extent.ordinals == *ordinals => {
                extent.partitions.intersection(existing)
            }
            Some(_) | None => existing.clone(),
        }
    }
}

/// How a pushed position is written. Those of one kind have an order; two kinds have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushedWord {
    /// A number that the writer counts.
    Version,
    /// An instant: the position is that, in microseconds since 1970.
    Watermark,
}

impl PushedWord {
    /// Returns the word for people and for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Watermark => "watermark",
        }
    }
}

/// How far an asset is that has no log to be read: what somebody said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// How the position is written.
    pub word: PushedWord,
    /// The position.
    pub position: u64,
    /// The event time through which the asset is complete, UTC, where that was told.
    pub event_at: Option<DateTime<Utc>>,
}

/// Who pushes, and when.
#[derive(Debug, Clone, Copy)]
pub struct Pusher<'a> {
    /// Who.
    pub actor: &'a str,
    /// When the position was reached, UTC.
    pub at: DateTime<Utc>,
    /// The time now, UTC.
    pub now: DateTime<Utc>,
    /// Whether positions begin anew with this one: what was consumed of earlier ones means nothing then.
    pub begins_anew: bool,
}

/// Table ids of pushed positions begin so: no Delta table has one like it.
const PREFIX: &str = "pushed-";

impl Pushed {
    /// Makes the position that an event time is.
    pub fn at(event_at: DateTime<Utc>) -> Self {
        Self {
            word: PushedWord::Watermark,
            position: u64::try_from(event_at.timestamp_micros()).unwrap_or(0),
            event_at: Some(event_at),
        }
    }

    /// Reads a commit that a push made; nothing of one that a log told.
    pub fn of(commit: &DataCommit) -> Option<Self> {
        let word = commit.version.table_id.as_str().strip_prefix(PREFIX)?;
        let is_of = |of: &PushedWord| word.starts_with(of.as_str());
        let mut words = [PushedWord::Version, PushedWord::Watermark].into_iter();
        Some(Self {
            word: words.find(is_of)?,
            position: commit.version.version,
            event_at: commit.event_at,
        })
    }

    /// Returns what stands for a table's id: that of the newest push; another one where positions begin anew.
    pub fn table_id(&self, newest: Option<&DataCommit>, begins_anew: bool) -> TableId {
        let known = newest.filter(|newest| Self::of(newest).is_some());
        let Some(known) = known.map(|known| known.version.table_id.clone()) else {
            return TableId::new(&format!("{PREFIX}{}", self.word.as_str()));
        };
        if !begins_anew {
            return known;
        }
        let count = known.as_str().rsplit_once('#').map(|(_, count)| count);
        let count = count.and_then(|count| count.parse::<u64>().ok());
        let next = count.unwrap_or(1).saturating_add(1);
        TableId::new(&format!("{PREFIX}{}#{next}", self.word.as_str()))
    }

    /// Returns whether it is news after the newest push.
    ///
    /// # Errors
    ///
    /// Where it lies before that one, or the two have no order.
    pub fn is_news(&self, newest: Option<&DataCommit>) -> Result<bool, PushRefused> {
        let Some(known) = newest.and_then(Self::of) else {
            return Ok(true);
        };
        if known.word != self.word {
            return Err(PushRefused::OtherWord {
                known,
                given: self.clone(),
            });
        }
        if self.position < known.position {
            return Err(PushRefused::Backwards {
                known,
                given: self.clone(),
            });
        }
        Ok(self.position > known.position)
    }
}

impl fmt::Display for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.word, self.event_at) {
            (PushedWord::Watermark, Some(at)) => {
                let text = at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
                write!(f, "watermark {text}")
            }
            (word, _) => write!(f, "{} {}", word.as_str(), self.position),
        }
    }
}

/// Why a pushed position is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushRefused {
    /// It lies before what was pushed already.
    #[error("it is at {known} already, and {given} lies before that")]
    Backwards {
        /// What was pushed last.
        known: Pushed,
        /// What is pushed now.
        given: Pushed,
    },
    /// It has no order with what was pushed already.
    #[error("its positions were pushed as {} until now, which {given} cannot be compared with", known.word.as_str())]
    OtherWord {
        /// What was pushed last.
        known: Pushed,
        /// What is pushed now.
        given: Pushed,
    },
    /// Its table is read, so that nobody has to say how far it is.
    #[error("its table is read, so that nobody has to say how far it is")]
    IsRead,
}
