//! Numbers that Databricks gives to jobs and runs: opaque, positive, up to 2^63-1.
//!
//! They are never read as floating point: ids above 2^53 occur, and two of them would become one.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The id of a job, unique within its workspace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct JobId(i64);

/// The id of a run, or of a task run, unique within its workspace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RunId(i64);

impl JobId {
    /// Takes a number as a job id; `None` if it is not positive.
    pub fn new(id: i64) -> Option<Self> {
        (id > 0).then_some(Self(id))
    }

    /// Returns the number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl RunId {
    /// Takes a number as a run id; `None` if it is not positive.
    pub fn new(id: i64) -> Option<Self> {
        (id > 0).then_some(Self(id))
    }

    /// Returns the number.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// A number, or its digits in a text, as notifications have it.
struct Digits;

impl de::Visitor<'_> for Digits {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a positive whole number")
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<i64, E> {
        if id > 0 {
            Ok(id)
        } else {
            Err(E::custom("an id that is not positive"))
        }
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<i64, E> {
        i64::try_from(id)
            .map_err(E::custom)
            .and_then(|id| self.visit_i64(id))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i64, E> {
        text.parse()
            .map_err(E::custom)
            .and_then(|id| self.visit_i64(id))
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Digits).map(Self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Digits).map(Self)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}", self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_ids_keep_every_digit() {
        for text in ["9007199254740993", "\"9007199254740993\""] {
            assert_eq!(
                serde_json::from_str::<RunId>(text).unwrap().get(),
                9_007_199_254_740_993
            );
        }
        assert_eq!(
            serde_json::to_string(&JobId(i64::MAX)).unwrap(),
            i64::MAX.to_string()
        );
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "0",
            "-1",
            "1.0",
            "9.1e15",
            "9223372036854775808",
            "\"a\"",
            "null",
        ] {
            assert!(serde_json::from_str::<JobId>(text).is_err(), "{text}");
        }
    }
}
