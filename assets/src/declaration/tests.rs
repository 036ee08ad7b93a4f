//! Whole files: the fixtures in `fixtures/declarations`, the pages in `docs`, and laws.

mod documents;
mod golden;
mod hostile;
mod laws;

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use crate::diagnostic::{Diagnostic, Severity};

use crate::schedule::{Calendar, Calendars};

use super::{Context, DeclaredAsset, parse_asset_file, parse_project};

/// A value that must never be shown.
const SECRET: &str = "hunter2 hunter2";

/// What asset files may name: `de`, without holidays.
static CALENDARS: LazyLock<Calendars> = LazyLock::new(|| {
    let mut de = Calendars::new();
    de.insert("de".to_owned(), Arc::new(Calendar::weekdays()));
    de
});

fn variables(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some(SECRET.to_owned()),
        "KEY" => Some("from.variable".to_owned()),
        "NUMBER" => Some("2".to_owned()),
        _ => None,
    }
}

fn context() -> Context<'static> {
    Context {
        environment: "dev",
        catalog: Some("main"),
        variables: &variables,
        calendars: &CALENDARS,
    }
}

fn assets(text: &str) -> (Vec<DeclaredAsset>, Vec<Diagnostic>) {
    parse_asset_file(&Arc::from("a.yml"), text, &context())
}

/// Reads a project file or an asset file, by its name.
fn problems_of(name: &str, text: &str) -> Vec<Diagnostic> {
    let file: Arc<str> = Arc::from(name);
    if name.starts_with("project") || name == "headwater.yml" {
        parse_project(&file, text, None, &variables).1
    } else {
        parse_asset_file(&file, text, &context()).1
    }
}

fn render(diagnostics: &[Diagnostic]) -> String {
    let lines = diagnostics.iter().map(|diagnostic| {
        let place = diagnostic.place.as_ref().unwrap();
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut line = format!(
            "{}:{}:{}: {severity}[{}] {}",
            place.file, place.line, place.column, diagnostic.code, diagnostic.message
        );
        if let Some(help) = &diagnostic.help {
            line = format!("{line} ({help})");
        }
        for note in &diagnostic.notes {
            line = format!("{line}\n    {note}");
        }
        line
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn fixtures(kind: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/declarations")
        .join(kind);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}
