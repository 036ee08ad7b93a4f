//! Patterns of selection values: plain text, or text with the wild cards `*`, `?` and `[…]`.
//!
//! Matching takes no recursion and no regular expression, so that a pattern of any length costs
//! at most its length times that of the text. A dot, a slash or a letter outside ASCII is a
//! character like any other, except that [`PathPattern`] works folder by folder.

use super::parse::SelectProblem;

/// A value that is compared with words of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Only this text.
    Plain(String),
    /// Text with wild cards.
    Glob(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Any number of characters, also none.
    Any,
    /// One character, whichever.
    One,
    /// This character.
    Exactly(char),
    /// One character in (or, if negated, not in) any of the ranges, ends inclusive.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// Returns what is wrong and at which byte: a `[` that is not closed.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, SelectProblem)> {
        if !text.contains(['*', '?', '[']) {
            return Ok(Self::Plain(text.to_owned()));
        }
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let at = text.len() - rest.len();
            rest = rest.get(first.len_utf8()..).unwrap_or("");
            let token = match first {
                '*' => Token::Any,
                '?' => Token::One,
                '[' => {
                    let (class, after) = class(rest).ok_or((at, SelectProblem::OpenBracket))?;
                    rest = after;
                    class
                }
                other => Token::Exactly(other),
            };
            // Two stars say no more than one, and would only cost time.
            if token != Token::Any || tokens.last() != Some(&Token::Any) {
                tokens.push(token);
            }
        }
        Ok(Self::Glob(tokens))
    }

    /// Returns whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Plain(plain) => plain == text,
            Self::Glob(tokens) => matches_tokens(tokens, text),
        }
    }

    /// Returns whether the dotted text matches, or plain text is a prefix of it that ends at a dot.
    pub(super) fn matches_folder(&self, dotted: &str) -> bool {
        match self {
            Self::Plain(plain) => dotted
                .strip_prefix(plain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            Self::Glob(tokens) => matches_tokens(tokens, dotted),
        }
    }

    /// Returns whether the dotted text or its last segment matches, or plain text is the end of it
    /// after a dot.
    pub(super) fn matches_ending(&self, dotted: &str) -> bool {
        match self {
            Self::Plain(plain) => dotted
                .strip_suffix(plain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            Self::Glob(tokens) => {
                let last = dotted.rsplit('.').next().unwrap_or(dotted);
                matches_tokens(tokens, dotted) || matches_tokens(tokens, last)
            }
        }
    }
}

/// Reads a class after its `[`, and returns what follows its `]`. As in a shell, a `]` that comes
/// first is a member, and `!` or `^` in front negates.
fn class(text: &str) -> Option<(Token, &str)> {
    let inner = text.strip_prefix(['!', '^']);
    let negated = inner.is_some();
    let inner = inner.unwrap_or(text);
    let first = inner.chars().next()?;
    let after_first = inner.get(first.len_utf8()..)?;
    let members = inner.len() - after_first.len() + after_first.find(']')?;
    let (members, rest) = inner.split_at_checked(members)?;
    let mut ranges = Vec::new();
    let mut chars = members.chars().peekable();
    while let Some(low) = chars.next() {
        let mut ahead = chars.clone();
        let range = (ahead.next(), ahead.next());
        if let (Some('-'), Some(high)) = range {
            chars = ahead;
            ranges.push((low, high));
        } else {
            ranges.push((low, low));
        }
    }
    Some((Token::Class { negated, ranges }, rest.strip_prefix(']')?))
}

/// Matches greedily and, on a mismatch, lets the last `*` take one character more.
fn matches_tokens(tokens: &[Token], text: &str) -> bool {
    let mut rest = text;
    let mut at = 0;
    // The token after the last star, and the text which that star has not taken.
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let next = rest.chars().next();
        match (tokens.get(at), next) {
            (None, None) => return true,
            (Some(Token::Any), _) => {
                at += 1;
                retry = Some((at, rest));
                continue;
            }
            (Some(token), Some(c)) if token.accepts(c) => {
                at += 1;
                rest = rest.get(c.len_utf8()..).unwrap_or("");
                continue;
            }
            _ => {}
        }
        let Some((after_star, untaken)) = retry else {
            return false;
        };
        let Some(taken) = untaken.chars().next() else {
            return false;
        };
        rest = untaken.get(taken.len_utf8()..).unwrap_or("");
        at = after_star;
        retry = Some((at, rest));
    }
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Exactly(expected) => *expected == c,
            Self::Class { negated, ranges } => {
                let is_in = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                is_in != *negated
            }
        }
    }
}

/// A file or folder, each part of which may have wild cards; `**` is any number of folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPattern {
    /// `None` is `**`.
    parts: Vec<Option<Pattern>>,
}

impl PathPattern {
    /// Reads a path; `./` in front and `/` at the end say nothing.
    ///
    /// # Errors
    ///
    /// As [`Pattern::parse`].
    pub(super) fn parse(text: &str) -> Result<Self, (usize, SelectProblem)> {
        let mut parts = Vec::new();
        let mut at = 0;
        for part in text.split('/') {
            match part {
                "" | "." => {}
                "**" => parts.push(None),
                _ => {
                    let pattern = Pattern::parse(part);
                    parts.push(Some(pattern.map_err(|(inside, what)| (at + inside, what))?));
                }
            }
            at += part.len() + 1;
        }
        Ok(Self { parts })
    }

    /// Returns whether a path, or a folder that it lies in, matches.
    pub(super) fn matches(&self, path: &str) -> bool {
        // Which beginnings of the pattern the path read so far can have used up.
        let mut used = vec![false; self.parts.len() + 1];
        if let Some(none) = used.first_mut() {
            *none = true;
        }
        self.skip_folders(&mut used);
        let mut segments = path
            .split(['/', '\\'])
            .filter(|part| !matches!(*part, "" | "."));
        loop {
            if used.last() == Some(&true) {
                return true;
            }
            let Some(segment) = segments.next() else {
                return false;
            };
            used = self.step(&used, segment);
        }
    }

    fn step(&self, used: &[bool], segment: &str) -> Vec<bool> {
        let mut next = vec![false; used.len()];
        for (at, (part, _)) in self
            .parts
            .iter()
            .zip(used)
            .enumerate()
            .filter(|(_, it)| *it.1)
        {
            let (target, takes) = match part {
                None => (at, true),
                Some(pattern) => (at + 1, pattern.matches(segment)),
            };
            if let Some(slot) = next.get_mut(target) {
                *slot |= takes;
            }
        }
        self.skip_folders(&mut next);
        next
    }

    /// Lets each `**` stand for no folder at all.
    fn skip_folders(&self, used: &mut [bool]) {
        for (at, part) in self.parts.iter().enumerate() {
            if part.is_none()
                && used.get(at) == Some(&true)
                && let Some(after) = used.get_mut(at + 1)
            {
                *after = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn wild_cards_match_as_in_a_shell() {
        for (pattern, text) in [
            ("*", ""),
            ("fct_*", "fct_revenue"),
            ("*a*b*", "xxaxxbxx"),
            ("?ber", "über"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("a[*]b", "a*b"),
            ("[a-]", "-"),
        ] {
            assert!(glob(pattern, text), "{pattern} should match {text}");
        }
        for (pattern, text) in [
            ("fct_*", "dim_x"),
            ("?", ""),
            ("?", "ab"),
            ("[!a]", "a"),
            ("*ab", "aba"),
            ("[b-a]", "a"),
        ] {
            assert!(!glob(pattern, text), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn an_open_bracket_is_refused_at_its_place() {
        for text in ["ab[", "ab[]", "ab[!", "ab[c"] {
            assert_eq!(
                Pattern::parse(text),
                Err((2, SelectProblem::OpenBracket)),
                "{text}"
            );
        }
    }

    #[test]
    fn paths_match_folder_by_folder() {
        let matches =
            |pattern: &str, path: &str| PathPattern::parse(pattern).unwrap().matches(path);
        assert!(matches("models/marts", "models/marts/a/b.sql"));
        assert!(matches("./models/marts/", "models/marts/b.sql"));
        assert!(matches("models/*/b.sql", "models/marts/b.sql"));
        assert!(matches("models/**/b.sql", "models/b.sql"));
        assert!(matches("models/**/b.sql", "models/x/y/b.sql"));
        assert!(matches("models/marts", r"models\marts\b.sql"));
        assert!(!matches("models/mart", "models/marts/b.sql"));
        assert!(!matches("models/*.sql", "models/marts/b.sql"));
        assert!(!matches("marts", "models/marts/b.sql"));
    }
}
