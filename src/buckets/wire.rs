//! How requests to buckets go out: one client for all of them, within the budget, with bounds of
//! time, and not to servers that do not answer.
//!
//! The library's own settings of its HTTP client mean nothing here, so that no variable can switch
//! the check of certificates off. Plain HTTP goes to this machine and to the metadata services of
//! clouds only.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientOptions, Result};
use reqwest::Client;

use super::budget::Budget;
use crate::delta_log::{Heard, hear};

/// Name look-up, connection and TLS together.
const CONNECT: Duration = Duration::from_secs(2);

/// The longest silence of a server, also in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(4);

/// So many requests to one server without an answer, one after the other, and it is left alone.
const SILENT_REQUESTS: u32 = 5;

/// How long it is left alone, before one request tries again.
const LEFT_ALONE: Duration = Duration::from_secs(10);

/// Where credentials come from on machines of AWS, EKS, Google and Azure: plain HTTP by nature.
const METADATA: [&str; 5] = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
    "metadata.google.internal",
];

/// The largest answer in which the word for a problem is looked for.
const LARGEST_PROBLEM: usize = 64 * 1024;

/// Makes clients for the library; they share everything.
#[derive(Debug, Clone)]
pub(super) struct Wire(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    /// For this machine and its metadata service: a proxy of the environment cannot reach them.
    near: Client,
    budget: Budget,
    servers: Mutex<BTreeMap<String, Server>>,
}

/// How a server has answered of late.
#[derive(Debug, Default, Clone, Copy)]
struct Server {
    silent: u32,
    left_alone_until: Option<Instant>,
}

/// Why a request was not sent, or had no answer. Its words hold no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct NoAnswer(String);

impl Wire {
    /// Sets the one client up.
    pub(super) fn new(budget: Budget) -> std::result::Result<Self, reqwest::Error> {
        crate::tls::install();
        let builder = || {
            Client::builder()
                .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT)
                .read_timeout(SILENCE)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .http1_only()
                // Sizes and checksums are those of what is on the wire.
                .no_gzip()
        };
        Ok(Self(Arc::new(Inner {
            client: builder().build()?,
            near: builder().no_proxy().build()?,
            budget,
            servers: Mutex::default(),
        })))
    }

    /// Returns how many requests have been sent.
    pub(super) fn requests(&self) -> u64 {
        self.0.budget.requests()
    }

    fn servers(&self) -> MutexGuard<'_, BTreeMap<String, Server>> {
        let servers = self.0.servers.lock();
        servers.unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns why a server is not to be asked now, if it is not.
    fn is_left_alone(&self, host: &str, now: Instant) -> Option<String> {
        let mut servers = self.servers();
        let server = servers.get_mut(host)?;
        let until = server.left_alone_until?;
        if now >= until {
            // This one tries; the others wait for what becomes of it.
            server.left_alone_until = Some(now + SILENCE + CONNECT);
            return None;
        }
        Some(format!(
            "`{host}` has not answered {} requests in a row and is left alone for a few seconds",
            server.silent
        ))
    }

    fn note(&self, host: &str, now: Instant, has_answered: bool) {
        let mut servers = self.servers();
        if has_answered {
            servers.remove(host);
            return;
        }
        let server = servers.entry(host.to_owned()).or_default();
        server.silent = server.silent.saturating_add(1);
        if server.silent >= SILENT_REQUESTS {
            server.left_alone_until = Some(now + LEFT_ALONE);
        }
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _options: &ClientOptions) -> Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let host = request
            .uri()
            .authority()
            .map(|host| host.as_str().to_owned());
        let host = host.unwrap_or_default();
        if request.uri().scheme_str() != Some("https") && !may_be_plain(&host) {
            return Err(no_answer(
                format!(
                    "plain http to `{host}` would show the credentials: it is for loopback only"
                ),
                HttpErrorKind::Unknown,
            ));
        }
        let permit = self.0.budget.take().await;
        if let Some(why) = self.is_left_alone(&host, Instant::now()) {
            return Err(no_answer(why, HttpErrorKind::Unknown));
        }
        self.0.budget.count();
        let method = request.method().clone();
        let client = if may_be_plain(&host) {
            &self.0.near
        } else {
            &self.0.client
        };
        let answer = client.call(request).await;
        drop(permit);
        self.note(&host, Instant::now(), answer.is_ok());
        match answer {
            Ok(answer) => {
                let status = answer.status().as_u16();
                tracing::debug!(%method, host, http_status = status, "bucket answered");
                if answer.status().is_success() {
                    hear(Heard::default());
                    return Ok(answer);
                }
                heed(&host, answer).await
            }
            Err(error) => {
                let kind = error.kind();
                let what = if kind == HttpErrorKind::Connect {
                    "cannot connect to"
                } else if kind == HttpErrorKind::Timeout {
                    "no answer in time from"
                } else {
                    "the connection broke to"
                };
                let mut told = format!("{what} `{host}`");
                if is_metadata(&host) {
                    told = format!(
                        "no credentials are set, and {told}, the metadata service that would have them"
                    );
                }
                tracing::debug!(%method, host, error = %error, "bucket did not answer");
                Err(no_answer(told, kind))
            }
        }
    }
}

fn no_answer(why: String, kind: HttpErrorKind) -> HttpError {
    hear(Heard {
        failure: Some(why.clone()),
        ..Heard::default()
    });
    HttpError::new(kind, NoAnswer(why))
}

/// Writes down what a refusal says, and passes it on.
async fn heed(host: &str, answer: HttpResponse) -> std::result::Result<HttpResponse, HttpError> {
    let (parts, body) = answer.into_parts();
    let status = parts.status.as_u16();
    let bytes = body.bytes().await?;
    let start = bytes.get(..LARGEST_PROBLEM.min(bytes.len()));
    let header = parts.headers.get("x-ms-error-code");
    let header = header.and_then(|word| word.to_str().ok());
    let failure = is_metadata(host).then(|| {
        format!(
            "no credentials are set, and the metadata service of this machine answered {status}"
        )
    });
    hear(Heard {
        status: Some(status),
        word: header
            .and_then(plain_word)
            .or_else(|| word(start.unwrap_or_default())),
        failure,
    });
    Ok(HttpResponse::from_parts(parts, bytes.into()))
}

/// Returns the server's word for a problem: `<Code>` of S3, Azure and Google.
fn word(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    plain_word(rest.split_once("</Code>")?.0)
}

/// Only a plain word is repeated: anything else may hold a secret.
fn plain_word(word: &str) -> Option<String> {
    let is_plain = (1..=60).contains(&word.len()) && word.chars().all(|c| c.is_ascii_alphabetic());
    is_plain.then(|| word.to_owned())
}

fn is_metadata(host: &str) -> bool {
    METADATA.contains(&without_port(host))
}

fn may_be_plain(host: &str) -> bool {
    let name = without_port(host);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => name == "localhost",
    };
    is_loopback || is_metadata(host)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buckets::Rate;

    #[test]
    fn plain_http_is_for_loopback_and_metadata() {
        for host in [
            "127.0.0.1:9000",
            "localhost",
            "[::1]:80",
            "169.254.169.254",
            "metadata.google.internal",
        ] {
            assert!(may_be_plain(host), "{host}");
        }
        for host in [
            "",
            "minio:9000",
            "10.0.0.1",
            "localhost.example.com",
            "u@127.0.0.1",
            "s3.amazonaws.com",
        ] {
            assert!(!may_be_plain(host), "{host}");
        }
    }

    #[test]
    fn only_plain_words_of_an_answer_are_kept() {
        let said = |text: &str| word(text.as_bytes());
        assert_eq!(
            said("<?xml?><Error><Code>AccessDenied</Code><StringToSign>canary</StringToSign>"),
            Some("AccessDenied".into())
        );
        for text in [
            "",
            "<Code>",
            "<Code>a b</Code>",
            "<Code></Code>",
            "<Code>k3y=s</Code>",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn a_silent_server_is_left_alone_and_then_tried_by_one() {
        let wire = Wire::new(Budget::new(Rate::default())).unwrap();
        let now = Instant::now();
        for _ in 0..SILENT_REQUESTS {
            assert_eq!(wire.is_left_alone("a", now), None);
            wire.note("a", now, false);
        }
        assert!(wire.is_left_alone("a", now).is_some());
        assert_eq!(wire.is_left_alone("b", now), None);
        let later = now + LEFT_ALONE;
        assert_eq!(wire.is_left_alone("a", later), None);
        assert!(wire.is_left_alone("a", later).is_some());
        wire.note("a", later, true);
        assert_eq!(wire.is_left_alone("a", later), None);
    }
}
