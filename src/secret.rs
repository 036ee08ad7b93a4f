//! Secrets: values that must never be printed, logged or stored.
//!
//! A [`Secret`] has no `Display` and no serialization, its `Debug` is a mask, and its memory is
//! wiped when it is dropped. Reading it takes a call of [`Secret::reveal`], so that every place
//! that does can be found. What a server may echo back to us is masked by [`mask`].

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

/// What stands in texts where a secret stood.
const MASK: &str = "***";

/// A value that must not be shown; cloning shares the same memory.
#[derive(Clone)]
pub struct Secret(Arc<SecretString>);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(SecretString::from(text.into())))
    }

    /// Returns the text; to be called only where it is put on the wire.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Returns a text in which the secrets, and anything that looks like a Databricks token or a JWT,
/// are masked.
///
/// For texts that others wrote, such as the message of an answer: servers and proxies have been
/// seen to repeat the credentials that they refuse.
pub fn mask(text: &str, secrets: &[&Secret]) -> String {
    let mut masked = text.to_owned();
    for secret in secrets {
        // Masking a very short text would only garble messages; no real credential is that short.
        if secret.reveal().len() >= 4 {
            masked = masked.replace(secret.reveal(), MASK);
        }
    }
    mask_look_alikes(&masked)
}

/// Parts of names whose values are taken for secrets.
const SECRET_NAMES: [&str; 8] = [
    "secret",
    "password",
    "passwd",
    "token",
    "credential",
    "api_key",
    "apikey",
    "private_key",
];

/// Returns the value of a named parameter, masked where the name or the value looks like a secret.
///
/// Parameters are kept and shown; a secret has no place there, and is not shown all the same.
pub fn mask_parameter(name: &str, value: &str) -> String {
    let name = name.to_lowercase().replace(['-', '.'], "_");
    let is_secret = SECRET_NAMES.iter().any(|part| name.contains(part));
    if is_secret && !value.is_empty() {
        MASK.to_owned()
    } else {
        mask_look_alikes(value)
    }
}

fn mask_look_alikes(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._-+=/~".contains(c);
    let mut follows_scheme = false;
    text.split_inclusive(|c| !is_word(c))
        .map(|piece| {
            let word = piece.trim_end_matches(|c| !is_word(c));
            let is_secret = looks_like_token(word) || (follows_scheme && word.len() >= 8);
            // What stands after the scheme of an `Authorization` header is a credential.
            follows_scheme = matches!(word, "Basic" | "Bearer");
            if is_secret {
                format!("{MASK}{}", piece.strip_prefix(word).unwrap_or(""))
            } else {
                piece.to_owned()
            }
        })
        .collect()
}

fn looks_like_token(word: &str) -> bool {
    // `token=dapi…` and `/t/dapi…` are one word to us.
    word.split(['=', '/']).any(|value| {
        let prefixes = ["dapi", "dkea", "dose", "eyJ"];
        value.len() >= 24 && prefixes.iter().any(|prefix| value.starts_with(prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_a_mask_only() {
        let secret = Secret::new("dapi-canary");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.reveal(), "dapi-canary");
    }

    #[test]
    fn known_secrets_and_look_alikes_are_masked_in_foreign_texts() {
        let secret = Secret::new("s3cr3t/with+odd=chars");
        let text = "bad s3cr3t/with+odd=chars, dapi0123456789abcdef0123456789abcdef; \
                    token=eyJhbGciOiJIUzI1NiJ9.e30.abc of `dapi` rest";
        assert_eq!(mask(text, &[&secret]), "bad ***, ***; *** of `dapi` rest");
    }

    #[test]
    fn parameters_are_masked_by_name_or_by_value() {
        for (name, value, shown) in [
            ("db-password", "hunter2", "***"),
            ("API.Key", "k", "***"),
            ("secret", "", ""),
            ("note", "dapi0123456789abcdef0123456789abcdef", "***"),
            ("models", "finance.revenue+", "finance.revenue+"),
            ("to_version", "7", "7"),
        ] {
            assert_eq!(mask_parameter(name, value), shown, "{name}");
        }
    }

    #[test]
    fn repeated_headers_are_masked() {
        assert_eq!(
            mask(
                "header `Basic YXBwOmNsaWVudA==` or Bearer abcdefgh/x refused",
                &[]
            ),
            "header `Basic ***` or Bearer *** refused"
        );
    }

    proptest::proptest! {
        #[test]
        fn a_known_secret_never_remains(before in ".{0,20}", secret in "[!-~]{4,40}", after in ".{0,20}") {
            let masked = mask(&format!("{before}{secret}{after}"), &[&Secret::new(secret.as_str())]);
            // Masks and neighbours may happen to spell a very short secret again.
            proptest::prop_assert!(secret.len() < 6 || secret.contains('*') || !masked.contains(&secret), "{masked}");
        }
    }

    #[test]
    fn ordinary_messages_stay_as_they_are() {
        let text = "Job 101 does not exist: größer, \"x\"\n";
        assert_eq!(mask(text, &[&Secret::new("x")]), text);
    }
}
