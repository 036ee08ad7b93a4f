//! What the variables of the process say about buckets.

use std::collections::BTreeMap;
use std::fmt;

use object_store::aws::AmazonS3ConfigKey as S3;
use object_store::azure::AzureConfigKey as Azure;
use object_store::gcp::GoogleConfigKey as Google;

use super::Rate;
use crate::delta_log::Bucket;
use crate::secret::{Secret, mask};

/// Families of names that have a meaning.
const FAMILIES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// Where credentials of buckets come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CredentialSource {
    /// From the variables; where they hold none for a store, the catalog lends them for tables that
    /// it located, and other tables are read as this machine's identity.
    #[default]
    Auto,
    /// From the variables, or as this machine's identity; the catalog is never asked.
    Environment,
    /// From the catalog for tables that it located, whatever the variables hold.
    Catalog,
}

/// How buckets are spoken to. `Debug` shows no value of a variable.
#[derive(Clone, Default)]
pub struct Settings {
    variables: BTreeMap<String, String>,
    source: CredentialSource,
    pub(super) rate: Rate,
}

/// A variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}` is `{value}`, but it has to be {expected}")]
pub struct SettingsError {
    variable: &'static str,
    value: String,
    expected: &'static str,
}

impl SettingsError {
    /// Returns the stable code; `docs/errors.md` explains it.
    pub fn code(&self) -> &'static str {
        "C022"
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        "set it to that, or unset it; docs/operations.md lists the variables of object stores"
    }
}

/// Our own variables, as they stand.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnVariables<'a> {
    /// `HEADWATER_STORE_CREDENTIALS`.
    pub credentials: Option<&'a str>,
    /// `HEADWATER_STORE_REQUESTS_PER_SECOND`.
    pub per_second: Option<&'a str>,
    /// `HEADWATER_STORE_REQUESTS_AT_ONCE`.
    pub at_once: Option<&'a str>,
}

impl Settings {
    /// Reads what the variables say: those of the clouds, and our own.
    pub fn of(
        variables: &BTreeMap<String, String>,
        own: OwnVariables<'_>,
    ) -> Result<Self, SettingsError> {
        let is_meant = |name: &str, value: &str| {
            !value.is_empty() && FAMILIES.iter().any(|family| name.starts_with(family))
        };
        let meant = variables
            .iter()
            .filter(|(name, value)| is_meant(name, value));
        let source = match own.credentials {
            None | Some("auto") => CredentialSource::Auto,
            Some("environment") => CredentialSource::Environment,
            Some("catalog") => CredentialSource::Catalog,
            Some(other) => {
                return Err(SettingsError {
                    variable: "HEADWATER_STORE_CREDENTIALS",
                    value: other.to_owned(),
                    expected: "`auto`, `environment` or `catalog`",
                });
            }
        };
        let usual = Rate::default();
        Ok(Self {
            variables: meant
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            source,
            rate: Rate {
                per_second: number(
                    "HEADWATER_STORE_REQUESTS_PER_SECOND",
                    own.per_second,
                    usual.per_second,
                )?,
                at_once: number(
                    "HEADWATER_STORE_REQUESTS_AT_ONCE",
                    own.at_once,
                    usual.at_once,
                )?,
            },
        })
    }

    /// Returns whether a table in a bucket is read with credentials that the catalog lends, if it
    /// located the table and lends any.
    pub(super) fn borrows_for(&self, bucket: &Bucket) -> bool {
        match self.source {
            CredentialSource::Auto => !self.has_credentials_for(bucket),
            CredentialSource::Environment => false,
            CredentialSource::Catalog => true,
        }
    }

    /// Returns the variables of S3 that are understood.
    pub(super) fn s3(&self) -> impl Iterator<Item = (S3, &str)> {
        self.family("AWS_")
    }

    /// Returns the variables of an Azure account that are understood.
    ///
    /// A key or signature belongs to one account: where the variables name another one, it stays
    /// out.
    pub(super) fn azure(&self, account: &str) -> impl Iterator<Item = (Azure, &str)> {
        let named = self.family::<Azure>("AZURE_");
        let named = named.filter(|(key, _)| *key == Azure::AccountName);
        let is_other = named.last().is_some_and(|(_, named)| named != account);
        let is_of_account = |key: &Azure| matches!(key, Azure::AccessKey | Azure::SasKey);
        let all = self.family::<Azure>("AZURE_");
        all.filter(move |(key, _)| !(is_other && is_of_account(key)))
    }

    /// Returns the variables of Google that are understood.
    pub(super) fn google(&self) -> impl Iterator<Item = (Google, &str)> {
        self.family("GOOGLE_")
    }

    fn family<K: std::str::FromStr>(
        &self,
        family: &'static str,
    ) -> impl Iterator<Item = (K, &str)> {
        let all = self.variables.iter();
        let named = all.filter(move |(name, _)| name.starts_with(family));
        named.filter_map(|(name, value)| {
            Some((name.to_ascii_lowercase().parse().ok()?, value.as_str()))
        })
    }

    fn has_credentials_for(&self, bucket: &Bucket) -> bool {
        match bucket {
            Bucket::S3(_) => self.s3().any(|(key, _)| is_s3_credential(key)),
            Bucket::Azure { account, .. } => {
                self.azure(account).any(|(key, _)| is_azure_credential(key))
            }
            Bucket::Google(_) => self.google().any(|(key, _)| is_google_credential(key)),
        }
    }

    /// Returns a text without the values of variables that may be secrets.
    pub(super) fn mask(&self, text: &str) -> String {
        let is_open = |name: &str| {
            [
                "REGION", "ENDPOINT", "URL", "HTTP", "REQUEST", "NAME", "ENABLED",
            ]
            .iter()
            .any(|word| name.contains(word))
        };
        let hidden = self.variables.iter().filter(|(name, _)| !is_open(name));
        let hidden: Vec<Secret> = hidden
            .map(|(_, value)| Secret::new(value.as_str()))
            .collect();
        mask(text, &hidden.iter().collect::<Vec<_>>())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("variables", &self.variables.keys())
            .field("source", &self.source)
            .field("rate", &self.rate)
            .finish()
    }
}

pub(super) fn is_s3_credential(key: S3) -> bool {
    matches!(
        key,
        S3::AccessKeyId
            | S3::SecretAccessKey
            | S3::Token
            | S3::WebIdentityTokenFile
            | S3::ContainerCredentialsRelativeUri
            | S3::ContainerCredentialsFullUri
            | S3::SkipSignature
    )
}

pub(super) fn is_azure_credential(key: Azure) -> bool {
    matches!(
        key,
        Azure::AccessKey
            | Azure::SasKey
            | Azure::Token
            | Azure::ClientSecret
            | Azure::FederatedTokenFile
            | Azure::MsiEndpoint
            | Azure::UseAzureCli
            | Azure::UseEmulator
            | Azure::SkipSignature
    )
}

pub(super) fn is_google_credential(key: Google) -> bool {
    matches!(
        key,
        Google::ServiceAccount
            | Google::ServiceAccountKey
            | Google::ApplicationCredentials
            | Google::BearerToken
            | Google::SkipSignature
    )
}

fn number(variable: &'static str, text: Option<&str>, usual: u32) -> Result<u32, SettingsError> {
    let Some(text) = text else {
        return Ok(usual);
    };
    let number = text
        .trim()
        .parse()
        .ok()
        .filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| SettingsError {
        variable,
        value: text.to_owned(),
        expected: "a number from 1 to 10000",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)], source: &str) -> Settings {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let own = OwnVariables {
            credentials: Some(source),
            ..OwnVariables::default()
        };
        Settings::of(&pairs.collect(), own).unwrap()
    }

    fn azure(account: &str) -> Bucket {
        Bucket::Azure {
            account: account.into(),
            container: "raw".into(),
            cloud: "core.windows.net".into(),
        }
    }

    #[test]
    fn credentials_of_variables_win_unless_the_catalog_is_asked_for() {
        let (s3, gs) = (Bucket::S3("lake".into()), Bucket::Google("lake".into()));
        let key = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        for (pairs, source, bucket, borrows) in [
            (&key[..], "auto", &s3, false),
            (&key, "auto", &gs, true),
            (&key, "catalog", &s3, true),
            (&[], "auto", &s3, true),
            (&[], "environment", &s3, false),
            (
                &[("AWS_REGION", "x"), ("AWS_ACCESS_KEY_ID", "")],
                "auto",
                &s3,
                true,
            ),
            (&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")], "auto", &s3, false),
            (
                &[("GOOGLE_APPLICATION_CREDENTIALS", "/t")],
                "auto",
                &gs,
                false,
            ),
            (
                &[("AZURE_CLIENT_SECRET", "s")],
                "auto",
                &azure("acct1"),
                false,
            ),
        ] {
            assert_eq!(
                settings(pairs, source).borrows_for(bucket),
                borrows,
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn a_key_stays_with_its_account() {
        let key = [
            ("AZURE_STORAGE_ACCOUNT_NAME", "acct1"),
            ("AZURE_STORAGE_ACCOUNT_KEY", "canary"),
        ];
        let keys = settings(&key, "auto");
        assert!(!keys.borrows_for(&azure("acct1")));
        assert!(keys.borrows_for(&azure("acct2")));
        assert!(keys.azure("acct2").all(|(_, value)| value != "canary"));
        // Without a name it is for whichever account there is.
        assert!(!settings(&key[1..], "auto").borrows_for(&azure("acct2")));
    }

    #[test]
    fn numbers_and_words_are_checked() {
        let check = |own: OwnVariables<'_>| Settings::of(&BTreeMap::new(), own);
        let own = OwnVariables {
            per_second: Some("20"),
            at_once: Some(" 4 "),
            ..OwnVariables::default()
        };
        let rate = Rate {
            at_once: 4,
            per_second: 20,
        };
        assert_eq!(check(own).unwrap().rate, rate);
        for bad in ["", "0", "-1", "many", "10001"] {
            let own = OwnVariables {
                at_once: Some(bad),
                ..OwnVariables::default()
            };
            assert!(check(own).is_err(), "{bad}");
        }
        let own = OwnVariables {
            credentials: Some("both"),
            ..OwnVariables::default()
        };
        assert_eq!(
            check(own).unwrap_err().to_string(),
            "`HEADWATER_STORE_CREDENTIALS` is `both`, but it has to be `auto`, `environment` or \
             `catalog`"
        );
    }

    #[test]
    fn no_value_is_shown() {
        let settings = settings(
            &[("AWS_SECRET_ACCESS_KEY", "canary"), ("PATH", "x")],
            "auto",
        );
        let shown = format!("{settings:?}");
        assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("canary"));
        assert!(!shown.contains("PATH"));
        assert_eq!(settings.mask("bad canary"), "bad ***");
    }
}
