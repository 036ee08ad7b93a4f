//! The token of the next request: a personal one, or a service principal's that is renewed.
//!
//! Only one renewal is under way at a time, however many requests wait for it, and a renewal that
//! failed fails for all who waited for it. The principal's secret goes to the workspace's own
//! origin only, wherever discovery points.
//! Source: databricks-sdk-py 0.156.0, `databricks/sdk/oauth.py`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::databricks::answer::{check_status, read_json};
use crate::databricks::credentials::Auth;
use crate::databricks::discovery::discover;
use crate::databricks::error::{ApiError, Call};
use crate::databricks::host::Host;
use crate::databricks::http::{Body, Credential, Request, Transport};
use crate::secret::Secret;

/// How long before its end a token is no longer used, as in the vendor's SDK: Azure refuses tokens
/// with 30 s or less left.
const EARLY: Duration = Duration::from_secs(40);

/// The life of a token whose answer does not name it: short, as asking again is cheap.
const ASSUMED_LIFE: Duration = Duration::from_mins(10);

/// The longest life that is believed.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// A token and which renewal it came from.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub(super) secret: Secret,
    generation: u64,
}

/// The credentials of one workspace.
#[derive(Debug)]
pub(super) struct Tokens {
    auth: Auth,
    host: Host,
    /// How many renewals have ended, well or not.
    ended: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Good until then, by the monotonic clock: no clock of the wall can stretch a life.
    current: Option<(Bearer, Duration)>,
    endpoint: Option<Url>,
    /// The renewal that failed last: its number and why.
    failure: Option<(u64, ApiError)>,
}

impl Tokens {
    pub(super) fn new(auth: Auth, host: Host) -> Self {
        Self {
            auth,
            host,
            ended: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Returns the credentials that texts of the service are searched for.
    pub(super) fn secrets<'a>(&'a self, bearer: Option<&'a Bearer>) -> Vec<&'a Secret> {
        let own = match &self.auth {
            Auth::Pat(token) => token,
            Auth::OAuthM2m { client_secret, .. } => client_secret,
        };
        std::iter::once(own)
            .chain(bearer.map(|bearer| &bearer.secret))
            .collect()
    }

    /// Returns a token that is good for the next request, as far as we know.
    pub(super) async fn bearer(&self, transport: &Transport) -> Result<Bearer, ApiError> {
        match &self.auth {
            Auth::Pat(secret) => Ok(Bearer {
                secret: secret.clone(),
                generation: 0,
            }),
            Auth::OAuthM2m {
                client_id,
                client_secret,
            } => {
                self.newer_than(None, transport, client_id, client_secret)
                    .await
            }
        }
    }

    /// Returns another token than the one that was refused; `None` where there is no other.
    pub(super) async fn renew(
        &self,
        refused: &Bearer,
        transport: &Transport,
    ) -> Result<Option<Bearer>, ApiError> {
        match &self.auth {
            Auth::Pat(_) => Ok(None),
            Auth::OAuthM2m {
                client_id,
                client_secret,
            } => self
                .newer_than(
                    Some(refused.generation),
                    transport,
                    client_id,
                    client_secret,
                )
                .await
                .map(Some),
        }
    }

    async fn newer_than(
        &self,
        refused: Option<u64>,
        transport: &Transport,
        client_id: &str,
        client_secret: &Secret,
    ) -> Result<Bearer, ApiError> {
        let ended_before = self.ended.load(Ordering::SeqCst);
        let mut state = self.state.lock().await;
        if let Some((bearer, usable_until)) = &state.current
            && transport.monotonic() < *usable_until
            && refused.is_none_or(|refused| bearer.generation > refused)
        {
            return Ok(bearer.clone());
        }
        if let Some((number, error)) = &state.failure
            && *number > ended_before
        {
            return Err(error.clone());
        }
        let endpoint = match &state.endpoint {
            Some(known) => known.clone(),
            None => discover(transport, &self.host, &mut state.endpoint).await,
        };
        let granted = self
            .ask(transport, endpoint, client_id, client_secret)
            .await;
        let number = self.ended.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        match granted {
            Ok((secret, life)) => {
                let bearer = Bearer {
                    secret,
                    generation: number,
                };
                let until = transport.monotonic().saturating_add(usable_life(life));
                state.current = Some((bearer.clone(), until));
                state.failure = None;
                Ok(bearer)
            }
            Err(error) => {
                state.failure = Some((number, error.clone()));
                Err(error)
            }
        }
    }

    async fn ask(
        &self,
        transport: &Transport,
        url: Url,
        client_id: &str,
        client_secret: &Secret,
    ) -> Result<(Secret, Duration), ApiError> {
        let request = Request {
            call: Call {
                method: "POST",
                path: "/oidc/v1/token",
                host: self.host.to_string().into(),
            },
            url,
            body: Body::Form(&[("grant_type", "client_credentials"), ("scope", "all-apis")]),
        };
        let credential = Credential::Basic(client_id, client_secret);
        let raw = transport.send(&request, credential, 1).await?;
        let raw = check_status(&request.call, raw, &[client_secret]).map_err(as_auth)?;
        let granted: Granted = read_json(&request.call, &raw)?;
        let token = granted.access_token;
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(raw.unreadable(&request.call, "a token that no header can carry"));
        }
        let life = granted.expires_in.map_or(ASSUMED_LIFE, Duration::from_secs);
        Ok((Secret::new(token), life))
    }
}

/// A refusal of the token endpoint is always one of the credentials.
fn as_auth(error: ApiError) -> ApiError {
    match error {
        ApiError::Invalid { call, answer }
        | ApiError::Forbidden { call, answer }
        | ApiError::NotFound { call, answer } => ApiError::Auth { call, answer },
        ApiError::Unreachable { .. }
        | ApiError::Transient { .. }
        | ApiError::RateLimited { .. }
        | ApiError::HeldBack { .. }
        | ApiError::Auth { .. }
        | ApiError::Unsent { .. } => error,
    }
}

/// Returns how long a token is used: to 40 s before its end, or half of a very short life.
fn usable_life(life: Duration) -> Duration {
    let life = life.min(LONGEST_LIFE);
    life.saturating_sub(EARLY).max(life / 2)
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_given_up_early_but_never_at_once() {
        let usable = |secs| usable_life(Duration::from_secs(secs)).as_secs();
        assert_eq!(
            (usable(3600), usable(60), usable(30), usable(0)),
            (3560, 30, 15, 0)
        );
        assert_eq!(usable(u64::MAX), 24 * 3600 - 40);
    }
}
