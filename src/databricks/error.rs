//! What can go wrong with one call of the workspace, told apart by what it means for the caller.
//!
//! The question that matters most is whether a request may have taken effect: a lost answer is not
//! a failed request. These errors speak of *this* request only; an earlier one with the same
//! idempotency token may have taken effect all the same. Messages hold the method, the host and
//! the path template, never query, headers or bodies we sent.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One kind of call: what stands in messages and logs about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with `{name}` where names stand.
    pub path: &'static str,
    /// The workspace's origin.
    pub host: Arc<str>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.host, self.path)
    }
}

/// What the workspace, or something before it, answered instead of what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `error_code` of the body, numbers as text.
    pub error_code: Option<String>,
    /// What it says, shortened, credentials masked; or what is wrong with the answer.
    pub message: String,
    /// The id under which the vendor's support finds the request.
    pub request_id: Option<String>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = &self.error_code {
            write!(f, " {code}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreached {
    /// The host's name has no address.
    Dns,
    /// No connection could be made.
    Connect,
    /// The connection is not trusted: certificate, name or protocol.
    Tls,
    /// The time was over before the answer was complete.
    Timeout,
    /// The connection ended before the answer was complete.
    Broken,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the host name cannot be resolved",
            Self::Connect => "no connection could be made",
            Self::Tls => "the TLS connection is not trusted",
            Self::Timeout => "the time was over",
            Self::Broken => "the connection ended early",
        })
    }
}

/// A cause below one of our errors, as text: comparable, and free of foreign types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Cause {
    message: String,
    #[source]
    below: Option<Box<Self>>,
}

impl Cause {
    /// Copies the chain of an error, each different text once.
    pub(super) fn of(error: &dyn std::error::Error) -> Self {
        let message = error.to_string();
        let mut below = error.source().map(Self::of);
        // Some layers only repeat the one below them.
        while below.as_ref().is_some_and(|cause| cause.message == message) {
            below = below.and_then(|cause| cause.below.map(|boxed| *boxed));
        }
        Self {
            message,
            below: below.map(Box::new),
        }
    }
}

/// Why a call of the workspace did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No definite answer came.
    #[error("{call}: no answer, {why}")]
    Unreachable {
        /// What was called.
        call: Call,
        /// At what it failed.
        why: Unreached,
        /// Whether the request may have arrived and taken effect.
        may_have_arrived: bool,
        /// What the layers below say.
        source: Box<Cause>,
    },
    /// An answer that says nothing definite: 5xx, 408, 409, 425, a redirect, or one that cannot
    /// be read.
    #[error("{call}: {answer}")]
    Transient {
        /// What was called.
        call: Call,
        /// What came back.
        answer: Box<Answer>,
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
    /// Too many requests, or too much at once.
    #[error("{call}: {answer}")]
    RateLimited {
        /// What was called.
        call: Call,
        /// What came back.
        answer: Box<Answer>,
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
    /// The credentials are not accepted, also not after one renewal where there is one.
    #[error("{call}: not authenticated: {answer}")]
    Auth {
        /// What was called.
        call: Call,
        /// What came back.
        answer: Box<Answer>,
    },
    /// The credentials are good, and the right is missing.
    #[error("{call}: not allowed: {answer}")]
    Forbidden {
        /// What was called.
        call: Call,
        /// What came back.
        answer: Box<Answer>,
    },
    /// What was named does not exist, or may not be seen.
    #[error("{call}: not found: {answer}")]
    NotFound {
        /// What was called.
        call: Call,
        /// What came back.
        answer: Box<Answer>,
    },
    /// Refused for another reason: any other 4xx.
    #[error("{call}: refused: {answer}")]
    Invalid {
        /// What was called.
        call: Call,
        /// What came back.
        answer: Box<Answer>,
    },
    /// Not sent, because the service asked for patience or did not answer a moment ago.
    #[error("{last}; nothing more is sent there for {} s", whole_seconds(*wait))]
    HeldBack {
        /// What was to be called.
        call: Call,
        /// For how long nothing is sent.
        wait: Duration,
        /// What was heard last.
        last: Box<Self>,
    },
    /// Not sent at all, because the service would refuse it.
    #[error("{call}: not sent: {reason}")]
    Unsent {
        /// What was to be called.
        call: Call,
        /// What is wrong with it.
        reason: String,
    },
}

impl ApiError {
    /// Returns whether this is a definite refusal: the request had no effect, and the same request
    /// will be refused again.
    ///
    /// Everything else leaves an intent open.
    pub fn is_definite(&self) -> bool {
        match self {
            Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Invalid { .. }
            | Self::Unsent { .. } => true,
            Self::Unreachable { .. }
            | Self::Transient { .. }
            | Self::RateLimited { .. }
            | Self::HeldBack { .. }
            | Self::Auth { .. } => false,
        }
    }

    /// Returns whether this very request may have taken effect although no good answer came.
    pub fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::Unreachable {
                may_have_arrived, ..
            } => *may_have_arrived,
            Self::Transient { .. } => true,
            Self::RateLimited { .. }
            | Self::HeldBack { .. }
            | Self::Auth { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Invalid { .. }
            | Self::Unsent { .. } => false,
        }
    }

    /// Returns whether asking again after a while can help without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Transient { .. }
                | Self::RateLimited { .. }
                | Self::HeldBack { .. }
        )
    }

    /// Returns how long the service asks to wait, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } | Self::RateLimited { retry_after, .. } => {
                *retry_after
            }
            Self::HeldBack { wait, .. } => Some(*wait),
            Self::Unreachable { .. }
            | Self::Auth { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Invalid { .. }
            | Self::Unsent { .. } => None,
        }
    }

    /// Returns what came back, if anything did.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Transient { answer, .. }
            | Self::RateLimited { answer, .. }
            | Self::Auth { answer, .. }
            | Self::Forbidden { answer, .. }
            | Self::NotFound { answer, .. }
            | Self::Invalid { answer, .. } => Some(answer),
            Self::HeldBack { last, .. } => last.answer(),
            Self::Unreachable { .. } | Self::Unsent { .. } => None,
        }
    }

    /// Returns what was called.
    pub fn call(&self) -> &Call {
        match self {
            Self::Unreachable { call, .. }
            | Self::Transient { call, .. }
            | Self::RateLimited { call, .. }
            | Self::Auth { call, .. }
            | Self::Forbidden { call, .. }
            | Self::NotFound { call, .. }
            | Self::Invalid { call, .. }
            | Self::HeldBack { call, .. }
            | Self::Unsent { call, .. } => call,
        }
    }

    /// Returns the stable code; `docs/errors.md` explains each.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "W001",
            Self::Transient { .. } => "W002",
            Self::RateLimited { .. } => "W003",
            Self::Auth { .. } => "W004",
            Self::Forbidden { .. } => "W005",
            Self::NotFound { .. } => "W006",
            Self::Invalid { .. } => "W007",
            Self::HeldBack { last, .. } => last.code(),
            Self::Unsent { .. } => "W008",
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { why, .. } => unreached_hint(*why),
            Self::Transient { answer, .. } if (300..400).contains(&answer.status) => {
                "check the workspace host: a workspace does not redirect its API"
            }
            Self::Transient { .. } => {
                "it is tried again at the next pass; if it stays, look at the workspace's status \
                 page and at proxies on the way"
            }
            Self::RateLimited { .. } => {
                "it is tried again later; if it stays, lower `limits` or spread the load"
            }
            Self::Auth { .. } => {
                "check the token or the service principal's secret with `headwater doctor`; it \
                 may have expired or belong to another workspace"
            }
            Self::Forbidden { .. } => {
                "grant the right to the principal that `headwater doctor` names: CAN MANAGE RUN \
                 on jobs, USE CATALOG, USE SCHEMA and SELECT on tables"
            }
            Self::NotFound { .. } => {
                "check the id or name and the environment; what a principal may not see looks as \
                 if it did not exist"
            }
            Self::Invalid { .. } => "mend what the message names; the request was not carried out",
            Self::HeldBack { last, .. } => last.hint(),
            Self::Unsent { .. } => "mend the declaration that the value comes from",
        }
    }
}

/// Never 0: what is held back is not sent now.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0))
}

fn unreached_hint(why: Unreached) -> &'static str {
    match why {
        Unreached::Dns => "check the host's spelling, and the name server and VPN",
        Unreached::Connect => "check the network, the VPN and `HTTPS_PROXY`",
        Unreached::Tls => {
            "certificates are never accepted unchecked: add the authority of a proxy that opens \
             TLS to the system's store, or name it in `SSL_CERT_FILE`"
        }
        Unreached::Timeout | Unreached::Broken => {
            "it is tried again at the next pass; whether the request arrived is found out then"
        }
    }
}
