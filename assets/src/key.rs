//! Asset keys: the dotted name of an asset, the same in every environment.
//!
//! A key is what people type and what state is recorded under. Where the asset lives is its
//! [`Relation`](crate::Relation), which differs by environment. Keys compare exactly as written;
//! nothing here folds case.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The dotted name of one asset, such as `finance.fct_revenue`.
///
/// Invariant: one to eight segments of letters, digits, `_` and `-`, at most 255 characters.
/// Cloning is cheap: the text is shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetKey(Arc<str>);

/// Why a text is not an asset key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssetKeyError {
    /// The text is empty, or two dots touch, or it begins or ends with a dot.
    #[error("an asset key needs text between its dots")]
    EmptySegment,
    /// A character other than a letter, a digit, `_`, `-` or the separating dot.
    #[error("an asset key may hold letters, digits, `_`, `-` and dots, not `{0}`")]
    Character(char),
    /// Longer than 255 characters or more than eight segments.
    #[error("an asset key may have at most 255 characters in at most 8 segments")]
    TooLong,
}

impl AssetKey {
    /// The longest key that is accepted, in characters.
    pub const MAX_LENGTH: usize = 255;

    /// Parses a dotted key.
    ///
    /// # Errors
    ///
    /// Says which rule the text breaks: an empty segment, a character that is not allowed, or too
    /// long a key.
    pub fn new(text: &str) -> Result<Self, AssetKeyError> {
        if text.len() > Self::MAX_LENGTH || text.split('.').count() > 8 {
            return Err(AssetKeyError::TooLong);
        }
        for segment in text.split('.') {
            if segment.is_empty() {
                return Err(AssetKeyError::EmptySegment);
            }
            let foreign = |c: &char| !(c.is_alphanumeric() || matches!(c, '_' | '-'));
            if let Some(character) = segment.chars().find(foreign) {
                return Err(AssetKeyError::Character(character));
            }
        }
        Ok(Self(text.into()))
    }

    /// Returns the key as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text after the last dot.
    pub fn name(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or(&self.0)
    }
}

impl FromStr for AssetKey {
    type Err = AssetKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl TryFrom<String> for AssetKey {
    type Error = AssetKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<AssetKey> for String {
    fn from(key: AssetKey) -> Self {
        key.0.as_ref().to_owned()
    }
}

impl AsRef<str> for AssetKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for AssetKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for AssetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_dotted_names_and_refuses_the_rest() {
        assert_eq!(
            AssetKey::new("finance.fct_revenue").unwrap().name(),
            "fct_revenue"
        );
        assert_eq!(AssetKey::new(""), Err(AssetKeyError::EmptySegment));
        assert_eq!(AssetKey::new("a..b"), Err(AssetKeyError::EmptySegment));
        assert_eq!(AssetKey::new("a b"), Err(AssetKeyError::Character(' ')));
        assert_eq!(AssetKey::new(&"a.".repeat(9)), Err(AssetKeyError::TooLong));
        assert_eq!(AssetKey::new(&"a".repeat(256)), Err(AssetKeyError::TooLong));
    }
}
