//! Why a manifest cannot be used, with the place and what to do next.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place};

/// Why the text of a manifest was refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There is nothing but blanks in the file.
    #[error("the dbt manifest is empty")]
    Empty(Place),
    /// The text is UTF-16; dbt writes UTF-8.
    #[error("the dbt manifest is UTF-16 text, not UTF-8")]
    Encoding(Place),
    /// The text ends in the middle of a value.
    #[error("the dbt manifest ends too early: it was cut, or is still being written")]
    Truncated {
        /// Where the text ends.
        place: Place,
        /// What was expected there.
        source: serde_json::Error,
    },
    /// The text is not JSON.
    #[error("the dbt manifest is not valid JSON")]
    NotJson {
        /// Where reading stopped.
        place: Place,
        /// What was expected there.
        source: serde_json::Error,
    },
    /// Values are nested deeper than 128 levels; dbt never does that.
    #[error("the dbt manifest is nested too deeply")]
    TooDeep(Place),
    /// A part of the file has another shape than any manifest.
    #[error("the dbt manifest has an unexpected shape")]
    Shape {
        /// Where reading stopped.
        place: Place,
        /// What was expected there.
        source: serde_json::Error,
    },
    /// JSON, but something else than a manifest.
    #[error("the file is {found}, not a dbt manifest")]
    NotAManifest {
        /// The beginning of the file.
        place: Place,
        /// What it seems to be.
        found: String,
    },
    /// Written by a dbt before 1.0.
    #[error("the dbt manifest has schema version {version}; 4 is the oldest that is read")]
    TooOld {
        /// The beginning of the file.
        place: Place,
        /// The version it names.
        version: u32,
    },
}

impl ManifestError {
    /// Returns the stable code; `docs/errors.md` explains each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty(_) => "D001",
            Self::Truncated { .. } => "D002",
            Self::NotJson { .. } => "D003",
            Self::Shape { .. } => "D004",
            Self::NotAManifest { .. } => "D005",
            Self::TooDeep(_) => "D006",
            Self::Encoding(_) => "D007",
            Self::TooOld { .. } => "D008",
        }
    }

    /// Returns where in the file reading stopped.
    pub fn place(&self) -> &Place {
        match self {
            Self::Empty(place) | Self::Encoding(place) | Self::TooDeep(place) => place,
            Self::Truncated { place, .. }
            | Self::NotJson { place, .. }
            | Self::Shape { place, .. }
            | Self::NotAManifest { place, .. }
            | Self::TooOld { place, .. } => place,
        }
    }

    /// Returns the error as a diagnostic, with its cause as a note and the next step as help.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let diagnostic =
            Diagnostic::error(self.code(), Some(self.place().clone()), self.to_string());
        let diagnostic = match std::error::Error::source(self) {
            Some(source) => diagnostic.note(source.to_string()),
            None => diagnostic,
        };
        diagnostic.help(self.next_step())
    }

    fn next_step(&self) -> &'static str {
        match self {
            Self::Empty(_)
            | Self::Truncated { .. }
            | Self::NotJson { .. }
            | Self::TooDeep(_)
            | Self::Shape { .. } => {
                "run `dbt compile` again: it writes `target/manifest.json` anew"
            }
            Self::Encoding(_) => {
                "run `dbt compile` again and use the file it writes: something converted this one"
            }
            Self::NotAManifest { .. } => {
                "name `target/manifest.json` of the dbt project; if it is missing, run `dbt compile`"
            }
            Self::TooOld { .. } => "run `dbt compile` again with dbt 1.0 or newer",
        }
    }
}

/// Sorts a parser's error by what it means for the person who has the file.
pub(super) fn from_json(
    file: &Arc<str>,
    text: &[u8],
    skipped: usize,
    source: serde_json::Error,
) -> ManifestError {
    let body = text.get(skipped..).unwrap_or_default();
    let place = place_of(file, body, skipped, &source);
    // A number that is cut off is told like one that is wrong.
    let ends_in_number = place.span.start + 1 >= text.trim_ascii_end().len()
        && source.to_string().starts_with("invalid number");
    match source.classify() {
        _ if ends_in_number => ManifestError::Truncated { place, source },
        serde_json::error::Category::Eof => ManifestError::Truncated { place, source },
        // The parser tells its depth limit only by this text.
        _ if source.to_string().starts_with("recursion limit exceeded") => {
            ManifestError::TooDeep(place)
        }
        serde_json::error::Category::Data => ManifestError::Shape { place, source },
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            ManifestError::NotJson { place, source }
        }
    }
}

/// Turns the parser's line and byte column into a place. Manifests are usually one long line.
fn place_of(file: &Arc<str>, body: &[u8], skipped: usize, error: &serde_json::Error) -> Place {
    let line = error.line().max(1);
    let start = match line.checked_sub(2) {
        None => 0,
        Some(nth) => body
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(nth)
            .map_or(body.len(), |(at, _)| at + 1),
    };
    let offset = (start + error.column().saturating_sub(1)).min(body.len());
    let before = body.get(start..offset).unwrap_or_default();
    // Continuation bytes of UTF-8 are no characters of their own.
    let column = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
    Place {
        file: Arc::clone(file),
        line,
        column,
        span: offset + skipped..offset + skipped,
    }
}
