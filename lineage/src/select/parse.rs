//! Reads a selection: `[@][<n>+][method:]value[+<n>]`, blanks for union, commas for intersection.

use assets::{Relation, did_you_mean};

use super::criterion::{Criterion, Test};
use super::pattern::{PathPattern, Pattern};

/// A selection that cannot be read, and where it goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the selection `{}` at character {position}: {problem}", self.excerpt())]
pub struct SelectError {
    /// The argument as it was given.
    pub text: String,
    /// Where the trouble begins, in characters from 1.
    pub position: usize,
    /// What the trouble is.
    pub problem: SelectProblem,
}

/// What is wrong with a selection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectProblem {
    /// There is nothing in it.
    #[error("it is empty; leave it out to select every asset")]
    Empty,
    /// A comma without anything before or after it.
    #[error("a comma needs a criterion on both sides, without blanks")]
    EmptyCriterion,
    /// Only operators or a method, and nothing they could apply to.
    #[error("the name or value is missing")]
    EmptyValue,
    /// A method that does not exist.
    #[error("there is no method `{method}:`{}", or_rather(.suggestion.as_deref()))]
    UnknownMethod {
        /// The method as written, cut to 40 characters.
        method: String,
        /// The method that was probably meant.
        suggestion: Option<String>,
    },
    /// `@` and a `+` at the end.
    #[error("`@` already includes everything downstream; leave out the `+` at the end")]
    ClosureWithDownstream,
    /// A class of characters that does not end.
    #[error("the `[` is not closed")]
    OpenBracket,
}

fn or_rather(suggestion: Option<&str>) -> String {
    if let Some(method) = suggestion {
        return format!("; did you mean `{method}:`?");
    }
    let mut all: Vec<&str> = names().collect();
    all.sort_unstable();
    format!("; there are {}", all.join(", "))
}

impl SelectError {
    /// Returns at most 80 characters of the argument.
    fn excerpt(&self) -> String {
        shortened(&self.text, 80)
    }
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// Makes the test of a method from its value.
type MakeTest = fn(Pattern) -> Test;

/// How the value of each method is tested; `path` has patterns of its own kind.
const METHODS: [(&str, MakeTest); 13] = [
    ("exposure", Test::Exposure),
    ("file", Test::File),
    ("fqn", Test::Fqn),
    ("group", Test::Group),
    ("health", Test::Health),
    ("key", Test::Key),
    ("kind", Test::Kind),
    ("owner", Test::Owner),
    ("package", Test::Package),
    ("resource_type", Test::ResourceType),
    ("source", Test::Source),
    ("tag", Test::Tag),
    ("tier", Test::Tier),
];

const PATH: &str = "path";

fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|(name, _)| *name).chain([PATH])
}

/// What is wrong, and at which byte of the text that was handed over.
type Trouble = (usize, SelectProblem);

/// Reads one argument: a union of intersections.
///
/// # Errors
///
/// Says where the argument stops making sense.
pub(super) fn union(text: &str) -> Result<Vec<Vec<Criterion>>, SelectError> {
    let mut parts = Vec::new();
    let mut at = 0;
    for piece in text.split_inclusive(char::is_whitespace) {
        let part = piece.trim_end_matches(char::is_whitespace);
        if !part.is_empty() {
            parts.push(intersection(part).map_err(|trouble| error(text, at, trouble))?);
        }
        at += piece.len();
    }
    if parts.is_empty() {
        return Err(error(text, 0, (0, SelectProblem::Empty)));
    }
    Ok(parts)
}

fn error(text: &str, base: usize, (at, problem): Trouble) -> SelectError {
    let before = text.get(..base + at).unwrap_or(text);
    SelectError {
        text: text.to_owned(),
        position: before.chars().count() + 1,
        problem,
    }
}

fn intersection(text: &str) -> Result<Vec<Criterion>, Trouble> {
    let mut criteria = Vec::new();
    let mut at = 0;
    for part in text.split(',') {
        if part.is_empty() {
            return Err((at, SelectProblem::EmptyCriterion));
        }
        criteria.push(criterion(part).map_err(|(inside, problem)| (at + inside, problem))?);
        at += part.len() + 1;
    }
    Ok(criteria)
}

fn criterion(text: &str) -> Result<Criterion, Trouble> {
    let (is_closure, mut rest) = match text.strip_prefix('@') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut upstream_steps = 0;
    if let Some((digits, after)) = rest.split_once('+')
        && let Some(steps) = steps(digits)
    {
        (upstream_steps, rest) = (steps, after);
    }
    let start = text.len() - rest.len();
    let mut downstream_steps = 0;
    if let Some((before, digits)) = rest.rsplit_once('+')
        && let Some(steps) = steps(digits)
    {
        if is_closure {
            return Err((start + before.len(), SelectProblem::ClosureWithDownstream));
        }
        (downstream_steps, rest) = (steps, before);
    }
    let test = test(rest).map_err(|(inside, problem)| (start + inside, problem))?;
    Ok(Criterion {
        text: text.to_owned(),
        is_closure,
        upstream_steps,
        downstream_steps,
        test,
    })
}

/// Reads the number of steps beside a `+`; no number, or one too large to count, is no bound.
fn steps(digits: &str) -> Option<u32> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().unwrap_or(u32::MAX))
}

fn test(text: &str) -> Result<Test, Trouble> {
    let Some((method, value)) = text.split_once(':') else {
        return unnamed(text);
    };
    let start = text.len() - value.len();
    let inside = |(at, problem): Trouble| (start + at, problem);
    let make = METHODS.iter().find(|(name, _)| *name == method);
    if make.is_none() && method != PATH {
        return Err((0, unknown(method)));
    }
    if value.is_empty() {
        return Err((start, SelectProblem::EmptyValue));
    }
    match make {
        Some((_, make)) => Ok(make(Pattern::parse(value).map_err(inside)?)),
        None => Ok(Test::Path(PathPattern::parse(value).map_err(inside)?)),
    }
}

/// Reads a value without a method: a path, a file, or a name of any sort.
fn unnamed(value: &str) -> Result<Test, Trouble> {
    if value.is_empty() {
        return Err((0, SelectProblem::EmptyValue));
    }
    if value.contains('/') {
        return PathPattern::parse(value).map(Test::Path);
    }
    let pattern = Pattern::parse(value)?;
    let is_file = [".sql", ".py", ".csv", ".yml", ".yaml"]
        .iter()
        .any(|ending| value.ends_with(ending));
    if is_file {
        return Ok(Test::File(pattern));
    }
    Ok(Test::Name {
        pattern,
        relation: Relation::parse(value).ok(),
    })
}

fn unknown(method: &str) -> SelectProblem {
    SelectProblem::UnknownMethod {
        method: shortened(method, 40),
        suggestion: did_you_mean(&shortened(method, 40), names()).map(str::to_owned),
    }
}
