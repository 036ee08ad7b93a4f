//! `backfill pause`, `resume` and `cancel`.

use super::super::Context;
use super::super::open::load_app;
use super::super::runs::{cancel::end, open_for};
use super::show;
use crate::error::{CommandError, Exit};
use crate::ports::State;
use crate::state::{BackfillName, BackfillState};

pub(super) fn run(
    context: &Context,
    name: &BackfillName,
    to: (BackfillState, bool),
) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let store = open_for(context, &app)?;
    let backfill = store.change_backfill(name, to, app.clock().now())?;
    show::emit(context, &app, &store, &backfill)?;
    Ok(Exit::Done)
}

pub(super) async fn cancel(context: &Context, name: &BackfillName) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let store = open_for(context, &app)?;
    // First of all nothing new is begun.
    let to = (BackfillState::Cancelled, false);
    let backfill = store.change_backfill(name, to, app.clock().now())?;
    let open = store.load()?.open_intents.into_values();
    let mut exit = Exit::Done;
    for intent in open.filter(|intent| intent.backfill.as_ref() == Some(name)) {
        // Each of them is tried: one that cannot be cancelled yet keeps none of the others.
        if let Err(error) = end(&app, &store, &intent.id).await {
            context.output.complain(&error);
            exit = Exit::Failed;
        }
    }
    show::emit(context, &app, &store, &backfill)?;
    Ok(exit)
}
