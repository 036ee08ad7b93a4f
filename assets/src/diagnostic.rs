//! Diagnostics: what is wrong in files that people write, as values and never as errors.
//!
//! A load collects all of them, so that one problem never hides the others. Each has a stable code
//! (listed in `docs/errors.md`), a place and, where we know one, a way out. How they look on a
//! terminal is decided by the command line.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is planned or triggered until it is mended.
    Error,
    /// The project works; something is probably not as meant.
    Warning,
}

/// Where in a file something stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, as a path relative to the project folder.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Byte range in the file's text, end exclusive; empty where only a point is known.
    pub span: std::ops::Range<usize>,
}

impl Place {
    /// Names the beginning of a file, for problems that concern the file as a whole.
    pub fn start_of(file: &Arc<str>) -> Self {
        Self {
            file: Arc::clone(file),
            line: 1,
            column: 1,
            span: 0..0,
        }
    }
}

/// One problem found in files that people write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code, such as `A012`; `docs/errors.md` explains each.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a final stop; names in back-ticks.
    pub message: String,
    /// Where; absent for problems of the project as a whole.
    pub place: Option<Place>,
    /// Further facts, one line each.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Makes an error.
    pub fn error(code: &'static str, place: Option<Place>, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, place, message.into())
    }

    /// Makes a warning.
    pub fn warning(code: &'static str, place: Option<Place>, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, place, message.into())
    }

    fn new(code: &'static str, severity: Severity, place: Option<Place>, message: String) -> Self {
        Self {
            code,
            severity,
            message,
            place,
            notes: Vec::new(),
            help: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds one further fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Returns whether this diagnostic stops a plan.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Returns the candidate that `written` most likely means, if any is close.
///
/// Close is a Jaro-Winkler similarity of at least 0.8, or the same text but for case.
pub fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (similarity(written, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}

fn similarity(written: &str, candidate: &str) -> f64 {
    if written.eq_ignore_ascii_case(candidate) {
        return 1.0;
    }
    strsim::jaro_winkler(written, candidate)
}
