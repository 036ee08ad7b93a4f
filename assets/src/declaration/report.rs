//! What is wrong in one file, collected: places, codes, and texts without secrets.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place};

use super::problem::{Family, Problem};
use super::substitute::mask_tokens;
use super::tree::{NodeId, Spot, Tree};

/// After so many problems in one file the rest is left out: nobody mends more at once, and a
/// hostile file must not make the list longer than itself.
const MAX_PROBLEMS: usize = 200;

/// The problems of one file, or of one `headwater` block.
pub(super) struct Report<'a> {
    file: Arc<str>,
    family: Family,
    /// For a block in a dbt node: the node, named in every message.
    dbt_node: Option<&'a str>,
    /// The variables of the process.
    pub(super) variables: &'a dyn Fn(&str) -> Option<String>,
    diagnostics: Vec<Diagnostic>,
    warned: BTreeSet<String>,
    left_out: Diagnostic,
}

impl<'a> Report<'a> {
    /// Makes an empty report about a file.
    pub(super) fn new(
        file: &Arc<str>,
        family: Family,
        variables: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            file: Arc::clone(file),
            family,
            dbt_node: None,
            variables,
            diagnostics: Vec::new(),
            warned: BTreeSet::new(),
            left_out: Diagnostic::warning("", None, ""),
        }
    }

    /// Makes an empty report about the `headwater` block of a dbt node.
    pub(super) fn of_block(
        file: &Arc<str>,
        dbt_node: &'a str,
        variables: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self {
            dbt_node: Some(dbt_node),
            ..Self::new(file, Family::Asset, variables)
        }
    }

    /// Returns whether further problems would be left out.
    pub(super) fn is_full(&self) -> bool {
        self.diagnostics.len() >= MAX_PROBLEMS
    }

    /// Turns a spot into a place of this file.
    pub(super) fn place(&self, spot: &Spot) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: spot.line.max(1),
            column: spot.column.max(1),
            span: spot.span.clone(),
        }
    }

    /// Adds an error and returns it, so that notes and help can be put on it.
    pub(super) fn error(
        &mut self,
        problem: Problem,
        spot: &Spot,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let message = self.about(message.into());
        let code = problem.code(self.family);
        self.add(Diagnostic::error(code, Some(self.place(spot)), message))
    }

    /// Adds an error about a node; in a block, where no line is known, it names the path to it.
    pub(super) fn error_at(
        &mut self,
        problem: Problem,
        tree: &Tree,
        node: NodeId,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let path = self.dbt_node.map(|_| tree.path_to(node));
        let diagnostic = self.error(problem, &tree.spot(node), message);
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            diagnostic.notes.push(format!("at `{path}`"));
        }
        diagnostic
    }

    /// Adds a warning that a key is read and not acted on; one for each key.
    pub(super) fn not_acted_on(&mut self, tree: &Tree, node: NodeId, key: &str, effect: &str) {
        if !self.warned.insert(key.to_owned()) {
            return;
        }
        let message = self.about(format!("`{key}` is read and not acted on yet: {effect}"));
        let code = Problem::NotActedOn.code(self.family);
        let place = self.place(&tree.spot(node));
        self.add(Diagnostic::warning(code, Some(place), message));
    }

    fn about(&self, message: String) -> String {
        match self.dbt_node {
            Some(node) => format!("{message}, in `config.meta.headwater` of `{node}`"),
            None => message,
        }
    }

    fn add(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        if self.is_full() {
            self.left_out = diagnostic;
            return &mut self.left_out;
        }
        self.diagnostics.push(diagnostic);
        self.diagnostics.last_mut().unwrap_or(&mut self.left_out)
    }

    /// Returns the problems in the order of the file, with whatever looks like a token masked.
    pub(super) fn finish(self) -> Vec<Diagnostic> {
        let cut_off = self.is_full();
        let mut diagnostics = self.diagnostics;
        let masked = |text: &String| mask_tokens(text).into_owned();
        for diagnostic in &mut diagnostics {
            diagnostic.message = masked(&diagnostic.message);
            diagnostic.help = diagnostic.help.as_ref().map(masked);
            diagnostic.notes = diagnostic.notes.iter().map(masked).collect();
        }
        diagnostics.sort_by_key(|diagnostic| {
            diagnostic
                .place
                .as_ref()
                .map(|place| (place.line, place.column, diagnostic.code))
        });
        if cut_off {
            let code = Problem::TooLarge.code(self.family);
            let message =
                format!("after {MAX_PROBLEMS} problems the file was not looked at further");
            let place = Place::start_of(&self.file);
            diagnostics.push(
                Diagnostic::error(code, Some(place), message)
                    .help("mend these first; what is left is shown then"),
            );
        }
        diagnostics
    }
}

/// Cuts a text that is to be shown in a message.
pub(super) fn shown(text: &str) -> String {
    let escaped: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    let escaped = escaped.replace("\\\"", "\"").replace("\\'", "'");
    if text.chars().nth(60).is_some() {
        return format!("{escaped}…");
    }
    escaped
}

impl Spot {
    /// Counts lines as YAML does: they end with a line feed, a carriage return, or both. The byte
    /// order mark of a file has no width.
    pub(super) fn of_range(text: &str, span: std::ops::Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or_default();
        let ends = before.matches(['\n', '\r']).count() - before.matches("\r\n").count();
        let unmarked = before.strip_prefix('\u{feff}').unwrap_or(before);
        let line = unmarked.rsplit(['\n', '\r']).next().unwrap_or_default();
        Self {
            line: ends + 1,
            column: line.chars().count() + 1,
            span,
        }
    }

    /// Names the beginning of the file.
    pub(super) fn file_start() -> Self {
        Self {
            line: 1,
            column: 1,
            span: 0..0,
        }
    }
}
