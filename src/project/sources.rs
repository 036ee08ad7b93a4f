//! The texts of files by the names that diagnostics give them, for excerpts.

use std::collections::BTreeMap;
use std::sync::Arc;

use assets::Place;

/// Texts by file name, as [`Place`] spells it.
///
/// Manifests are not kept: nobody wrote them, and they may be large.
#[derive(Debug, Clone, Default)]
pub struct Sources(BTreeMap<Arc<str>, String>);

impl Sources {
    /// Keeps the text of a file.
    pub fn insert(&mut self, file: &Arc<str>, text: String) {
        self.0.insert(Arc::clone(file), text);
    }

    /// Returns where a text stands for the first time in a file, or the file's beginning.
    ///
    /// For values whose place the declaration does not tell.
    pub fn place_of(&self, file: &str, text: &str) -> Place {
        let source = self.text(file).unwrap_or_default();
        let start = source.find(text).filter(|_| !text.is_empty());
        let Some(before) = start.and_then(|start| source.get(..start)) else {
            return Place::start_of(&file.into());
        };
        let line = before.rsplit('\n').next().unwrap_or_default();
        Place {
            file: file.into(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            span: before.len()..before.len() + text.len(),
        }
    }

    /// Returns the text of a file, if it was kept.
    pub fn text(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(String::as_str)
    }
}
