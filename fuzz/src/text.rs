//! Laws about texts and what is said about them.

use assets::{Diagnostic, Place};

/// The longest that one part of a diagnostic may be, in bytes: a screen full.
const LONGEST: usize = 2_000;

/// Numbers that depend on the bytes alone, for places to look at.
pub(crate) fn positions(bytes: &[u8], below: usize, count: usize) -> Vec<usize> {
    if below == 0 {
        return Vec::new();
    }
    let mut state = assets::delta::reading::fingerprint(bytes);
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap_or(0) % below
    };
    (0..count).map(|_| next()).collect()
}

/// Asserts that a place lies inside of a file's bytes, and that line and column are those of its
/// first byte.
pub(crate) fn assert_inside(place: &Place, bytes: &[u8]) {
    let Place {
        line, column, span, ..
    } = place;
    assert!(span.start <= span.end, "{place:?} ends before it begins");
    assert!(span.end <= bytes.len(), "{place:?} lies behind the end");
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(
            text.get(span.clone()).is_some(),
            "{place:?} cuts a character"
        );
        let (found_line, found_column) = line_and_column(text, span.start);
        assert_eq!(*line, found_line, "{place:?}");
        // What a mark is that stands elsewhere, parsers do not agree on.
        let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
        let is_plain = !unmarked.contains('\u{feff}');
        assert!(
            !is_plain || *column == found_column,
            "{place:?}: {found_column}"
        );
    }
}

/// Counts lines and characters up to a byte, both from 1. The byte order mark of a file has no
/// width.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let is_crlf = |(index, _): &(usize, &str)| {
        text.get(*index..)
            .is_some_and(|rest| rest.starts_with("\r\n"))
    };
    let breaks = before
        .match_indices(['\n', '\r'])
        .filter(|found| !is_crlf(found));
    let (lines, start) = breaks.fold((1, 0), |(lines, _), (index, _)| (lines + 1, index + 1));
    let line = before.get(start..).unwrap_or("");
    let is_marked = start == 0 && line.starts_with('\u{feff}');
    (lines, line.chars().count() + 1 - usize::from(is_marked))
}

/// Asserts that diagnostics are few, short and without a secret.
pub(crate) fn assert_bounded(diagnostics: &[Diagnostic], most: usize, secret: Option<&str>) {
    assert!(
        diagnostics.len() <= most,
        "{} diagnostics",
        diagnostics.len()
    );
    for diagnostic in diagnostics {
        let notes = diagnostic.notes.iter();
        let texts = notes.chain(&diagnostic.help).chain([&diagnostic.message]);
        for text in texts {
            assert!(
                text.len() <= LONGEST,
                "{} says {} bytes: {text}",
                diagnostic.code,
                text.len()
            );
            assert!(
                !secret.is_some_and(|secret| text.contains(secret)),
                "{text}"
            );
        }
    }
}

/// Returns the codes, in order.
pub(crate) fn codes(diagnostics: &[Diagnostic]) -> Vec<&'static str> {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect()
}
