//! The words of one line, taken one after the other; what is wrong is told with the line.

use std::collections::VecDeque;
use std::fmt;

use assets::AssetKey;
use assets::duration::parse_duration;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

/// What is wrong with a story, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) line: usize,
    pub(super) message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// What could be wrong.
pub(super) type Told<T> = Result<T, Problem>;

/// An instant, or a time of the day that the story has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Instant(DateTime<Utc>),
    OfTheDay(NaiveTime),
}

#[derive(Debug)]
enum Word {
    Plain(String),
    Quoted(String),
}

/// The words of a line that were not taken yet.
#[derive(Debug)]
pub(super) struct Words {
    line: usize,
    rest: VecDeque<Word>,
}

impl Words {
    /// Takes a line apart. A comment begins with a `#` between blanks.
    pub(super) fn of(line: usize, text: &str) -> Told<Self> {
        let mut rest = VecDeque::new();
        let mut text = text.trim_start();
        while !text.is_empty() && !text.starts_with('#') {
            text = if let Some(quoted) = text.strip_prefix('"') {
                let Some((quoted, after)) = quoted.split_once('"') else {
                    let message = "a quotation does not end".to_owned();
                    return Err(Problem { line, message });
                };
                rest.push_back(Word::Quoted(quoted.to_owned()));
                after
            } else {
                let (word, after) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
                rest.push_back(Word::Plain(word.to_owned()));
                after
            }
            .trim_start();
        }
        Ok(Self { line, rest })
    }

    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            message: message.into(),
        }
    }

    /// Takes the next word, which is some `what`.
    pub(super) fn word(&mut self, what: &str) -> Told<String> {
        match self.rest.pop_front() {
            Some(Word::Plain(word)) => Ok(word),
            Some(Word::Quoted(text)) => {
                Err(self.problem(format!("{what} is expected, and here stands \"{text}\"")))
            }
            None => Err(self.problem(format!("{what} is missing"))),
        }
    }

    /// Takes these words if they come next.
    pub(super) fn eat(&mut self, words: &str) -> bool {
        let count = words.split(' ').count();
        let next = self.rest.iter().take(count).map(|word| match word {
            Word::Plain(word) => word.as_str(),
            Word::Quoted(_) => "",
        });
        let is_next = self.rest.len() >= count && next.eq(words.split(' '));
        if is_next {
            self.rest.drain(..count);
        }
        is_next
    }

    /// Takes a quotation if one comes next.
    pub(super) fn quotation(&mut self) -> Option<String> {
        match self.rest.pop_front() {
            Some(Word::Quoted(text)) => Some(text),
            Some(plain @ Word::Plain(_)) => {
                self.rest.push_front(plain);
                None
            }
            None => None,
        }
    }

    pub(super) fn key(&mut self) -> Told<AssetKey> {
        let word = self.word("the key of an asset")?;
        AssetKey::new(&word).map_err(|error| self.problem(format!("`{word}`: {error}")))
    }

    /// Takes a version: `v12`.
    pub(super) fn version(&mut self) -> Told<u64> {
        let word = self.word("a version")?;
        let number = word
            .strip_prefix('v')
            .and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| self.problem(format!("`{word}` is no version, as `v12` is")))
    }

    pub(super) fn number(&mut self) -> Told<i64> {
        let word = self.word("a number")?;
        let number = word.parse().ok();
        number.ok_or_else(|| self.problem(format!("`{word}` is no number")))
    }

    pub(super) fn duration(&mut self) -> Told<TimeDelta> {
        let word = self.word("a duration")?;
        parse_duration(&word).map_err(|error| self.problem(format!("`{word}`: {error}")))
    }

    /// Takes `06:00`, `06:00:30` or `2026-03-01T06:00Z`.
    pub(super) fn moment(&mut self) -> Told<Moment> {
        let word = self.word("a time")?;
        let of_day = ["%H:%M", "%H:%M:%S"].into_iter();
        let mut of_day = of_day.filter_map(|form| NaiveTime::parse_from_str(&word, form).ok());
        if let Some(time) = of_day.next() {
            return Ok(Moment::OfTheDay(time));
        }
        let forms = ["%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"].into_iter();
        let mut instants =
            forms.filter_map(|form| chrono::NaiveDateTime::parse_from_str(&word, form).ok());
        let instant = instants
            .next()
            .map(|naive| Moment::Instant(naive.and_utc()));
        instant.ok_or_else(|| {
            self.problem(format!(
                "`{word}` is no time, as `06:00` and `2026-03-01T06:00Z` are"
            ))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Fails if anything is left.
    pub(super) fn end(&mut self) -> Told<()> {
        match self.rest.pop_front() {
            None => Ok(()),
            Some(Word::Plain(word) | Word::Quoted(word)) => {
                Err(self.problem(format!("`{word}` is not understood here")))
            }
        }
    }
}
