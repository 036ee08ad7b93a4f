//! The variables of the process environment, read once.
//!
//! This is the only place that asks for them; everybody else gets a [`Variables`]. It knows which
//! names have a meaning to Headwater itself, and nothing about credentials: what a name of the
//! `DATABRICKS_` family means is decided by the client of the workspace.

use std::collections::BTreeMap;
use std::fmt;

/// A snapshot of the process environment, so that one command never sees two states of it.
///
/// Values may be secrets, so that `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Takes the variables of this process. Those that are not Unicode are left out: no file could
    /// name them.
    pub fn of_process() -> Self {
        let texts = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self(texts.collect())
    }

    /// Returns all of them: for the resolution of credentials, which knows many names.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Returns the value of a variable, also where it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the value of a variable unless it is empty: most shells cannot unset for one call.
    pub fn set_to(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Returns the environment that `HEADWATER_ENV` names.
    pub fn environment(&self) -> Option<&str> {
        self.set_to("HEADWATER_ENV")
    }

    /// Returns what `HEADWATER_LOG` asks to be logged, in the syntax of `tracing`.
    pub fn log_filter(&self) -> Option<&str> {
        self.set_to("HEADWATER_LOG")
    }

    /// Returns where credentials of object stores come from, as `HEADWATER_STORE_CREDENTIALS` says.
    pub fn store_credentials(&self) -> Option<&str> {
        self.set_to("HEADWATER_STORE_CREDENTIALS")
    }

    /// Returns how many requests a second object stores get together, as
    /// `HEADWATER_STORE_REQUESTS_PER_SECOND` says.
    pub fn store_requests_per_second(&self) -> Option<&str> {
        self.set_to("HEADWATER_STORE_REQUESTS_PER_SECOND")
    }

    /// Returns how many requests object stores get at once, as `HEADWATER_STORE_REQUESTS_AT_ONCE`
    /// says.
    pub fn store_requests_at_once(&self) -> Option<&str> {
        self.set_to("HEADWATER_STORE_REQUESTS_AT_ONCE")
    }

    /// Returns what the variables say about colour: yes, no, or nothing.
    ///
    /// Source: no-color.org and bixense.com/clicolors (read 2026-11-20).
    pub fn colour(&self) -> Option<bool> {
        if self.set_to("NO_COLOR").is_some() {
            return Some(false);
        }
        if self
            .set_to("CLICOLOR_FORCE")
            .is_some_and(|value| value != "0")
        {
            return Some(true);
        }
        let is_dumb = self.get("TERM") == Some("dumb");
        (is_dumb || self.get("CLICOLOR") == Some("0")).then_some(false)
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn no_color_wins_over_everything_and_empty_means_unset() {
        for (pairs, expected) in [
            (&[][..], None),
            (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], Some(false)),
            (&[("NO_COLOR", "")], None),
            (&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], Some(true)),
            (&[("CLICOLOR_FORCE", "0")], None),
            (&[("TERM", "dumb")], Some(false)),
            (&[("CLICOLOR", "0")], Some(false)),
        ] {
            assert_eq!(variables(pairs).colour(), expected, "{pairs:?}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", variables(&[("DATABRICKS_TOKEN", "canary")]));
        assert_eq!(shown, "{\"DATABRICKS_TOKEN\"}");
    }
}
