//! The acts, in order. Each says what it is about to do, does it with the commands of the program,
//! and leaves everything fresh.

mod backfill;
mod change_feed;
mod deadline;
mod lakehouse;
mod late_data;
mod snapshot;

use workspace::sample::{self, MartCheck};

use super::Settings;
use super::figure::{Act, Bound, Figure};
use super::stage::{Stage, StageError};
use super::tally::{Tally, duplicates};

/// Where the acts play, and who is told.
struct Show<'a> {
    stage: &'a Stage,
    say: &'a (dyn Fn(&str) + Sync),
}

impl Show<'_> {
    fn say(&self, line: &str) {
        (self.say)(line);
    }

    /// Plays an act of a piece: notes its figures, and how long it took.
    async fn play(
        &self,
        name: &'static str,
        act: impl Future<Output = Result<Vec<Figure>, StageError>>,
    ) -> Result<Act, StageError> {
        let began = self.stage.elapsed();
        let figures = act.await?;
        let took = self.stage.elapsed().saturating_sub(began);
        Ok(Act {
            name,
            seconds: took.as_secs_f64(),
            figures,
        })
    }
}

/// Plays all acts and returns what they came to, with the stage as it stands.
///
/// `say` gets what happens, line by line.
pub async fn run(
    settings: &Settings,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(Tally, Stage), StageError> {
    let stage = Stage::set(settings).await?;
    let show = Show { stage: &stage, say };
    let mut tally = Tally {
        folder: stage.folder.display().to_string(),
        ..Tally::default()
    };
    lakehouse::play(&show, settings.arrivals_for, &mut tally).await?;
    tally.acts = vec![
        show.play("late_data", late_data::play(&show)).await?,
        show.play("backfill", backfill::play(&show)).await?,
        show.play("change_feed", change_feed::play(&show)).await?,
        show.play("snapshot", snapshot::play(&show)).await?,
        show.play("deadline", deadline::play(&show)).await?,
    ];
    tally.kills = stage.kills();
    let ledger = stage.workspace.ledger();
    tally.runs_triggered = ledger.entries().len();
    tally.duplicates = duplicates(ledger);
    let checks = sample::verify(&stage.folder).map_err(StageError::Sample)?;
    tally.marts = checks.into_iter().map(Into::into).collect();
    tally.seconds = stage.elapsed().as_secs_f64();
    Ok((tally, stage))
}

/// Says how many tables do not hold what arrived.
fn wrong_tables(checks: &[MartCheck]) -> Figure {
    let wrong = checks.iter().filter(|check| !check.equal).count();
    Figure::count(
        "tables that differ from their sources",
        wrong,
        Bound::Exactly(0),
    )
}
