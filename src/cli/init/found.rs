//! What lies around: a dbt project, its manifest, a Databricks bundle, a git repository.
//!
//! Everything found is only a proposal: what cannot be read is passed over.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use assets::dbt::read_manifest;
use serde_json::Value;
use walkdir::{DirEntry, WalkDir};

use crate::error::{CommandError, Exit};

/// The file that makes a folder a dbt project.
const DBT_FILE: &str = "dbt_project.yml";
/// Folders in which nobody keeps a dbt project of their own.
const SKIPPED: [&str; 4] = ["target", "node_modules", "dbt_packages", "dbt_modules"];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// A name for the project.
    pub(super) name: String,
    /// The dbt project.
    pub(super) dbt: Option<FoundDbt>,
    /// The targets of the bundle.
    pub(super) targets: Vec<Target>,
    /// The catalog that most dbt nodes live in.
    pub(super) catalog: Option<String>,
    /// Whether the folder belongs to a git repository.
    pub(super) is_in_git: bool,
}

/// A dbt project.
#[derive(Debug)]
pub(super) struct FoundDbt {
    /// Its folder relative to the project, with `/` between and at the end; empty for the same one.
    folder: String,
    /// Its target folder relative to itself.
    target: String,
    /// Whether there is a manifest that can be read.
    pub(super) has_manifest: bool,
    /// Its name in dbt.
    name: Option<String>,
}

impl FoundDbt {
    /// Returns the path of a file in it, relative to the project.
    pub(super) fn path_to(&self, file: &str) -> String {
        format!("{}{file}", self.folder)
    }

    /// Returns the path of its manifest, relative to the project.
    pub(super) fn manifest(&self) -> String {
        self.path_to(&format!("{}/manifest.json", self.target))
    }

    /// Returns its folder for a command line.
    pub(super) fn folder_or_dot(&self) -> &str {
        match self.folder.trim_end_matches('/') {
            "" => ".",
            folder => folder,
        }
    }
}

/// A target of a bundle: what we call an environment.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) host: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) is_default: bool,
}

/// Looks around in the folder of the new project; `dbt` is the dbt project, where it was named.
pub(super) fn look(folder: &Path, dbt: Option<&Path>) -> Result<Found, CommandError> {
    let dbt = match dbt {
        Some(named) if named.join(DBT_FILE).is_file() => Some(named.to_path_buf()),
        Some(named) => return Err(no_dbt_project(named)),
        None => find_dbt(folder),
    };
    let mut found = Found {
        targets: targets_of(&folder.join("databricks.yml")),
        is_in_git: folder
            .ancestors()
            .any(|folder| folder.join(".git").exists()),
        ..Found::default()
    };
    if let Some(dbt) = dbt {
        let (dbt, catalog) = describe_dbt(folder, &dbt);
        found.catalog = catalog;
        found.dbt = Some(dbt);
    }
    let folder_name = folder.canonicalize().ok();
    let folder_name = folder_name.as_deref().and_then(Path::file_name);
    let folder_name = folder_name.map(|name| name.to_string_lossy().into_owned());
    let dbt_name = found.dbt.as_ref().and_then(|dbt| dbt.name.clone());
    found.name = dbt_name
        .or(folder_name)
        .unwrap_or_else(|| "lakehouse".to_owned());
    Ok(found)
}

fn no_dbt_project(folder: &Path) -> CommandError {
    let message = format!("there is no `{DBT_FILE}` in `{}`", folder.display());
    CommandError::new("C011", Exit::Usage, message)
        .hint("name the folder that holds it, or leave out `--dbt`")
}

/// Finds the dbt project that lies highest, and first by name.
fn find_dbt(folder: &Path) -> Option<std::path::PathBuf> {
    let walk = WalkDir::new(folder).max_depth(3).sort_by_file_name();
    let entries = walk.into_iter().filter_entry(is_worth_a_look);
    let projects = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name() == DBT_FILE);
    let highest = projects.min_by_key(DirEntry::depth)?;
    highest.path().parent().map(Path::to_path_buf)
}

fn is_worth_a_look(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    entry.depth() == 0 || !(name.starts_with('.') || SKIPPED.contains(&&*name))
}

fn describe_dbt(folder: &Path, dbt: &Path) -> (FoundDbt, Option<String>) {
    let settings = yaml_of(&dbt.join(DBT_FILE)).unwrap_or_default();
    let plain = |key: &str| {
        let text = settings.get(key).and_then(Value::as_str);
        // A template would have to be rendered as dbt does.
        text.filter(|text| !text.contains("{{")).map(str::to_owned)
    };
    let within = folder.canonicalize().ok().zip(dbt.canonicalize().ok());
    let relative = within.and_then(|(folder, dbt)| {
        let path = dbt.strip_prefix(folder).ok()?;
        let parts = path.iter().map(|part| part.to_string_lossy() + "/");
        Some(parts.collect::<String>())
    });
    let outside = || format!("{}/", dbt.display());
    let mut described = FoundDbt {
        folder: relative.unwrap_or_else(outside),
        target: plain("target-path").unwrap_or_else(|| "target".to_owned()),
        has_manifest: false,
        name: plain("name"),
    };
    let name = described.manifest();
    let bytes = fs::read(folder.join(&name)).ok();
    let manifest = bytes.and_then(|bytes| read_manifest(&name.into(), &bytes).ok());
    described.has_manifest = manifest.is_some();
    let catalog = manifest.and_then(|manifest| most_used_catalog(&manifest.nodes));
    (described, catalog)
}

fn most_used_catalog(nodes: &[assets::dbt::Node]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let relations = nodes.iter().filter_map(|node| node.relation.as_ref());
    for relation in relations {
        if let [catalog, _, _] = relation.parts() {
            *counts.entry(catalog).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(catalog, _)| catalog.to_owned())
}

fn targets_of(bundle: &Path) -> Vec<Target> {
    let Some(settings) = yaml_of(bundle) else {
        return Vec::new();
    };
    let targets = settings.get("targets").and_then(Value::as_object);
    let targets = targets.into_iter().flatten();
    targets
        .map(|(name, target)| target_of(name, target))
        .collect()
}

fn target_of(name: &str, target: &Value) -> Target {
    let workspace = target.get("workspace");
    let plain = |key: &str| {
        let text = workspace?.get(key)?.as_str()?;
        // The bundle's own variables mean nothing here.
        (!text.contains("${")).then(|| text.to_owned())
    };
    let is_default = target.get("default").and_then(Value::as_bool);
    Target {
        name: name.to_owned(),
        host: plain("host").filter(|host| host.starts_with("https://")),
        profile: plain("profile"),
        is_default: is_default.unwrap_or(false),
    }
}

fn yaml_of(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    serde_saphyr::from_str(&text).ok()
}
