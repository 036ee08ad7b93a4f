//! What a store's server said last, while one question is being answered.
//!
//! The library below tells kinds of failure, and whole answers as texts, in which signed requests and
//! keys may be repeated. So the part that speaks HTTP writes down here what may be shown: the status,
//! the server's own short word for the problem, or why there was no answer.

use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static HEARD: Arc<Mutex<Heard>>;
}

/// The last thing that was heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// The HTTP status of the last answer, unless it was a good one.
    pub status: Option<u16>,
    /// The server's word for the problem, such as `AccessDenied`.
    pub word: Option<String>,
    /// Why there was no answer at all, or no request: in words, without secrets.
    pub failure: Option<String>,
}

/// Writes down what was heard for the question that the current task asks; nothing elsewhere.
pub fn hear(heard: Heard) {
    // Outside of a question nobody wants to know.
    HEARD
        .try_with(|last| *last.lock().unwrap_or_else(PoisonError::into_inner) = heard)
        .unwrap_or_default();
}

/// Asks a question, and returns its answer with what was heard last.
pub(super) async fn listen<T>(question: impl Future<Output = T>) -> (T, Heard) {
    let last = Arc::new(Mutex::new(Heard::default()));
    let answer = HEARD.scope(Arc::clone(&last), question).await;
    let heard = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (answer, heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Heard {
        Heard {
            status: Some(status),
            ..Heard::default()
        }
    }

    #[tokio::test]
    async fn questions_side_by_side_hear_their_own_answers() {
        let ask = |number: u16| {
            listen(async move {
                tokio::task::yield_now().await;
                hear(status(number));
                tokio::task::yield_now().await;
                number
            })
        };
        hear(status(1));
        let answers = futures::future::join_all([ask(403), ask(500)]).await;
        assert_eq!(answers, [(403, status(403)), (500, status(500))]);
        assert_eq!(listen(async {}).await.1, Heard::default());
    }
}
