//! Relations: where an asset lives in one environment, as a catalog knows it.
//!
//! Databricks compares identifiers without regard to case, so a relation is kept in lower case and
//! joins dbt nodes, declared assets and catalog rows by plain equality.
//! Source: Databricks SQL language manual, "Identifiers" (read 2026-11-20).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A one- to three-part table name in lower case: `prod.finance.fct_revenue`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Relation {
    parts: Vec<String>,
}

/// Why a text is not a relation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelationError {
    /// No name, or an empty part between dots.
    #[error("a relation is `table`, `schema.table` or `catalog.schema.table`, without empty parts")]
    EmptyPart,
    /// More than three parts.
    #[error("a relation has at most three parts: `catalog.schema.table`")]
    TooManyParts,
    /// A back-tick or double quote is not closed.
    #[error("a quote in the relation is not closed")]
    OpenQuote,
}

impl Relation {
    /// Parses a dotted name, whose parts may stand in back-ticks or double quotes; a quote inside
    /// of quotes is written twice.
    ///
    /// # Errors
    ///
    /// Says whether a part is empty, there are more than three, or a quote is open.
    pub fn parse(text: &str) -> Result<Self, RelationError> {
        let mut parts = Vec::with_capacity(3);
        let mut part = String::new();
        let mut quote = None;
        let mut chars = text.trim().chars().peekable();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (None, '`' | '"') => quote = Some(c),
                (Some(open), _) if open == c => match chars.next_if_eq(&open) {
                    Some(_) => part.push(c),
                    None => quote = None,
                },
                (None, '.') => parts.push(std::mem::take(&mut part)),
                _ => part.extend(c.to_lowercase()),
            }
        }
        parts.push(part);
        if quote.is_some() {
            return Err(RelationError::OpenQuote);
        }
        Self::from_parts(parts)
    }

    /// Joins parts that are already separate, leaving out those that are absent.
    ///
    /// # Errors
    ///
    /// As [`Relation::parse`].
    pub fn from_optional_parts<'a>(
        parts: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Result<Self, RelationError> {
        // Letter by letter, as `parse` does: a word as a whole has rules of its own in Greek.
        let lower = |part: &str| part.chars().flat_map(char::to_lowercase).collect();
        Self::from_parts(parts.into_iter().flatten().map(lower).collect())
    }

    fn from_parts(parts: Vec<String>) -> Result<Self, RelationError> {
        if parts.is_empty() || parts.iter().any(|part| part.trim().is_empty()) {
            return Err(RelationError::EmptyPart);
        }
        if parts.len() > 3 {
            return Err(RelationError::TooManyParts);
        }
        Ok(Self { parts })
    }

    /// Returns the parts from the outermost to the table.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Returns the table's own name.
    pub fn table(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }
}

impl TryFrom<String> for Relation {
    type Error = RelationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Relation> for String {
    fn from(relation: Relation) -> Self {
        relation.to_string()
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, part) in self.parts.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            // What parsing would split, cut or take for a quote has to be quoted itself.
            if part.contains(['.', '`', '"']) || part.trim() != part {
                write!(f, "`{}`", part.replace('`', "``"))?;
            } else {
                f.write_str(part)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_and_case_do_not_matter() {
        let plain = Relation::parse("main.finance.Revenue").unwrap();
        assert_eq!(
            Relation::parse("`MAIN`.\"finance\".revenue").unwrap(),
            plain
        );
        assert_eq!(plain.table(), "revenue");
        assert_eq!(Relation::parse("`a.b`.c").unwrap().to_string(), "`a.b`.c");
        assert_eq!(Relation::parse(&plain.to_string()), Ok(plain));
    }

    #[test]
    fn quotes_inside_of_quotes_are_written_twice() {
        let odd = Relation::parse("`m``x`.\"s\"\"y\".` t`").unwrap();
        assert_eq!(odd.parts(), ["m`x", "s\"y", " t"]);
        assert_eq!(odd.to_string(), "`m``x`.`s\"y`.` t`");
        assert_eq!(Relation::parse("``.a"), Err(RelationError::EmptyPart));
    }

    #[test]
    fn parts_and_a_text_give_the_same_lower_case() {
        for name in ["ΟΔΟΣ", "İstanbul", "STRASSE", "ǅ"] {
            let parts = Relation::from_optional_parts([None, Some(name)]);
            assert_eq!(parts, Relation::parse(name), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(parts in proptest::collection::vec("[a-zİΣ.`\" \t-]{1,6}|\\PC{1,4}", 1..4)) {
            if let Ok(relation) = Relation::from_optional_parts(parts.iter().map(|part| Some(part.as_str()))) {
                proptest::prop_assert_eq!(Relation::parse(&relation.to_string()), Ok(relation));
            }
        }
    }

    #[test]
    fn refuses_broken_names() {
        assert_eq!(Relation::parse(""), Err(RelationError::EmptyPart));
        assert_eq!(Relation::parse("a..b"), Err(RelationError::EmptyPart));
        assert_eq!(Relation::parse("a.b.c.d"), Err(RelationError::TooManyParts));
        assert_eq!(Relation::parse("`a"), Err(RelationError::OpenQuote));
    }
}
