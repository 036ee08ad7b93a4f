//! What the texts of files mean: durations, keys, templates, and keys that contradict each other.
//!
//! Each function takes an entry as it was read and returns what it says; whatever is wrong goes to
//! the report and is left out of the result.

mod asset;
mod automation;
mod checks;
mod host;
mod partition;
mod policy;
mod project;
mod schedule;
mod task;
mod template;
mod workload;

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::duration::{DurationError, parse_duration};
use crate::schedule::Calendars;

use super::at::{At, ScalarText};
use super::file::DurationText;
use super::problem::Problem;
use super::report::{Report, shown};
use super::tree::{NodeId, Tree};

pub(super) use asset::{Names, check_asset};
pub(super) use project::check_project;

/// The tree that entries came from, and where problems go.
pub(super) struct Checks<'s, 'r> {
    pub(super) tree: &'s Tree,
    pub(super) report: &'s mut Report<'r>,
    /// The calendars of the project.
    pub(super) calendars: Cow<'s, Calendars>,
}

impl Checks<'_, '_> {
    /// Reports an error about a node, with what to do.
    fn error(&mut self, problem: Problem, node: NodeId, message: String, help: &str) {
        let diagnostic = self.report.error_at(problem, self.tree, node, message);
        if !help.is_empty() {
            diagnostic.help = Some(help.to_owned());
        }
    }

    /// Warns that a key is read and not acted on, if it is there.
    fn not_acted_on<T>(&mut self, entry: Option<&At<T>>, key: &str, effect: &str) {
        if let Some(entry) = entry {
            self.report.not_acted_on(self.tree, entry.node, key, effect);
        }
    }

    /// Reports that a key is missing in a node, unless something in it was reported before: the
    /// key may be what was meant there.
    fn required<'e, T>(
        &mut self,
        entry: Option<&'e At<T>>,
        node: NodeId,
        key: &str,
    ) -> Option<&'e At<T>> {
        if entry.is_none() && !self.tree.has_pruned_child(node) {
            let message = match self.tree.label(node) {
                Some(label) => format!("{label} lacks the key `{key}`"),
                None => format!("the key `{key}` is missing"),
            };
            self.error(Problem::MissingKey, node, message, "");
        }
        entry
    }

    /// Returns the key that a node stands under, in back-ticks.
    fn label(&self, node: NodeId) -> String {
        self.tree.label(node).unwrap_or_else(|| "this".into())
    }

    /// Returns a text as it was written, for messages.
    fn written(&self, node: NodeId) -> String {
        shown(self.tree.written(node).unwrap_or_default())
    }

    fn duration(&mut self, entry: Option<&At<DurationText>>) -> Option<TimeDelta> {
        let entry = entry?;
        self.duration_of(&entry.value, entry.node)
    }

    fn duration_of(&mut self, text: &DurationText, node: NodeId) -> Option<TimeDelta> {
        let error = match parse_duration(&text.0) {
            Ok(duration) => return Some(duration),
            Err(error) => error,
        };
        let written = self.written(node);
        let help = match error {
            DurationError::NoUnit if !self.tree.is_substituted(node) => {
                format!(
                    "write `{0}s` for seconds or `{0}m` for minutes",
                    written.trim()
                )
            }
            DurationError::NoUnit | DurationError::Form | DurationError::Negative => {
                "write a whole number and a unit: `90s`, `5m`, `2h`, `1d`".into()
            }
            DurationError::TooLong => "write a shorter one, or leave the key out".into(),
        };
        let message = format!("`{written}` is not a duration: {error}");
        self.error(Problem::Duration, node, message, &help);
        None
    }

    /// As [`Checks::duration`], where nothing can be done in no time.
    fn positive(&mut self, entry: Option<&At<DurationText>>) -> Option<TimeDelta> {
        let entry = entry?;
        self.positive_of(&entry.value, entry.node)
    }

    fn positive_of(&mut self, text: &DurationText, node: NodeId) -> Option<TimeDelta> {
        let duration = self.duration_of(text, node)?;
        if duration > TimeDelta::zero() {
            return Some(duration);
        }
        let message = format!("{} has to be longer than zero", self.label(node));
        self.error(Problem::Value, node, message, "");
        None
    }

    fn positive_number(&mut self, entry: Option<&At<u32>>) -> Option<u32> {
        let entry = entry?;
        if entry.value > 0 {
            return Some(entry.value);
        }
        let message = format!("{} has to be at least 1", self.label(entry.node));
        self.error(
            Problem::Value,
            entry.node,
            message,
            "to run nothing at all, write `automation: manual`",
        );
        None
    }

    fn not_empty(&mut self, entry: &At<String>) -> Option<String> {
        if !entry.value.trim().is_empty() {
            return Some(entry.value.clone());
        }
        let message = format!("{} is empty", self.label(entry.node));
        self.error(Problem::Value, entry.node, message, "");
        None
    }

    /// Checks the syntax of templates that stay templates until a run is triggered.
    fn parameters(
        &mut self,
        entries: Option<&BTreeMap<String, At<ScalarText>>>,
    ) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::new();
        for (name, entry) in entries.into_iter().flatten() {
            if self.template_syntax(&entry.value.0, entry.node) {
                parameters.insert(name.clone(), entry.value.0.clone());
            }
        }
        parameters
    }

    /// Returns whether a text is a template that can be rendered, and reports it if not.
    fn template_syntax(&mut self, text: &str, node: NodeId) -> bool {
        match template::check_syntax(text) {
            Ok(()) => true,
            Err(reason) => {
                self.broken_template(node, &reason);
                false
            }
        }
    }

    fn broken_template(&mut self, node: NodeId, reason: &str) {
        let label = self.label(node);
        // The engine's words may quote the text, and with it the value of a variable.
        let message = if self.tree.is_substituted(node) {
            format!("{label} is not a template that can be rendered")
        } else {
            format!("{label} is not a template that can be rendered: {reason}")
        };
        self.error(
            Problem::Template,
            node,
            message,
            "expressions stand in `{{ … }}`; write `{{ '{{' }}` where two braces are meant",
        );
    }
}
