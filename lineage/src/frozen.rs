//! Freezes with the assets that they are for.

use std::collections::BTreeSet;

use assets::schedule::Freeze;

use crate::graph::{AssetGraph, AssetIndex};
use crate::select::{SelectError, Selection};

/// A freeze with the assets that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// When, and why.
    pub freeze: Freeze,
    /// Which assets.
    pub assets: BTreeSet<AssetIndex>,
}

/// Why the selection of a freeze cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// It cannot be read.
    #[error("its selection cannot be read")]
    Select(#[source] SelectError),
    /// It asks how assets are, which nobody knows before a plan is made.
    #[error("its selection asks for `health:`, which depends on what is frozen")]
    Health,
    /// Nothing is meant.
    #[error("its selection names no asset")]
    Nothing,
}

impl Frozen {
    /// Finds the assets of a freeze.
    ///
    /// # Errors
    ///
    /// Where its selection cannot be read, names nothing, or cannot be known.
    pub fn new(freeze: Freeze, graph: &AssetGraph) -> Result<Self, FreezeError> {
        let selection = match &freeze.select {
            Some(text) => Selection::parse(text).map_err(FreezeError::Select)?,
            None => Selection::all(),
        };
        if selection.needs_health() {
            return Err(FreezeError::Health);
        }
        let selected = selection.evaluate(graph, &|_| "");
        if freeze.select.is_some() && selected.assets.is_empty() {
            return Err(FreezeError::Nothing);
        }
        let assets = selected.assets.into_iter().collect();
        Ok(Self { freeze, assets })
    }
}
