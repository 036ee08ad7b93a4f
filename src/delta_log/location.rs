//! Where a declared location lies, as far as local paths go.
//!
//! Stores that are not read are recognised by name, so that nobody looks for a local folder `s3:`.

use std::path::{Path, PathBuf};

use assets::delta::Unreadable;

/// Schemes that are written without two slashes, too.
const SINGLE_SLASH: [&str; 2] = ["dbfs", "file"];

/// Returns the local path of a location: an absolute path, one relative to `base`, or a `file:`
/// URL.
///
/// # Errors
///
/// Names the kind of store when the location is not local, or says why it is no path.
pub fn local_path(location: &str, base: &Path) -> Result<PathBuf, Unreadable> {
    let bad = |detail: &str| Unreadable::BadLocation {
        location: location.to_owned(),
        detail: detail.to_owned(),
    };
    if location.trim().is_empty() {
        return Err(bad("it is empty"));
    }
    if location.contains('\0') {
        return Err(bad("it holds a zero byte"));
    }
    match scheme(location) {
        None => Ok(base.join(location)),
        Some(("file", rest)) => {
            let path = match rest.strip_prefix("//") {
                Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
                None => rest,
            };
            if !path.starts_with('/') {
                return Err(bad(
                    "a `file:` URL holds an absolute path: `file:///data/orders`",
                ));
            }
            let path = percent_decoded(path).ok_or_else(|| bad("a `%` escape is broken"))?;
            Ok(PathBuf::from(path))
        }
        Some((scheme, _)) => Err(Unreadable::NotLocal {
            location: location.to_owned(),
            scheme: scheme.to_owned(),
        }),
    }
}

/// Splits `scheme:rest`; a colon alone makes no scheme, for file names may hold one.
fn scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let is_name = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let is_url =
        rest.starts_with("//") || (rest.starts_with('/') && SINGLE_SLASH.contains(&scheme));
    (is_name && is_url).then_some((scheme, rest))
}

fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut pieces = path.split('%');
    bytes.extend_from_slice(pieces.next()?.as_bytes());
    for piece in pieces {
        let code = piece
            .get(..2)
            .filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(piece.get(2..)?.as_bytes());
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (!decoded.contains('\0')).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_spellings_lead_to_the_same_path() {
        let check = |location: &str, expected: &str| {
            let path = local_path(location, Path::new("/project")).unwrap();
            assert_eq!(path, Path::new(expected), "{location}");
        };
        check("/data/orders", "/data/orders");
        check("lake/orders", "/project/lake/orders");
        check("file:///data/my%20orders", "/data/my orders");
        check("file:/data/orders", "/data/orders");
        check("file://localhost/data/orders", "/data/orders");
        check("odd:name/orders", "/project/odd:name/orders");
        check("100%/orders", "/project/100%/orders");
    }

    #[test]
    fn other_stores_are_refused_by_name() {
        for scheme in ["s3", "s3a", "abfss", "gs", "dbfs", "https"] {
            let location = format!("{scheme}://bucket/orders");
            let refused = Unreadable::NotLocal {
                location: location.clone(),
                scheme: scheme.into(),
            };
            assert_eq!(local_path(&location, Path::new("/")), Err(refused));
        }
        let dbfs = local_path("dbfs:/orders", Path::new("/")).unwrap_err();
        assert_eq!(dbfs.code(), "not_local");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for location in [
            "",
            "  ",
            "a\0b",
            "file://host/x%zz",
            "file:///a%0",
            "file:///a%00",
            "file://x",
        ] {
            let error = local_path(location, Path::new("/")).unwrap_err();
            assert_eq!(error.code(), "bad_location", "{location:?}");
        }
    }
}
