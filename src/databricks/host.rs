//! The address of a workspace: scheme, host and port, checked before a credential goes there.
//!
//! Invariant: plain `http` only on loopback, no user information, no path. Credentials are sent to
//! this origin and to no other.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// The origin of a workspace, such as `https://adb-1.1.azuredatabricks.net`.
#[derive(Clone, PartialEq, Eq)]
pub struct Host(Url);

/// Why a text is not the address of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No URL can be made of it.
    #[error("it is not a host name or URL")]
    NotAUrl,
    /// A scheme other than `https` or `http`.
    #[error("its scheme is not https")]
    Scheme,
    /// Plain `http` beyond this machine.
    #[error("plain http is accepted on loopback only, because it would show the credentials")]
    PlainHttp,
    /// User or password inside the URL.
    #[error("it holds a user name or password")]
    UserInformation,
}

impl Host {
    /// Reads a host as the vendor's tools do: `https` where no scheme stands, and path, query and
    /// trailing slash dropped (people copy the address of a browser tab).
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let text = text.trim();
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("https://{text}")
        };
        let mut url = Url::parse(&with_scheme).map_err(|_| HostError::NotAUrl)?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(HostError::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HostError::UserInformation);
        }
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        let host = Self(url);
        match host.0.scheme() {
            "https" => Ok(host),
            "http" if host.is_loopback() => Ok(host),
            "http" => Err(HostError::PlainHttp),
            _ => Err(HostError::Scheme),
        }
    }

    /// Returns whether it is this machine: 127.0.0.0/8, `::1` or `localhost`.
    pub fn is_loopback(&self) -> bool {
        let name = self.0.host_str().unwrap_or("");
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => name == "localhost",
        }
    }

    /// Returns whether it is reached by TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns the URL of a path of this host; the path is taken as already encoded.
    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }

    /// Returns whether a URL has this very origin.
    pub(super) fn owns(&self, url: &Url) -> bool {
        url.origin() == self.0.origin()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        Host::parse(text).unwrap().to_string()
    }

    #[test]
    fn https_is_the_default_and_everything_after_the_port_is_dropped() {
        assert_eq!(
            parsed("dbc-1.cloud.databricks.com"),
            "https://dbc-1.cloud.databricks.com"
        );
        assert_eq!(
            parsed("https://A.example.com:443/"),
            "https://a.example.com"
        );
        assert_eq!(
            parsed(" https://a.example.com:8443/?o=1#job/2 "),
            "https://a.example.com:8443"
        );
        assert_eq!(parsed("a.example.com:8443"), "https://a.example.com:8443");
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for local in [
            "http://127.0.0.1:80",
            "http://127.9.9.9:1",
            "http://[::1]:5",
            "http://localhost:9",
        ] {
            assert!(Host::parse(local).is_ok(), "{local}");
        }
        for remote in [
            "http://a.example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://[::2]",
        ] {
            assert_eq!(Host::parse(remote), Err(HostError::PlainHttp), "{remote}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_workspace_address() {
        assert_eq!(Host::parse(""), Err(HostError::NotAUrl));
        assert_eq!(Host::parse("https://"), Err(HostError::NotAUrl));
        assert_eq!(Host::parse("a b"), Err(HostError::NotAUrl));
        assert_eq!(Host::parse("ftp://a.example.com"), Err(HostError::Scheme));
        assert_eq!(
            Host::parse("https://u:p@a.example.com"),
            Err(HostError::UserInformation)
        );
    }

    #[test]
    fn only_the_same_origin_is_owned() {
        let host = Host::parse("https://a.example.com").unwrap();
        assert!(host.owns(&Url::parse("https://a.example.com/oidc/v1/token").unwrap()));
        for other in [
            "http://a.example.com/",
            "https://a.example.com:8443/",
            "https://b.example.com/",
        ] {
            assert!(!host.owns(&Url::parse(other).unwrap()), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_accepted_is_safe_and_reads_back(text in "(https?://)?[a-z0-9.:@/\\[\\]%?#-]{1,30}") {
            if let Ok(host) = Host::parse(&text) {
                proptest::prop_assert!(host.is_https() || host.is_loopback());
                proptest::prop_assert!(!host.to_string().contains('@'));
                proptest::prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
            }
        }
    }
}
