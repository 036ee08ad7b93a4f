//! One HTTP exchange with the workspace: limits of time and size, and what headers tell.
//!
//! Knows nothing of credentials beyond putting them on the wire, and never repeats anything. The
//! redirects of a server are not followed: a credential goes to the configured host or nowhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response, Url};

use crate::databricks::answer::{RawAnswer, header, server_date};
use crate::databricks::error::{ApiError, Call, Cause};
use crate::databricks::host::Host;
use crate::databricks::unreached::unreachable;
use crate::secret::Secret;

/// Tells the local time; the same source that passes take theirs from.
pub type Now = Arc<dyn Fn() -> LocalTime + Send + Sync>;

/// What the clocks of this machine say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The wall clock, UTC; it may jump.
    pub wall: DateTime<Utc>,
    /// Since some fixed point; never goes back, and goes on while the machine sleeps.
    pub monotonic: Duration,
}

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For name look-up, connection and TLS together.
    pub connect: Duration,
    /// From the start to the last byte of the answer.
    pub total: Duration,
    /// Largest body of an answer, in bytes after decompression.
    pub body_bytes: usize,
}

impl Default for Limits {
    /// 10 s to connect; 60 s in all, as the vendor's SDKs have it; 32 MiB, about ten times the
    /// largest answer known (a job of 1000 tasks comes in pages).
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            total: Duration::from_mins(1),
            body_bytes: 32 * 1024 * 1024,
        }
    }
}

/// What the client of one workspace could not be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the HTTPS client cannot be set up")]
pub struct ClientError {
    source: Box<Cause>,
}

impl ClientError {
    /// Returns the stable code; `docs/errors.md` explains it.
    pub fn code(&self) -> &'static str {
        "W031"
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        "check the system's certificate store and `SSL_CERT_FILE`"
    }
}

/// One request, ready but for its credentials.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) url: Url,
    pub(super) body: Body,
}

/// What a request carries.
#[derive(Debug)]
pub(super) enum Body {
    None,
    Json(serde_json::Value),
    Form(&'static [(&'static str, &'static str)]),
}

/// The credentials of one request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Credential<'a> {
    Nobody,
    Bearer(&'a Secret),
    Basic(&'a str, &'a Secret),
}

/// The connection pool of one workspace and what its answers' headers told.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client,
    limits: Limits,
    now: Clock,
    seen: Mutex<Seen>,
}

/// Wraps the clock so that the transport can be printed.
struct Clock(Now);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[derive(Debug, Default, Clone)]
struct Seen {
    /// The `Date` of the last answer that had one, and when it came.
    heard: Option<(DateTime<Utc>, LocalTime)>,
    workspace_id: Option<String>,
}

impl Transport {
    pub(super) fn new(host: &Host, limits: Limits, now: Now) -> Result<Self, ClientError> {
        crate::tls::install();
        let mut builder = Client::builder()
            .user_agent(concat!("headwater/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .https_only(host.is_https());
        if host.is_loopback() {
            // A proxy of the environment could not reach this machine's loopback.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| ClientError {
            source: Box::new(Cause::of(&error)),
        })?;
        Ok(Self {
            client,
            limits,
            now: Clock(now),
            seen: Mutex::default(),
        })
    }

    /// Returns a time that never jumps and goes on while the machine sleeps.
    pub(super) fn monotonic(&self) -> Duration {
        (self.now.0)().monotonic
    }

    /// Returns the server's clock minus ours, as of the last answer; good to about a second.
    pub(super) fn server_offset(&self) -> Option<TimeDelta> {
        let (server, at) = self.heard()?;
        Some(server.signed_duration_since(at.wall))
    }

    /// Returns the server's clock now, by its last answer and the time since; good to about a
    /// second, whatever the wall clock does meanwhile.
    pub(super) fn server_now(&self) -> Option<DateTime<Utc>> {
        let (server, at) = self.heard()?;
        let since = (self.now.0)().monotonic.saturating_sub(at.monotonic);
        server.checked_add_signed(TimeDelta::from_std(since).ok()?)
    }

    fn heard(&self) -> Option<(DateTime<Utc>, LocalTime)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.heard
    }

    /// Returns the workspace id that the last answer carried.
    pub(super) fn workspace_id(&self) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.workspace_id.clone()
    }

    /// Sends one request once and reads the whole answer, whatever its status.
    pub(super) async fn send(
        &self,
        request: &Request,
        credential: Credential<'_>,
        attempt: u32,
    ) -> Result<RawAnswer, ApiError> {
        let Call { method, path, .. } = &request.call;
        tracing::trace!(method, path, attempt, "asking");
        let started = self.monotonic();
        let result = self.exchange(request, credential).await;
        let elapsed_ms = self.monotonic().saturating_sub(started).as_millis();
        match &result {
            Ok(raw) => tracing::debug!(
                method,
                path,
                http_status = raw.status,
                attempt,
                elapsed_ms,
                "answered"
            ),
            Err(error) => {
                tracing::debug!(method, path, attempt, elapsed_ms, %error, "no good answer");
            }
        }
        result
    }

    async fn exchange(
        &self,
        request: &Request,
        credential: Credential<'_>,
    ) -> Result<RawAnswer, ApiError> {
        let method = match request.call.method {
            "POST" => Method::POST,
            _ => Method::GET,
        };
        let mut builder = self.client.request(method, request.url.clone());
        builder = match &request.body {
            Body::None => builder,
            Body::Json(value) => builder.json(value),
            Body::Form(fields) => builder.form(fields),
        };
        builder = match credential {
            Credential::Nobody => builder,
            Credential::Bearer(token) => builder.bearer_auth(token.reveal()),
            Credential::Basic(user, password) => builder.basic_auth(user, Some(password.reveal())),
        };
        let failed = |error| unreachable(&request.call, error);
        let asked_at = (self.now.0)().monotonic;
        let response = builder.send().await.map_err(failed)?;
        let mut raw = self.read_head(&response, asked_at);
        raw.body = self.read_body(&request.call, &raw, response).await?;
        Ok(raw)
    }

    fn read_head(&self, response: &Response, asked_at: Duration) -> RawAnswer {
        let headers = response.headers();
        let now = (self.now.0)();
        // A process that was stopped in the middle reads its answer long after it was dated.
        let is_recent = now.monotonic.saturating_sub(asked_at) <= self.limits.total;
        self.remember(headers, server_date(headers).filter(|_| is_recent), now);
        RawAnswer::of_head(response.status(), headers, response.url(), now.wall)
    }

    fn remember(&self, headers: &HeaderMap, server_now: Option<DateTime<Utc>>, now: LocalTime) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server_now) = server_now {
            seen.heard = Some((server_now, now));
        }
        // It is stored and shown: a proxy that sends an essay there is not believed.
        let is_id = |id: &&str| (1..=64).contains(&id.len());
        if let Some(id) = header(headers, "x-databricks-org-id").filter(is_id) {
            seen.workspace_id = Some(id.to_owned());
        }
    }

    async fn read_body(
        &self,
        call: &Call,
        raw: &RawAnswer,
        mut response: Response,
    ) -> Result<Vec<u8>, ApiError> {
        let limit = self.limits.body_bytes;
        let too_large = || raw.unreadable(call, format!("an answer of more than {limit} bytes"));
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(call, e))? {
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}
