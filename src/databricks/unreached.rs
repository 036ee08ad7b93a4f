//! Why no answer came: the HTTP library's errors, told apart.
//!
//! The library tells the phase (connecting or later), but names neither name look-up nor TLS; those
//! are recognised by what lies below.

use crate::databricks::error::{ApiError, Call, Cause, Unreached};

/// What the layers below say of a name without an address, or that no name server is asked for.
const DNS: [&str; 2] = ["dns error", "invalid dns name"];

/// Makes our error of one of the HTTP library.
pub(super) fn unreachable(call: &Call, error: reqwest::Error) -> ApiError {
    // The URL holds names and tokens of pages.
    let error = error.without_url();
    ApiError::Unreachable {
        call: call.clone(),
        why: why_unreached(&error),
        may_have_arrived: !error.is_connect() && !error.is_builder(),
        source: Box::new(Cause::of(&error)),
    }
}

fn why_unreached(error: &reqwest::Error) -> Unreached {
    let mut layer: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = layer {
        if is_tls(current) {
            return Unreached::Tls;
        }
        let text = current.to_string();
        if DNS.iter().any(|part| text.contains(part)) {
            return Unreached::Dns;
        }
        layer = current.source();
    }
    if error.is_timeout() {
        Unreached::Timeout
    } else if error.is_connect() {
        Unreached::Connect
    } else {
        Unreached::Broken
    }
}

/// TLS errors travel inside I/O errors, one or several deep, whose `source` skips them.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    inner.is_some_and(|inner| is_tls(inner))
}
