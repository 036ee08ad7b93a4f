//! How problems in files are shown, and what they mean for commands that need a sound project.
//!
//! The look is that of compilers: code and message, place, excerpt, notes, help. What is wrong was
//! found by the loader; nothing is checked here.

use std::cmp::Ordering;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use assets::{Diagnostic, Place, Severity};
use lineage::AssetGraph;
use serde::Serialize;

use super::Context;
use super::human::{counted, printable};
use super::output::Document;
use crate::error::{CommandError, Exit};
use crate::project::{Loaded, ProjectError, Sources, load};

/// The longest excerpt line, in bytes; beyond it only the place is shown.
const MAX_EXCERPT: usize = 400;

/// The result of `validate`.
#[derive(Debug, Serialize)]
pub struct Diagnostics {
    /// Errors among them.
    pub errors: usize,
    /// Warnings among them.
    pub warnings: usize,
    /// How many assets the project has; null while there are errors.
    pub assets: Option<usize>,
    /// How many tasks it has; null while there are errors.
    pub tasks: Option<usize>,
    /// How many edges it has; null while there are errors.
    pub edges: Option<usize>,
    /// All problems by file and place.
    pub diagnostics: Vec<DiagnosticItem>,
}

/// One problem, for programs.
#[derive(Debug, Serialize)]
pub struct DiagnosticItem {
    code: &'static str,
    severity: Severity,
    message: String,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    notes: Vec<String>,
    help: Option<String>,
}

impl Document for Diagnostics {
    const KIND: &'static str = "Diagnostics";
    type Item = DiagnosticItem;

    fn items(&self) -> Option<&[DiagnosticItem]> {
        Some(&self.diagnostics)
    }
}

impl Diagnostics {
    /// Takes all problems, in the order in which they are shown.
    pub fn of(diagnostics: &[Diagnostic]) -> Self {
        let (errors, warnings) = counts(diagnostics);
        Self {
            errors,
            warnings,
            assets: None,
            tasks: None,
            edges: None,
            diagnostics: sorted(diagnostics).into_iter().map(item).collect(),
        }
    }
}

fn item(diagnostic: &Diagnostic) -> DiagnosticItem {
    let place = diagnostic.place.as_ref();
    DiagnosticItem {
        code: diagnostic.code,
        severity: diagnostic.severity,
        message: diagnostic.message.clone(),
        file: place.map(|place| place.file.to_string()),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        notes: diagnostic.notes.clone(),
        help: diagnostic.help.clone(),
    }
}

/// Loads the project that the command is about; where its file leaves nothing to go on, its
/// problems are printed.
///
/// # Errors
///
/// Where there is no project, or none that can be used.
pub fn load_project(context: &Context) -> Result<Loaded, CommandError> {
    let lookup = |name: &str| context.variables.get(name).map(str::to_owned);
    let loaded = load(
        &context.directory,
        context.project.as_deref(),
        context.environment.as_deref(),
        &lookup,
    );
    loaded.map_err(|error| match &error {
        ProjectError::Broken {
            diagnostics,
            sources,
            ..
        } => {
            context.output.to_stderr(&render(diagnostics, sources));
            has_errors(diagnostics)
        }
        ProjectError::NotFound { .. }
        | ProjectError::NotInFolder { .. }
        | ProjectError::Unreadable { .. }
        | ProjectError::UnknownEnvironment { .. } => error.into(),
    })
}

/// Prints what is wrong, warnings unless quiet was asked for, and returns the graph.
///
/// # Errors
///
/// Where there is any error.
pub fn require_ok<'l>(
    context: &Context,
    loaded: &'l Loaded,
) -> Result<&'l AssetGraph, CommandError> {
    let (errors, warnings): (Vec<_>, Vec<_>) = loaded
        .diagnostics
        .iter()
        .cloned()
        .partition(Diagnostic::is_error);
    context.output.talk(&render(&warnings, &loaded.sources));
    context.output.to_stderr(&render(&errors, &loaded.sources));
    match &loaded.graph {
        Some(graph) if errors.is_empty() => Ok(graph),
        Some(_) | None => Err(has_errors(&errors)),
    }
}

/// Returns the error of a command that needs a sound project.
pub fn has_errors(diagnostics: &[Diagnostic]) -> CommandError {
    let message = format!("the project has {}", summary(diagnostics));
    CommandError::new("C002", Exit::Usage, message)
        .hint("mend them; `headwater validate` shows them again, and touches nothing")
}

/// Returns `2 errors, 1 warning`.
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    match counts(diagnostics) {
        (errors, 0) => counted(errors, "error"),
        (0, warnings) => counted(warnings, "warning"),
        (errors, warnings) => {
            format!(
                "{}, {}",
                counted(errors, "error"),
                counted(warnings, "warning")
            )
        }
    }
}

fn counts(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|problem| problem.is_error());
    let errors = errors.count();
    (errors, diagnostics.len() - errors)
}

/// Writes all problems by file and place, with a blank line after each, in colour.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let renderer = Renderer::styled();
    let mut text = String::new();
    for diagnostic in sorted(diagnostics) {
        text.push_str(&renderer.render(&[group(diagnostic, sources)]));
        text.push_str("\n\n");
    }
    text
}

/// Problems of the project as a whole stand last: those of files often explain them.
fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by(|a, b| {
        by_place(a, b).then_with(|| (a.code, &a.message).cmp(&(b.code, &b.message)))
    });
    sorted.dedup();
    sorted
}

fn by_place(a: &Diagnostic, b: &Diagnostic) -> Ordering {
    let place = |place: &Place| (place.file.clone(), place.line, place.column);
    match (&a.place, &b.place) {
        (Some(a), Some(b)) => place(a).cmp(&place(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str());
    let mut group = Group::with_title(title.id(diagnostic.code));
    if let Some(place) = &diagnostic.place {
        group = match excerpt(place, sources) {
            Some(snippet) => group.element(snippet),
            None => group.element(
                Origin::path(&*place.file)
                    .line(place.line)
                    .char_column(place.column),
            ),
        };
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(printable(note)));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    group
}

/// Cuts the lines of a place out of its file, so that a long file costs no more than a short one.
fn excerpt<'a>(
    place: &'a Place,
    sources: &'a Sources,
) -> Option<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let text = sources.text(&place.file)?;
    let Range { start, end } = place.span.clone();
    let before = text.get(..start)?;
    let from = before.rfind('\n').map_or(0, |newline| newline + 1);
    // Of a value over several lines, the first one says where to look.
    let rest = text.get(from..)?;
    let line = rest.split('\n').next()?.trim_end_matches('\r');
    if line.trim().is_empty() || line.len() > MAX_EXCERPT {
        return None;
    }
    let marked = (start - from)..end.max(start).saturating_sub(from).min(line.len());
    let marked = if marked.is_empty() {
        let width = line
            .get(marked.start..)
            .and_then(|rest| rest.chars().next());
        marked.start..marked.start + width.map_or(0, char::len_utf8)
    } else {
        marked
    };
    let annotation = AnnotationKind::Primary.span(marked);
    let snippet = Snippet::source(line).line_start(place.line);
    Some(snippet.path(&*place.file).annotation(annotation))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn shown(diagnostics: &[Diagnostic], file: &str, text: &str) -> String {
        let mut sources = Sources::default();
        sources.insert(&file.into(), text.to_owned());
        anstream::adapter::strip_str(&render(diagnostics, &sources)).to_string()
    }

    #[test]
    fn a_problem_shows_its_place_excerpt_notes_and_help() {
        let place = Place {
            file: "a.yml".into(),
            line: 2,
            column: 3,
            span: 10..13,
        };
        let problem = Diagnostic::error("A004", Some(place), "unknown key `kye`")
            .note("one further fact")
            .help("did you mean `key`?");
        insta::assert_snapshot!(shown(&[problem], "a.yml", "assets:\n  kye: 1\n"), @r"
        error[A004]: unknown key `kye`
         --> a.yml:2:3
          |
        2 |   kye: 1
          |   ^^^
          |
          = note: one further fact
          = help: did you mean `key`?
        ");
    }

    #[test]
    fn places_decide_the_order_and_equal_problems_are_shown_once() {
        let file: Arc<str> = "a.yml".into();
        let at = |line| Place {
            line,
            ..Place::start_of(&file)
        };
        let whole = Diagnostic::warning("L004", None, "whole");
        let second = Diagnostic::error("A002", Some(at(2)), "second");
        let first = Diagnostic::error("A001", Some(at(1)), "first");
        let all = [whole, second.clone(), first, second];
        let messages: Vec<&str> = sorted(&all)
            .iter()
            .map(|problem| &*problem.message)
            .collect();
        assert_eq!(messages, ["first", "second", "whole"]);
        assert_eq!(summary(&all), "3 errors, 1 warning");
    }

    #[test]
    fn places_that_do_not_fit_the_text_are_shown_without_an_excerpt() {
        for span in [0..0, 3..999, 999..1_000, 1..2] {
            let place = Place {
                span,
                ..Place::start_of(&"a.yml".into())
            };
            let problem = Diagnostic::error("A001", Some(place), "odd\u{1b}[31m");
            let text = shown(&[problem], "a.yml", "äöü\n");
            assert!(text.starts_with("error[A001]: odd"), "{text}");
            assert!(
                text.contains("a.yml:1:") && !text.contains('\u{1b}'),
                "{text}"
            );
        }
    }
}
