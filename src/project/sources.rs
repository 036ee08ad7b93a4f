//! The texts of files by the names that diagnostics give them, for excerpts.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Texts by file name, as [`Place`](assets::Place) spells it.
///
/// Manifests are not kept: nobody wrote them, and they may be large.
#[derive(Debug, Clone, Default)]
pub struct Sources(BTreeMap<Arc<str>, String>);

impl Sources {
    /// Keeps the text of a file.
    pub fn insert(&mut self, file: &Arc<str>, text: String) {
        self.0.insert(Arc::clone(file), text);
    }

    /// Returns the text of a file, if it was kept.
    pub fn text(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(String::as_str)
    }
}
