//! The SQL warehouse of a story: it says the same to every question, until the story changes that.

use std::time::Duration;

use async_trait::async_trait;
use headwater::ports::{JobsError, Question, StatementAnswer, Statements};

use super::world::World;

/// What it says.
#[derive(Default)]
pub(super) struct Warehouse {
    /// To every question; silence where absent.
    pub(super) answer: Option<StatementAnswer>,
}

#[async_trait]
impl Statements for World {
    async fn ask(
        &self,
        _question: &Question,
        _patience: Duration,
    ) -> Result<StatementAnswer, JobsError> {
        let silence = || JobsError::Unanswered("the warehouse does not answer".to_owned());
        self.get().warehouse.answer.clone().ok_or_else(silence)
    }
}
