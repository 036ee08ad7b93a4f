//! What a failed question to a store means, in words that hold no secret.

use assets::delta::Unreadable;
use object_store::Error;

use super::heard::Heard;

/// What was asked of a store.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    place: String,
    is_listing: bool,
}

impl Asked {
    pub(super) fn file(log: &str, name: &str) -> Self {
        Self {
            place: format!("{log}/{name}"),
            is_listing: false,
        }
    }

    pub(super) fn listing(log: &str) -> Self {
        Self {
            place: log.to_owned(),
            is_listing: true,
        }
    }

    pub(super) fn failed(&self, detail: String) -> Unreadable {
        Unreadable::Unreachable {
            path: self.place.clone(),
            detail,
        }
    }

    fn forbidden(&self, detail: String) -> Unreadable {
        Unreadable::Forbidden {
            path: self.place.clone(),
            detail,
        }
    }
}

/// The servers' words for a bucket, container or account that does not exist.
const NO_BUCKET: [&str; 4] = [
    "NoSuchBucket",
    "ContainerNotFound",
    "ContainerBeingDeleted",
    "FilesystemNotFound",
];

/// Returns why a question failed, or nothing where the answer was that it is not there.
pub(super) fn of_error(asked: &Asked, error: &Error, heard: Heard) -> Result<(), Unreadable> {
    let Heard {
        status,
        word,
        failure,
    } = heard;
    if let Some(failure) = failure {
        return Err(match status {
            Some(401 | 403) => asked.forbidden(failure),
            _ => asked.failed(failure),
        });
    }
    let said = word.as_deref().unwrap_or_default();
    // The kind of the error comes second: the library has kinds for some questions only.
    let is_missing = matches!(error, Error::NotFound { .. });
    let kinds = [
        (is_missing, 404),
        (matches!(error, Error::PermissionDenied { .. }), 403),
        (matches!(error, Error::Unauthenticated { .. }), 401),
    ];
    let of_kind = kinds.into_iter().find(|(is_it, _)| *is_it);
    let status = status.or(of_kind.map(|(_, status)| status));
    match status {
        Some(404) if NO_BUCKET.contains(&said) => {
            Err(asked.failed(format!("there is no such bucket or container (404 {said})")))
        }
        // A bucket's listing is never "not there": it is empty, or the bucket is missing.
        Some(404) if asked.is_listing => {
            Err(asked.failed("there is no such bucket or container (404)".to_owned()))
        }
        Some(404) if is_missing => Ok(()),
        // S3 answers 400 to a token that it does not know, or no longer.
        Some(status) if status == 401 || is_bad_key(said) => {
            let what = "check the key, secret and token in the variables";
            Err(asked.forbidden(refused(status, said, what)))
        }
        Some(403) => Err(asked.forbidden(refused(403, said, advice(said, asked.is_listing)))),
        Some(400) if said == "AuthorizationHeaderMalformed" => {
            Err(asked.failed("the region is not the bucket's: set `AWS_REGION`".to_owned()))
        }
        Some(status @ (301 | 302 | 307 | 308)) => Err(asked.failed(format!(
            "the bucket is elsewhere ({status}): set the region (`AWS_REGION`) or the endpoint"
        ))),
        Some(status) => Err(asked.failed(
            format!("the store answered {status} {said}")
                .trim_end()
                .to_owned(),
        )),
        None => Err(asked.failed(kind(error).to_owned())),
    }
}

fn refused(status: u16, said: &str, advice: &str) -> String {
    let space = if said.is_empty() { "" } else { " " };
    format!("{status}{space}{said}; {advice}")
}

/// Returns whether a word says that the credentials themselves are not good.
fn is_bad_key(said: &str) -> bool {
    let words = [
        "AuthenticationFailed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidSecurity",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    ];
    words.contains(&said)
}

/// What to do about a 403.
fn advice(said: &str, is_listing: bool) -> &'static str {
    match said {
        "RequestTimeTooSkewed" => "this machine's clock is wrong",
        _ if is_listing => "grant the right to list the bucket below the table",
        // S3 answers so for a key that is not there, unless one may list: it must not be taken for
        // "no newer commit".
        _ => {
            "grant the rights to read and to list: without the second one the answer is the same \
             where a file is not there"
        }
    }
}

/// Says what failed where the server did not.
fn kind(error: &Error) -> &'static str {
    if matches!(error, Error::InvalidPath { .. }) {
        "its key has a form that is not read"
    } else if matches!(
        error,
        Error::Precondition { .. } | Error::NotModified { .. }
    ) {
        "it changed while it was read"
    } else {
        "the store's answer broke off or cannot be understood"
    }
}
