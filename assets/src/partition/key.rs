//! How partitions are named, on the command line and in output.
//!
//! | definition | key |
//! | --- | --- |
//! | `daily` | `2026-11-20` |
//! | `hourly`, `cron` | `2026-11-20T13:00` by the clock of the zone; the second of two equal times carries its offset, `2026-10-25T02:00+01:00` |
//! | `weekly` | `2026-11-16`, its Monday |
//! | `monthly` | `2026-11` |
//! | `keys`, `dynamic` | the value itself; `__null__` for null |
//! | `product` | the keys of its parts with a bar between: `2026-11-20\|eu` |
//!
//! A backslash takes the letter behind it as it is. It stands before a bar or a backslash in a value
//! of a product, before a backslash at the beginning of any other value, and before the text
//! `__null__` where that is meant and not null.

use std::borrow::Cow;

use chrono_tz::Tz;

use crate::delta::PartitionValue;
use crate::diagnostic::did_you_mean;

use super::values::Values;

const NULL: &str = "__null__";

/// Why a text is not the key of a partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is written in another way.
    #[error("`{written}` is not a key of {grid} partitions: write it as in `{example}`")]
    Form {
        /// The text.
        written: String,
        /// What the partitions are.
        grid: &'static str,
        /// The key of one of them.
        example: String,
    },
    /// No window begins then.
    #[error("no {grid} partition begins at `{written}`: the one that it lies in is `{instead}`")]
    NoStart {
        /// The text.
        written: String,
        /// What the partitions are.
        grid: &'static str,
        /// The window that holds it.
        instead: String,
    },
    /// The clock was put forward over it.
    #[error("the clock of {zone} never showed `{written}`: what comes then is `{instead}`")]
    Skipped {
        /// The text.
        written: String,
        /// The time zone.
        zone: Tz,
        /// The window that comes then.
        instead: String,
    },
    /// The clock of the zone is not so far from UTC then.
    #[error(
        "the clock of {zone} has another offset than `{written}`: that instant lies in `{instead}`"
    )]
    Offset {
        /// The text.
        written: String,
        /// The time zone.
        zone: Tz,
        /// The window that the instant lies in.
        instead: String,
    },
    /// It lies outside the years that windows are computed for.
    #[error("`{0}` is not between the years 1900 and 2100")]
    Years(String),
    /// The partitions begin later.
    #[error("`{written}` comes before the first partition, `{first}`")]
    BeforeStart {
        /// The text.
        written: String,
        /// The first one.
        first: String,
    },
    /// The partitions end earlier.
    #[error("`{written}` comes after the last partition, `{last}`")]
    AfterEnd {
        /// The text.
        written: String,
        /// The last one.
        last: String,
    },
    /// No partition has that value.
    #[error("no partition has the value `{written}` in `{column}`{}", meant(.near.as_deref()))]
    NoValue {
        /// The value.
        written: String,
        /// The column.
        column: String,
        /// A value that is close to it.
        near: Option<String>,
    },
    /// It has more or fewer parts than the product.
    #[error(
        "`{written}` has {found} of the {expected} parts of a partition: write them with `|` between, and `\\|` for a bar in a value"
    )]
    Parts {
        /// The text.
        written: String,
        /// How many parts the product has.
        expected: usize,
        /// How many were written.
        found: usize,
    },
}

fn meant(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!(": did you mean `{near}`?"))
}

impl Values {
    /// Writes the key of a value.
    pub(super) fn key(&self, place: i32) -> Option<Cow<'_, str>> {
        Some(match self.list.get(place)?.as_str() {
            None => Cow::Borrowed(NULL),
            Some(text) if text == NULL || text.starts_with('\\') => Cow::Owned(format!("\\{text}")),
            Some(text) => Cow::Borrowed(text),
        })
    }

    /// Reads the key of a value.
    pub(super) fn parse_key(&self, text: &str) -> Result<i32, KeyError> {
        let value = match text {
            NULL => PartitionValue::NULL,
            _ => text_value(text.strip_prefix('\\').unwrap_or(text)),
        };
        self.list.place(&value).ok_or_else(|| {
            let known = self.list.values().iter().filter_map(PartitionValue::as_str);
            KeyError::NoValue {
                written: text.to_owned(),
                column: self.column.clone(),
                near: did_you_mean(text, known).map(str::to_owned),
            }
        })
    }
}

/// Returns a text as a value.
pub(super) fn text_value(text: &str) -> PartitionValue {
    PartitionValue::from(Some(text.into()))
}

/// Reads a value of a declaration, where null is spelled as in keys.
pub(super) fn declared_value(text: &str) -> PartitionValue {
    match text {
        NULL => PartitionValue::NULL,
        _ => text_value(text.strip_prefix('\\').unwrap_or(text)),
    }
}

/// Writes the keys of the parts of a product as one.
pub(super) fn join<'a>(keys: impl IntoIterator<Item = Cow<'a, str>>) -> String {
    let mut joined = String::new();
    for (at, key) in keys.into_iter().enumerate() {
        if at > 0 {
            joined.push('|');
        }
        // The backslash at the beginning of a key is one already.
        let (escape, key) = match key.strip_prefix('\\') {
            Some(rest) if rest == NULL => ("\\", rest),
            Some(rest) => ("", rest),
            None => ("", &*key),
        };
        joined.push_str(escape);
        for letter in key.chars() {
            if matches!(letter, '|' | '\\') {
                joined.push('\\');
            }
            joined.push(letter);
        }
    }
    joined
}

/// Cuts the key of a product into those of its parts.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '|' => parts.push(String::new()),
            _ => {
                if let Some(part) = parts.last_mut() {
                    // What a part begins with stays escaped: it may be the text `__null__`.
                    if letter == '\\' && part.is_empty() {
                        part.push('\\');
                    }
                    part.extend(if letter == '\\' {
                        letters.next()
                    } else {
                        Some(letter)
                    });
                }
            }
        }
    }
    parts
}
