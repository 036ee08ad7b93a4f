//! What a file says about the rows in it: the `stats` text of an `add`.
//!
//! Statistics are large and mostly not wanted: only what is asked for is looked at, and values stay
//! the texts they are, because numbers may have more digits than a machine's.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The statistics of one file.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileStatistics<'a> {
    // Texts, so that an odd value in one of them leaves the others readable.
    #[serde(borrow)]
    num_records: Option<&'a RawValue>,
    #[serde(borrow)]
    tight_bounds: Option<&'a RawValue>,
    #[serde(borrow)]
    min_values: Option<&'a RawValue>,
    #[serde(borrow)]
    max_values: Option<&'a RawValue>,
    #[serde(borrow)]
    null_count: Option<&'a RawValue>,
}

impl<'a> FileStatistics<'a> {
    /// Reads the text; `None` where it is no object of JSON.
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the rows in the file, those that a deletion vector hides included.
    pub fn rows(&self) -> Option<u64> {
        count(self.num_records?)
    }

    /// Returns whether minimum and maximum stand in rows that are there. Otherwise rows were deleted
    /// since, and the values lie within those bounds.
    pub fn has_tight_bounds(&self) -> bool {
        self.tight_bounds.is_none_or(|flag| flag.get() != "false")
    }

    /// Returns the least value of a column, under its physical path.
    pub fn min(&self, path: &[String]) -> Option<Cow<'a, str>> {
        scalar(find(self.min_values?, path)?)
    }

    /// Returns the greatest value of a column, under its physical path.
    pub fn max(&self, path: &[String]) -> Option<Cow<'a, str>> {
        scalar(find(self.max_values?, path)?)
    }

    /// Returns how many rows of the file have null in a column, under its physical path; those that a
    /// deletion vector hides may be among them.
    pub fn nulls(&self, path: &[String]) -> Option<u64> {
        count(find(self.null_count?, path)?)
    }

    /// Returns whether it is certain that a column has no value at all in this file.
    ///
    /// It is, whether or not rows were deleted since: what is null in all rows is null in those left.
    pub fn is_all_null(&self, path: &[String]) -> bool {
        self.rows()
            .is_some_and(|rows| rows == 0 || self.nulls(path) == Some(rows))
    }
}

fn count(value: &RawValue) -> Option<u64> {
    value.get().parse().ok()
}

/// Returns a single value as text; nothing for null, lists and objects.
fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok().map(Cow::Owned),
        b'n' | b'[' | b'{' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

/// Finds the value under a path of keys.
fn find<'a>(value: &'a RawValue, path: &[String]) -> Option<&'a RawValue> {
    path.iter().try_fold(value, |value, key| {
        let mut object = serde_json::Deserializer::from_str(value.get());
        Member(key).deserialize(&mut object).ok()?
    })
}

/// Takes the value of one key out of an object.
struct Member<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = object.next_key_seed(IsKey(self.0))? {
            if is_it {
                found = Some(object.next_value()?);
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a key, without keeping it.
struct IsKey<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests;
