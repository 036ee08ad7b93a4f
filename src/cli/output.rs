//! The only place that prints: results to stdout, talk to stderr.
//!
//! A result is one [`Document`] in the form that was asked for. A reader that goes away early
//! (`| head`) is no error. Texts come with colours, which are taken off here where there should be
//! none.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::human::printable;
use crate::config::Variables;
use crate::error::{CommandError, Exit};
use crate::report::API_VERSION;

/// The form of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// One document
    Json,
    /// One document
    Yaml,
    /// One item per line
    Ndjson,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a command has found, for programs.
///
/// Serializes as a map; `apiVersion` and `kind` are put before its fields.
pub trait Document: Serialize {
    /// What the document is.
    const KIND: &'static str;
    /// What its list holds; any type where there is none.
    type Item: Serialize;

    /// Returns the list whose items are the lines of NDJSON; without one, the document is one line.
    fn items(&self) -> Option<&[Self::Item]>;
}

#[derive(Serialize)]
struct Envelope<'a, D> {
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    body: &'a D,
}

/// A document whose `apiVersion` and `kind` come before its other fields, for the eye.
struct EnvelopeFirst<'a>(&'a serde_json::Value);

impl Serialize for EnvelopeFirst<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.0.as_object() else {
            return self.0.serialize(serializer);
        };
        let is_envelope = |name: &str| matches!(name, "apiVersion" | "kind");
        let first = fields.iter().filter(|(name, _)| is_envelope(name));
        let rest = fields.iter().filter(|(name, _)| !is_envelope(name));
        serializer.collect_map(first.chain(rest))
    }
}

/// Where results and talk go, and how they look.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
    is_quiet: bool,
    stdout: ColorChoice,
    stderr: ColorChoice,
}

impl Output {
    /// Decides on colours: the option wins over the variables, these over whether it is a terminal.
    pub fn new(format: Format, colour: Colour, is_quiet: bool, variables: &Variables) -> Self {
        let choice = |is_terminal: bool| {
            let wanted = match colour {
                Colour::Always => true,
                Colour::Never => false,
                Colour::Auto => variables.colour().unwrap_or(is_terminal),
            };
            if wanted {
                ColorChoice::Always
            } else {
                ColorChoice::Never
            }
        };
        Self {
            format,
            is_quiet,
            stdout: choice(io::stdout().is_terminal()),
            stderr: choice(io::stderr().is_terminal()),
        }
    }

    /// Returns the form of results.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns whether talk has colours.
    pub fn talks_in_colour(&self) -> bool {
        self.stderr == ColorChoice::Always
    }

    /// Returns whether progress may be drawn and redrawn.
    pub fn shows_progress(&self) -> bool {
        !self.is_quiet && io::stderr().is_terminal()
    }

    /// Prints a result; `text` makes the form for people.
    ///
    /// # Errors
    ///
    /// Where it cannot be written, unless its reader went away.
    pub fn emit<D: Document>(
        &self,
        document: &D,
        text: impl FnOnce() -> String,
    ) -> Result<(), CommandError> {
        let envelope = Envelope {
            api_version: API_VERSION,
            kind: D::KIND,
            body: document,
        };
        match (self.format, document.items()) {
            (Format::Table, _) => self.text(&text()),
            (Format::Json | Format::Yaml, _) => self.whole(&envelope),
            (Format::Ndjson, None) => self.text(&json_line(&envelope)?),
            (Format::Ndjson, Some(items)) => {
                let lines: Result<String, _> = items.iter().map(json_line).collect();
                self.text(&lines?)
            }
        }
    }

    /// Returns whether only results and errors are printed.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Returns whether results go to a program.
    pub fn is_for_programs(&self) -> bool {
        self.format != Format::Table
    }

    /// Prints a document that has its envelope; `list` names the field whose items are the lines
    /// of NDJSON, `text` makes the form for people.
    ///
    /// # Errors
    ///
    /// As [`Output::emit`].
    pub fn emit_value(
        &self,
        document: &serde_json::Value,
        list: Option<&str>,
        text: impl FnOnce() -> String,
    ) -> Result<(), CommandError> {
        let items = list.and_then(|list| document.get(list)?.as_array());
        match (self.format, items) {
            (Format::Table, _) => self.text(&text()),
            (Format::Json | Format::Yaml, _) => self.whole(&EnvelopeFirst(document)),
            (Format::Ndjson, None) => self.text(&json_line(&EnvelopeFirst(document))?),
            (Format::Ndjson, Some(items)) => items.iter().try_for_each(|item| self.line(item)),
        }
    }

    /// Prints a value as one line of JSON.
    ///
    /// # Errors
    ///
    /// As [`Output::emit`].
    pub fn line(&self, value: &serde_json::Value) -> Result<(), CommandError> {
        self.text(&json_line(value)?)
    }

    /// Prints a value without an envelope, as JSON unless YAML was asked for.
    ///
    /// # Errors
    ///
    /// As [`Output::emit`].
    pub fn whole(&self, value: &impl Serialize) -> Result<(), CommandError> {
        if self.format == Format::Yaml {
            let yaml = serde_saphyr::to_string(value);
            let mut yaml = yaml.map_err(|error| unwritable(&error))?;
            if !yaml.ends_with('\n') {
                yaml.push('\n');
            }
            return self.text(&yaml);
        }
        let json = serde_json::to_string_pretty(value).map_err(|error| unwritable(&error))?;
        self.text(&(json + "\n"))
    }

    /// Prints a text to stdout.
    ///
    /// # Errors
    ///
    /// As [`Output::emit`].
    pub fn text(&self, text: &str) -> Result<(), CommandError> {
        let mut stdout = AutoStream::new(io::stdout().lock(), self.stdout);
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(&error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Says something to people unless they asked for quiet. Whether it arrives changes nothing.
    pub fn talk(&self, text: &str) {
        if !self.is_quiet {
            self.to_stderr(text);
        }
    }

    /// Says something to people even where they asked for quiet.
    pub fn to_stderr(&self, text: &str) {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.stderr);
        drop(stderr.write_all(text.as_bytes()));
    }

    /// Says that something is probably not as meant.
    pub fn warn(&self, message: &str, hint: Option<&str>) {
        let head = headline("warning", AnsiColor::Yellow, message);
        self.talk(&(head + &hint_line(hint)));
    }

    /// Prints an error for people only: programs are told by the result.
    pub fn complain(&self, error: &CommandError) {
        self.to_stderr(&error_text(error));
    }

    /// Prints an error: for people to stderr, and where programs read the result, as a document to
    /// stdout.
    pub fn error(&self, error: &CommandError) {
        self.complain(error);
        if self.format != Format::Table {
            // There is nobody left to tell that this could not be written.
            drop(self.emit(&ErrorDocument::of(error), String::new));
        }
    }
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    code: &'a str,
    message: &'a str,
    causes: &'a [String],
    hint: Option<&'a str>,
    exit_code: u8,
}

impl<'a> ErrorDocument<'a> {
    fn of(error: &'a CommandError) -> Self {
        Self {
            code: error.code,
            message: &error.message,
            causes: &error.causes,
            hint: error.hint.as_deref(),
            exit_code: error.exit.code(),
        }
    }
}

impl Document for ErrorDocument<'_> {
    const KIND: &'static str = "Error";
    type Item = ();

    fn items(&self) -> Option<&[()]> {
        None
    }
}

fn json_line(value: &impl Serialize) -> Result<String, CommandError> {
    let json = serde_json::to_string(value).map_err(|error| unwritable(&error))?;
    Ok(json + "\n")
}

fn unwritable(error: &dyn std::error::Error) -> CommandError {
    CommandError::new("C009", Exit::Failed, "the result cannot be written")
        .because_of(Some(error))
        .hint("look whether the disk is full, or write it elsewhere")
}

fn error_text(error: &CommandError) -> String {
    let label = format!("error[{}]", error.code);
    let head = headline(&label, AnsiColor::Red, &error.message);
    let causes = error.causes.iter();
    let causes: Vec<String> = causes
        .map(|cause| format!("   = {}\n", printable(cause)))
        .collect();
    head + &causes.concat() + &hint_line(error.hint.as_deref())
}

fn headline(label: &str, colour: AnsiColor, message: &str) -> String {
    let style = colour.on_default().bold();
    let bold = Style::new().bold();
    let message = printable(message);
    format!("{style}{label}{style:#}{bold}: {message}{bold:#}\n")
}

fn hint_line(hint: Option<&str>) -> String {
    let style = AnsiColor::Cyan.on_default().bold();
    hint.map_or_else(String::new, |hint| {
        format!("{style}hint{style:#}: {}\n", printable(hint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_code_causes_and_hint_each_on_its_line() {
        let error = CommandError::new("C001", Exit::Usage, "there is nothing")
            .because("it is gone")
            .hint("look elsewhere");
        let plain = anstream::adapter::strip_str(&error_text(&error)).to_string();
        assert_eq!(
            plain,
            "error[C001]: there is nothing\n   = it is gone\nhint: look elsewhere\n"
        );
    }

    #[test]
    fn the_option_wins_over_the_variables() {
        let variables = |name: &str| -> Variables {
            std::iter::once((name.to_owned(), "1".to_owned())).collect()
        };
        let colours = |colour, name| {
            Output::new(Format::Table, colour, false, &variables(name)).talks_in_colour()
        };
        assert!(colours(Colour::Always, "NO_COLOR"));
        assert!(!colours(Colour::Never, "CLICOLOR_FORCE"));
        assert!(colours(Colour::Auto, "CLICOLOR_FORCE"));
        assert!(!colours(Colour::Auto, "NO_COLOR"));
    }
}
