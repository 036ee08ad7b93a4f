//! What serde found wrong with a node, and how people are told.

use std::fmt;

use crate::diagnostic::did_you_mean;

use super::problem::Problem;
use super::report::{Report, shown};
use super::tree::{Content, NodeId, Spot, Tree};

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Location {
    /// A value.
    Value(NodeId),
    /// The key in front of a value.
    Key {
        value: NodeId,
        line: usize,
        column: usize,
        start: usize,
        end: usize,
    },
}

/// Why a node could not be read.
#[derive(Debug)]
pub(super) struct ReadError {
    pub(super) kind: ReadErrorKind,
    pub(super) location: Option<Location>,
}

/// Why a node could not be read. None of these holds the value of a variable.
#[derive(Debug)]
pub(super) enum ReadErrorKind {
    /// A key that no field has.
    UnknownKey {
        written: String,
        known: &'static [&'static str],
    },
    /// A word that is none of a list.
    UnknownWord { known: &'static [&'static str] },
    /// Neither a word of a list nor a mapping with one of them as its only key.
    NoVariant { variants: &'static [&'static str] },
    /// A word that takes no settings has some.
    WordOnly(String),
    /// A word that needs settings has none.
    NeedsMore(String),
    /// A key that has to be there is not.
    MissingKey(&'static str),
    /// Another kind of value than expected.
    WrongType { expected: String },
    /// A variable without a value.
    MissingVariable(String),
    /// `${` that is not a variable.
    MalformedVariable,
    /// What our own types say, or serde in cases that these types do not produce.
    Other(String),
}

impl ReadError {
    fn of(kind: ReadErrorKind) -> Self {
        Self {
            kind,
            location: None,
        }
    }

    /// Sets the location unless one is known: the innermost wins.
    pub(super) fn or_at(mut self, location: Location) -> Self {
        self.location.get_or_insert(location);
        self
    }

    /// Tells people.
    pub(super) fn report(self, tree: &Tree, location: Location, report: &mut Report<'_>) {
        let (node, spot) = match location {
            Location::Value(node) => (node, tree.spot(node)),
            Location::Key {
                value,
                line,
                column,
                start,
                end,
            } => {
                let span = start..end;
                (value, Spot { line, column, span })
            }
        };
        let told = tell(self.kind, tree, node, location);
        let diagnostic = report.error_at(told.problem, tree, node, told.message);
        diagnostic.help = told.help;
        if let Some(place) = &mut diagnostic.place {
            place.line = spot.line.max(1);
            place.column = spot.column.max(1);
            place.span = spot.span;
        }
    }
}

struct Told {
    problem: Problem,
    message: String,
    help: Option<String>,
}

fn told(problem: Problem, message: String, help: Option<String>) -> Told {
    Told {
        problem,
        message,
        help,
    }
}

fn tell(kind: ReadErrorKind, tree: &Tree, node: NodeId, location: Location) -> Told {
    let subject = tree.label(node).unwrap_or_else(|| "this".into());
    match kind {
        ReadErrorKind::UnknownKey { written, known } => told(
            Problem::UnknownKey,
            format!("unknown key `{}`", shown(&written)),
            Some(suggestion(&shown(&written), known, "known here")),
        ),
        ReadErrorKind::UnknownWord { known } => {
            let key = match location {
                Location::Key { .. } => tree.key_of(node),
                Location::Value(_) => None,
            };
            let written = key.or_else(|| tree.written(node).map(str::to_owned));
            let written = shown(&written.unwrap_or_default());
            let message = match location {
                Location::Key { .. } => format!("unknown key `{written}`"),
                Location::Value(_) => format!("{subject} does not take `{written}`"),
            };
            told(
                Problem::UnknownWord,
                message,
                Some(suggestion(&written, known, "accepted")),
            )
        }
        ReadErrorKind::NoVariant { variants } => told(
            Problem::WrongType,
            format!("{subject} has to name exactly one of {}", listed(variants)),
            None,
        ),
        ReadErrorKind::WordOnly(word) => told(
            Problem::WrongType,
            format!("`{word}` takes no settings"),
            Some(format!("write just `{word}`")),
        ),
        ReadErrorKind::NeedsMore(word) => told(
            Problem::WrongType,
            format!("`{word}` needs settings"),
            Some(format!("write `{{ {word}: … }}`")),
        ),
        ReadErrorKind::MissingKey(key) => {
            let message = match tree.label(node) {
                Some(label) => format!("{label} lacks the key `{key}`"),
                None => format!("the key `{key}` is missing"),
            };
            told(Problem::MissingKey, message, None)
        }
        ReadErrorKind::WrongType { expected } => {
            let message = format!(
                "{subject} has to be {}, but this is {}",
                in_words(&expected),
                what_is(tree, node)
            );
            told(
                Problem::WrongType,
                message,
                type_help(&expected, tree, node),
            )
        }
        ReadErrorKind::MissingVariable(name) => told(
            Problem::Variable,
            format!("the variable `{name}` is not set in the environment"),
            Some(format!(
                "set `{name}`, or write `$${{` where the text `${{` is meant"
            )),
        ),
        ReadErrorKind::MalformedVariable => told(
            Problem::Variable,
            format!("{subject} holds `${{` that is not the beginning of `${{NAME}}`"),
            Some(
                "a name has letters, digits and `_`; write `$${` where the text `${` is meant"
                    .into(),
            ),
        ),
        ReadErrorKind::Other(message) => {
            told(Problem::WrongType, format!("{subject}: {message}"), None)
        }
    }
}

/// Says what was probably meant, else what there is.
pub(super) fn suggestion(written: &str, known: &[&str], what: &str) -> String {
    match did_you_mean(written, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => format!("{what}: nothing yet"),
        None => format!("{what}: {}", listed(known)),
    }
}

/// More than the keys of an asset; lists of people's own names may be longer.
const MAX_LISTED: usize = 32;

fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words
        .iter()
        .take(MAX_LISTED)
        .map(|word| format!("`{}`", shown(word)))
        .collect();
    let more = words.len().saturating_sub(MAX_LISTED);
    if more > 0 {
        return format!("{} and {more} more", quoted.join(", "));
    }
    quoted.join(", ")
}

/// Puts serde's names of types into words.
fn in_words(expected: &str) -> String {
    match expected {
        "a string" => "text",
        "a boolean" => "`true` or `false`",
        "a map" => "a mapping of keys to values",
        "a sequence" => "a list",
        "u8" => "a whole number from 0 to 255",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "i64" => "a whole number",
        other => other,
    }
    .to_owned()
}

fn what_is(tree: &Tree, node: NodeId) -> String {
    match tree.content(node) {
        Content::Null => "empty".into(),
        Content::List(_) => "a list".into(),
        Content::Map(_) => "a mapping".into(),
        Content::Scalar(scalar) => format!("`{}`", shown(&scalar.written)),
    }
}

fn type_help(expected: &str, tree: &Tree, node: NodeId) -> Option<String> {
    let written = tree.written(node)?;
    if expected.starts_with("a duration") && written.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("add the unit: `{written}s` or `{written}m`"));
    }
    let plain = matches!(tree.content(node), Content::Scalar(scalar) if scalar.plain);
    let is_number = written.parse::<i64>().is_ok();
    if !plain && is_number && in_words(expected).starts_with("a whole number") {
        return Some("leave the quotes out".into());
    }
    (expected == "a string" && plain && written.len() <= 40)
        .then(|| format!("put it in quotes: \"{written}\""))
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(ReadErrorKind::Other(message.to_string()))
    }

    fn invalid_type(_: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        let expected = expected.to_string();
        Self::of(ReadErrorKind::WrongType { expected })
    }

    fn invalid_value(_: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        let expected = expected.to_string();
        Self::of(ReadErrorKind::WrongType { expected })
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::of(ReadErrorKind::UnknownWord { known })
    }

    fn unknown_field(written: &str, known: &'static [&'static str]) -> Self {
        let written = written.to_owned();
        Self::of(ReadErrorKind::UnknownKey { written, known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(ReadErrorKind::MissingKey(field))
    }
}
