//! `reconcile --full-refresh`: a person wants an asset built anew in full.
//!
//! The wish is written down before the pass and stays until a run fulfilled it, so that nothing is lost where
//! the pass is cut short or somebody else holds the lease.

use assets::partition::Extent;

use super::Context;
use super::explain;
use crate::app::{App, StateFile};
use crate::error::{CommandError, Exit};
use crate::state::FullRefreshRequest;

pub(super) fn request(
    context: &Context,
    app: &App,
    store: &StateFile,
    names: &[String],
) -> Result<(), CommandError> {
    let mut wanted = Vec::new();
    // All of them are looked at before the first one is written down.
    for name in names {
        let index = explain::find(app, name)?;
        let asset = app.graph.asset(index);
        if !asset.is_built_here() {
            let message = format!("`{}` is not built here: nothing can refresh it", asset.key);
            return Err(CommandError::new("C025", Exit::Usage, message)
                .hint("only assets with a task are built; `headwater ls` shows the tasks"));
        }
        wanted.push(asset);
    }
    let now = app.clock().now();
    for asset in wanted {
        let remaining = asset.planned_partitions().map(|definition| Extent {
            ordinals: definition.ordinals_id().into(),
            partitions: definition.existing(now),
        });
        let request = FullRefreshRequest {
            asked_at: now,
            asked_by: super::runs::actor(context),
            remaining,
        };
        store.request_full_refresh(&asset.key, &request)?;
    }
    Ok(())
}
