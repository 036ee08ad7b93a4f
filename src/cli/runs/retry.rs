//! `runs retry`: let an asset out of quarantine.

use super::super::Context;
use super::super::explain;
use super::super::open::load_app;
use crate::error::{CommandError, Exit};
use crate::ports::State;
use crate::report;

/// Arguments of `runs retry`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RetryArgs {
    /// The asset's key
    #[arg(value_name = "ASSET")]
    pub asset: String,
}

pub(super) fn run(context: &Context, args: &RetryArgs) -> Result<Exit, CommandError> {
    let app = load_app(context, None)?;
    let index = explain::find(&app, &args.asset)?;
    let asset = &app.graph.asset(index).key;
    let store = super::open_for(context, &app)?;
    let is_lifted = store.lift_quarantine(asset, &super::actor(context), app.clock().now())?;
    let message = if is_lifted {
        format!("{asset} is no longer held after its failure: the next pass decides on it anew")
    } else {
        format!(
            "{asset} is not held after a failure, so that nothing changed; `headwater explain \
             {asset}` says how it stands"
        )
    };
    let document = report::retry_document(asset, is_lifted, &message);
    context
        .output
        .emit_value(&document, None, || format!("{message}\n"))?;
    Ok(Exit::Done)
}
