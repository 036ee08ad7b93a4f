//! The text of a `.databrickscfg`: which profile counts, and what it says.
//!
//! The rules are those of the vendor's SDKs: a profile is a section, keys of `[DEFAULT]` are not
//! inherited by other sections, and `[__settings__]` names the default profile and is none itself.
//! Values are taken as they stand: no quotes, no escapes. Nothing is read from disk here.
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/config.py`.

use std::collections::BTreeMap;

use ini::{Ini, ParseOption};

use crate::secret::Secret;

/// The section that holds settings of the tools, not a profile.
const SETTINGS: &str = "__settings__";

/// The section that counts where nobody names one.
const DEFAULT: &str = "DEFAULT";

/// One profile: lower-case keys and their values, any of which may be a secret.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    /// The section's name.
    pub(super) name: String,
    /// What stands in it, without empty values.
    pub(super) values: BTreeMap<String, Secret>,
}

/// Why a configuration file cannot be used. Never holds text of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ConfigFileError {
    /// Not an INI file; the line that is neither section, value nor comment, from 1.
    Syntax { line: usize },
    /// The profile that was asked for, or that the settings name, does not exist.
    NoSuchProfile { name: String, existing: Vec<String> },
}

/// Picks the profile that counts: the wanted one, else the file's default, else `[DEFAULT]`.
///
/// `None` where nobody asked for a profile and the file has no default.
pub(super) fn pick_profile(
    text: &str,
    wanted: Option<&str>,
) -> Result<Option<Profile>, ConfigFileError> {
    let sections = read_sections(text)?;
    let default_profile = sections
        .get(SETTINGS)
        .and_then(|settings| settings.get("default_profile"))
        .map(|name| name.reveal().to_owned());
    let named = wanted.map(str::to_owned).or(default_profile);
    let name = named.clone().unwrap_or_else(|| DEFAULT.to_owned());
    let found = sections.get(&name).filter(|_| name != SETTINGS);
    match (found, named) {
        (Some(values), _) => Ok(Some(Profile {
            name,
            values: values.clone(),
        })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ConfigFileError::NoSuchProfile {
            name,
            existing: sections.into_keys().filter(|s| s != SETTINGS).collect(),
        }),
    }
}

type Sections = BTreeMap<String, BTreeMap<String, Secret>>;

fn read_sections(text: &str) -> Result<Sections, ConfigFileError> {
    let options = ParseOption {
        enabled_quote: false,
        enabled_escape: false,
        ..ParseOption::default()
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The parser reads over line ends in broken files, and its messages may quote the file.
    if let Some(line) = first_odd_line(text) {
        return Err(ConfigFileError::Syntax { line });
    }
    let ini = Ini::load_from_str_opt(text, options)
        .map_err(|error| ConfigFileError::Syntax { line: error.line })?;
    let mut sections = Sections::new();
    for (name, properties) in &ini {
        let Some(name) = name else { continue };
        let values = sections.entry(name.trim().to_owned()).or_default();
        for (key, value) in properties {
            if !value.trim().is_empty() {
                values.insert(key.trim().to_lowercase(), Secret::new(value.trim()));
            }
        }
    }
    Ok(sections)
}

/// Returns the first line, from 1, that is neither section, value, continuation nor comment.
fn first_odd_line(text: &str) -> Option<usize> {
    let is_odd = |line: &str| {
        let bare = line.trim();
        let is_section = bare.starts_with('[') && bare.ends_with(']');
        let is_continuation = line.starts_with([' ', '\t']);
        let is_value = bare.contains(['=', ':']) && !bare.starts_with(['[', '=', ':']);
        let is_comment = bare.is_empty() || bare.starts_with(['#', ';']);
        !(is_section || is_continuation || is_value || is_comment)
    };
    text.lines()
        .position(is_odd)
        .map(|position| position.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
; people comment
[DEFAULT]
host = https://default.example.com
token = inherited-by-nobody

[prod]
HOST          = https://prod.example.com
client_id     = 0000-1
client_secret = a\\b\"c'd#e
empty =
";

    fn value(text: &str, wanted: Option<&str>, key: &str) -> Option<String> {
        let profile = pick_profile(text, wanted).unwrap()?;
        profile.values.get(key).map(|v| v.reveal().to_owned())
    }

    #[test]
    fn a_profile_is_its_own_section_and_nothing_else() {
        assert_eq!(
            value(FILE, Some("prod"), "host").unwrap(),
            "https://prod.example.com"
        );
        assert_eq!(value(FILE, Some("prod"), "token"), None);
        assert_eq!(value(FILE, Some("prod"), "empty"), None);
        assert_eq!(value(FILE, None, "token").unwrap(), "inherited-by-nobody");
    }

    #[test]
    fn values_are_taken_as_they_stand() {
        assert_eq!(
            value(FILE, Some("prod"), "client_secret").unwrap(),
            "a\\b\"c'd#e"
        );
    }

    #[test]
    fn settings_name_the_default_and_are_no_profile() {
        let text = format!("[__settings__]\ndefault_profile = prod\n{FILE}");
        assert_eq!(pick_profile(&text, None).unwrap().unwrap().name, "prod");
        assert!(matches!(
            pick_profile(&text, Some("__settings__")),
            Err(ConfigFileError::NoSuchProfile { existing, .. }) if existing == ["DEFAULT", "prod"]
        ));
    }

    #[test]
    fn a_file_without_a_default_is_silent_but_a_missing_wanted_profile_is_not() {
        assert!(pick_profile("[a]\nhost = x\n", None).unwrap().is_none());
        assert!(pick_profile("", None).unwrap().is_none());
        assert!(pick_profile("[a]\nhost = x\n", Some("b")).is_err());
    }

    #[test]
    fn a_broken_file_names_the_line_and_no_text() {
        for (text, line) in [
            ("[a]\ntoken = canary-1\n[b\ntoken = canary-2\n", 3),
            ("[a]\ncanary\nhost = x\n", 2),
            ("{\"token\": \"canary\"}\ncanary", 2),
        ] {
            let error = pick_profile(text, None).unwrap_err();
            assert_eq!(error, ConfigFileError::Syntax { line }, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_file_breaks_us(text in "[\\[\\]a=: ;#\\n\\t\\r\\\\\"']{0,60}", wanted in proptest::option::of("[a]")) {
            drop(pick_profile(&text, wanted.as_deref()));
        }
    }
}
