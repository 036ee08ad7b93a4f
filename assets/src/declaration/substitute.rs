//! `${NAME}` in values: variables of the process put into texts, and tokens kept out of them.
//!
//! A value that came from a variable may be a secret. It is kept beside the text as written, and
//! messages show only the latter.

use std::borrow::Cow;

/// What became of a text that names variables.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Substituted {
    /// All variables had a value. May be a secret.
    Value(String),
    /// This variable has no value.
    Missing(String),
    /// There is `${` without a name and a closing brace.
    Malformed,
}

impl std::fmt::Debug for Substituted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(_) => f.write_str("Value(…)"),
            Self::Missing(name) => f.debug_tuple("Missing").field(name).finish(),
            Self::Malformed => f.write_str("Malformed"),
        }
    }
}

/// Puts variables into a text; `None` where it names none, and no `$${` has to be undone.
///
/// `$${` stands for `${` itself. Values are taken as they are: a variable inside a variable stays
/// text.
pub(super) fn substitute(
    text: &str,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Option<Substituted> {
    if !text.contains("${") {
        return None;
    }
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from_dollar) = rest.split_at(at);
        let after = from_dollar.get(2..).unwrap_or_default();
        if let Some(literal) = before.strip_suffix('$') {
            result.push_str(literal);
            result.push_str("${");
            rest = after;
            continue;
        }
        result.push_str(before);
        let Some((name, remainder)) = after.split_once('}') else {
            return Some(Substituted::Malformed);
        };
        if !is_variable_name(name) {
            return Some(Substituted::Malformed);
        }
        match variables(name) {
            Some(value) => result.push_str(&value),
            None => return Some(Substituted::Missing(name.to_owned())),
        }
        rest = remainder;
    }
    result.push_str(rest);
    Some(Substituted::Value(result))
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Longer than any token; what follows is looked at as the beginning of another one, so that a
/// text of nothing but prefixes costs no more than its length.
const MAX_TOKEN: usize = 64;

/// Returns the byte ranges that look like Databricks tokens, in order.
///
/// Personal tokens are `dapi` and 32 hexadecimal digits, sometimes with `-2` after them; `OAuth`
/// secrets begin with `dose`. Shorter ones count too, because a token that was cut is a token that
/// leaked in part. Source: Databricks secret-scanning patterns as published by GitHub (read
/// 2026-11-20).
pub(super) fn token_ranges(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    for prefix in ["dapi", "dose"] {
        for (start, _) in text.match_indices(prefix) {
            let tail = text.get(start + prefix.len()..).unwrap_or_default();
            let before = text.get(..start).and_then(|head| head.chars().next_back());
            let length = tail
                .bytes()
                .take(MAX_TOKEN)
                .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
                .count();
            let body = tail.get(..length).unwrap_or_default();
            let hexadecimal = body.bytes().take_while(u8::is_ascii_hexdigit).count();
            let digits = body.bytes().filter(u8::is_ascii_digit).count();
            let is_token = if prefix == "dapi" {
                length >= 8 && digits > 0
            } else {
                hexadecimal >= 32
            };
            if is_token && !before.is_some_and(char::is_alphanumeric) {
                found.push(start..start + prefix.len() + length);
            }
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

/// Replaces what looks like a Databricks token by as many `*`, so that byte ranges stay right.
///
/// For everything that shows text of a file: messages, and the excerpt beside them.
pub fn mask_tokens(text: &str) -> Cow<'_, str> {
    let ranges = token_ranges(text);
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut shown_to = 0;
    for range in ranges {
        // Ranges may overlap; they are in order of their beginnings.
        let start = range.start.max(shown_to);
        masked.push_str(text.get(shown_to..start).unwrap_or_default());
        masked.extend(std::iter::repeat_n('*', range.end.saturating_sub(start)));
        shown_to = shown_to.max(range.end);
    }
    masked.push_str(text.get(shown_to..).unwrap_or_default());
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_one(text: &str) -> Option<Substituted> {
        substitute(text, &|name| (name == "A").then(|| "1".to_owned()))
    }

    #[test]
    fn puts_in_values_and_leaves_escapes() {
        let value = |text: &str| Some(Substituted::Value(text.to_owned()));
        assert_eq!(with_one("x${A}y${A}"), value("x1y1"));
        assert_eq!(with_one("$${A}-${A}"), value("${A}-1"));
        assert_eq!(with_one("$A and {A}"), None);
        assert_eq!(with_one("${B}"), Some(Substituted::Missing("B".into())));
        for malformed in ["${", "${}", "${A", "${A:-x}", "${1A}", "${ A }"] {
            assert_eq!(
                with_one(malformed),
                Some(Substituted::Malformed),
                "{malformed}"
            );
        }
    }

    #[test]
    fn tokens_are_found_and_masked_in_place() {
        let line = "token: dapi0123456789abcdef0123456789abcdef-2 # mine";
        let masked = mask_tokens(line);
        assert_eq!(masked.len(), line.len());
        assert!(masked.starts_with("token: ****") && masked.ends_with("* # mine"));
        assert_eq!(
            mask_tokens("dapi_tables and dapitables"),
            "dapi_tables and dapitables"
        );
        assert_eq!(mask_tokens("doses12345678"), "doses12345678");
    }
}
