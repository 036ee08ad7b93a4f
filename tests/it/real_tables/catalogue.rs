//! The catalogue as the generator left it, and projects that declare its tables.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::folder;

/// What depends on the times of files, which a copy of this repository does not keep.
const OF_FILE_TIMES: [&str; 3] = ["clocks_disagree", "data_changed_at", "time"];

/// Tables in a folder, and what has to be said of each.
pub(super) struct Catalogue {
    folder: PathBuf,
    expected: Value,
    knows_times: bool,
}

impl Catalogue {
    /// The whole catalogue; `None` where it could not be written. `the_catalogue_of_tables_is_there`
    /// notes that once for all.
    pub(super) fn generated() -> Option<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tables");
        let text = fs::read_to_string(folder.join("expected.json")).ok()?;
        Some(Self {
            folder,
            expected: serde_json::from_str(&text).unwrap(),
            knows_times: true,
        })
    }

    /// The tables that are kept in the repository.
    pub(super) fn kept() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tables/small");
        let text = fs::read_to_string(folder.join("expected.json")).unwrap();
        Self {
            folder,
            expected: serde_json::from_str(&text).unwrap(),
            knows_times: false,
        }
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &Value> {
        list(&self.expected, "tables").iter()
    }

    pub(super) fn stories(&self) -> impl Iterator<Item = &Value> {
        list(&self.expected, "stories").iter()
    }

    pub(super) fn rules(&self) -> BTreeSet<&str> {
        let rules = self.expected["rules"].as_object().unwrap();
        rules.keys().map(String::as_str).collect()
    }

    pub(super) fn family(&self, family: &str) -> Vec<&Value> {
        let all = self.tables();
        all.filter(|table| table["family"] == family).collect()
    }

    /// Where a table, or a state of one, lies.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Leaves out what cannot be known of these files.
    pub(super) fn known(&self, expected: &Value) -> Value {
        let mut known = expected.clone();
        if !self.knows_times {
            let fields = known.as_object_mut().unwrap();
            fields.retain(|field, _| !OF_FILE_TIMES.contains(&field.as_str()));
        }
        known
    }

    /// Makes a project with an asset for each of these tables.
    pub(super) fn project(&self, tables: &[&Value]) -> TempDir {
        let assets = tables.iter().map(|table| {
            (
                asset(table),
                self.place(name_of(table)),
                &table["watermark"],
            )
        });
        project(assets)
    }
}

/// Makes a project with these assets: key, place, and the column of event time.
pub(super) fn project<'a>(
    assets: impl IntoIterator<Item = (String, PathBuf, &'a Value)>,
) -> TempDir {
    let mut text = String::from("assets:\n");
    for (key, place, watermark) in assets {
        let path = json!(place.to_str().unwrap());
        writeln!(text, "  - key: {key}\n    kind: source\n    path: {path}").unwrap();
        if let Some(column) = watermark.as_str() {
            writeln!(text, "    watermark: {{ column: {column} }}").unwrap();
        }
    }
    let project = "version: 1\nname: tables\nenvironments: { dev: {} }\n\
                   default_environment: dev\nassets: [assets.yml]\n";
    folder(&[("headwater.yml", project), ("assets.yml", &text)])
}

/// The key of the asset that stands for a table.
pub(super) fn asset(table: &Value) -> String {
    format!("tables.{}", name_of(table).replace('/', "."))
}

pub(super) fn name_of(table: &Value) -> &str {
    text(table, "name")
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    let found = value[field].as_str();
    found.unwrap_or_else(|| panic!("no text `{field}` in {value}"))
}

pub(super) fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    let found = value[field].as_array();
    found.unwrap_or_else(|| panic!("no list `{field}` in {value}"))
}
