//! One workspace: the front of this module, and how a call goes out.
//!
//! Every call gets its token here, is repeated here once after an expired token, and, if it only
//! reads, again within the bounds of [`Pacing`]. A service that is not well is left alone for a while
//! by the [`Breaker`]. What the calls mean stands beside their types.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::databricks::answer::{RawAnswer, check_status, read_json};
use crate::databricks::breaker::{Admitted, Breaker};
use crate::databricks::credentials::{Auth, ResolvedConnection};
use crate::databricks::error::{ApiError, Call};
use crate::databricks::host::Host;
use crate::databricks::http::{Body, ClientError, Credential, Limits, Now, Request, Transport};
use crate::databricks::pacing::Pacing;
use crate::databricks::token::Tokens;

/// A workspace; cloning is cheap and shares connections, token and what headers told.
#[derive(Debug, Clone)]
pub struct Workspace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    host_text: Arc<str>,
    method: &'static str,
    transport: Transport,
    tokens: Tokens,
    pacing: Pacing,
    breaker: Breaker,
}

/// How a workspace is spoken to.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Bounds of one exchange.
    pub limits: Limits,
    /// When reads are repeated.
    pub pacing: Pacing,
}

/// Who we are in the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The id within the workspace.
    pub id: Option<String>,
    /// The e-mail address of a person, the application id of a service principal.
    pub user_name: String,
    /// The name for people.
    pub display_name: Option<String>,
}

impl Workspace {
    /// Sets up the client of a workspace; nothing is sent yet.
    pub fn new(
        connection: ResolvedConnection,
        settings: Settings,
        now: Now,
    ) -> Result<Self, ClientError> {
        let ResolvedConnection {
            host,
            auth,
            sources: _,
        } = connection;
        let transport = Transport::new(&host, settings.limits, now)?;
        Ok(Self(Arc::new(Inner {
            host_text: host.to_string().into(),
            method: Auth::method(&auth),
            transport,
            tokens: Tokens::new(auth, host.clone()),
            host,
            pacing: settings.pacing,
            breaker: Breaker::default(),
        })))
    }

    /// Returns where the workspace is.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// Returns the authorization method in the vendor's words.
    pub fn auth_method(&self) -> &'static str {
        self.0.method
    }

    /// Returns the server's clock minus ours, as of the last answer that carried a date; good to
    /// about a second.
    pub fn server_offset(&self) -> Option<TimeDelta> {
        self.0.transport.server_offset()
    }

    /// Returns the server's clock now, by the date of its last answer and the time since, UTC; good
    /// to about a second.
    pub fn server_now(&self) -> Option<DateTime<Utc>> {
        self.0.transport.server_now()
    }

    /// Returns the workspace id that the last answer carried, if any did.
    pub fn workspace_id(&self) -> Option<String> {
        self.0.transport.workspace_id()
    }

    /// Asks who we are: the cheapest call that proves host and credentials.
    pub async fn whoami(&self) -> Result<Principal, ApiError> {
        let path = "/api/2.0/preview/scim/v2/Me";
        let me: Me = self.get(path, self.url(path)).await?;
        Ok(Principal {
            id: me.id,
            user_name: me.user_name,
            display_name: me.display_name,
        })
    }

    /// Returns the URL of a path without names in it.
    pub(super) fn url(&self, path: &str) -> Url {
        self.0.host.at(path)
    }

    /// Names a call for messages.
    pub(super) fn call(&self, method: &'static str, path: &'static str) -> Call {
        Call {
            method,
            path,
            host: Arc::clone(&self.0.host_text),
        }
    }

    /// Reads something, again and again within the bounds.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &'static str,
        url: Url,
    ) -> Result<T, ApiError> {
        let request = Request {
            call: self.call("GET", path),
            url,
            body: Body::None,
        };
        let Inner {
            transport,
            pacing,
            breaker,
            ..
        } = self.0.as_ref();
        let began = transport.monotonic();
        let admitted = self.wait_for_admission(&request.call).await?;
        let mut attempt = 1_u32;
        loop {
            let sent_at = transport.monotonic();
            let result = match self.send(&request, attempt).await {
                Ok(raw) => read_json(&request.call, &raw),
                Err(error) => Err(error),
            };
            let now = transport.monotonic();
            let took = now.saturating_sub(sent_at);
            let error = result.as_ref().err();
            breaker.note(&request.call, (now, took), error, (pacing.random)());
            let error = match result {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if admitted == Admitted::AsTrial {
                return Err(error);
            }
            let waited = now.saturating_sub(began);
            let Some(wait) = pacing.next_wait(attempt, waited, &error) else {
                return Err(error);
            };
            (pacing.sleep)(wait).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// Sits out a hiccup of the service within the bounds of a read; fails at once where it lasts.
    async fn wait_for_admission(&self, call: &Call) -> Result<Admitted, ApiError> {
        let Inner {
            transport,
            pacing,
            breaker,
            ..
        } = self.0.as_ref();
        let mut waited = Duration::ZERO;
        loop {
            let held = match breaker.admit(call, transport.monotonic(), (pacing.random)()) {
                Ok(admitted) => return Ok(admitted),
                Err(held) => held,
            };
            waited = waited.saturating_add(held.wait);
            if !held.is_brief || waited > pacing.total_wait {
                return Err(held.error);
            }
            (pacing.sleep)(held.wait).await;
        }
    }

    /// Sends something that may take effect, once.
    pub(super) async fn post(&self, path: &'static str, body: Value) -> Result<Posted, ApiError> {
        let request = Request {
            call: self.call("POST", path),
            url: self.url(path),
            body: Body::Json(body),
        };
        let Inner {
            transport,
            pacing,
            breaker,
            ..
        } = self.0.as_ref();
        let sent_at = transport.monotonic();
        breaker
            .admit(&request.call, sent_at, (pacing.random)())
            .map_err(|held| held.error)?;
        let result = self.send(&request, 1).await;
        let now = transport.monotonic();
        let took = now.saturating_sub(sent_at);
        let error = result.as_ref().err();
        breaker.note(&request.call, (now, took), error, (pacing.random)());
        Ok(Posted {
            call: request.call,
            raw: result?,
        })
    }

    /// Sends a request with a token, and once more with a new token if that one was refused.
    ///
    /// A refused token means that nothing took effect, so this is safe for every request.
    async fn send(&self, request: &Request, attempt: u32) -> Result<RawAnswer, ApiError> {
        let Inner {
            transport, tokens, ..
        } = self.0.as_ref();
        let mut bearer = tokens.bearer(transport).await?;
        let mut may_renew = true;
        loop {
            let credential = Credential::Bearer(&bearer.secret);
            let raw = transport.send(request, credential, attempt).await?;
            match check_status(&request.call, raw, &tokens.secrets(Some(&bearer))) {
                Err(refused @ ApiError::Auth { .. }) if may_renew => {
                    may_renew = false;
                    match tokens.renew(&bearer, transport).await? {
                        Some(newer) => bearer = newer,
                        None => return Err(refused),
                    }
                }
                other => return other,
            }
        }
    }
}

/// The good answer to something that was sent.
#[derive(Debug)]
pub(super) struct Posted {
    call: Call,
    raw: RawAnswer,
}

impl Posted {
    /// Reads the answer; one that cannot be read leaves open what happened.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        read_json(&self.call, &self.raw)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    #[serde(default)]
    id: Option<String>,
    user_name: String,
    #[serde(default)]
    display_name: Option<String>,
}
