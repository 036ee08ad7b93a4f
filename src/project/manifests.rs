//! dbt manifests → their nodes, with what the nodes declare about themselves.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use assets::Diagnostic;
use assets::dbt::{Manifest, NodeType, read_manifest};
use assets::declaration::{Context, DbtProject, DeclaredAsset, Project, parse_headwater_block};
use assets::resolve::DbtInput;

use super::Gathered;
use super::read::{LARGEST_MANIFEST, read_bytes};
use super::run_results;
use super::template::render_path;

/// What a manifest says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Its path, as the project file names it.
    pub path: String,
    /// The integer of `dbt_schema_version`, if it names one.
    pub schema_version: Option<u32>,
    /// The dbt that wrote it.
    pub dbt_version: Option<String>,
    /// When it was written, as it says itself: RFC 3339, UTC.
    pub generated_at: Option<String>,
    /// How many models it has.
    pub models: usize,
    /// How many of them have compiled code.
    pub compiled_models: usize,
}

impl ManifestFile {
    fn of(path: &str, manifest: &Manifest) -> Self {
        let models = manifest
            .nodes
            .iter()
            .filter(|node| node.node_type == NodeType::Model);
        let compiled = models
            .clone()
            .filter(|node| node.dbt.compiled_code.is_some());
        Self {
            path: path.to_owned(),
            schema_version: manifest.schema_version,
            dbt_version: manifest.dbt_version.as_deref().map(str::to_owned),
            generated_at: manifest.generated_at.as_deref().map(str::to_owned),
            models: models.clone().count(),
            compiled_models: compiled.count(),
        }
    }
}

/// Reads the manifest of every dbt project, in file order. One that cannot be read is reported
/// and left out.
pub(super) fn dbt_inputs(
    root: &Path,
    project: &Project,
    context: &Context<'_>,
    gathered: &mut Gathered,
) -> Vec<DbtInput> {
    let mut inputs = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &project.dbt {
        let path = render_path(
            &entry.manifest,
            context,
            &entry.place,
            &mut gathered.diagnostics,
        );
        let Some(name) = path else { continue };
        if let Some(line) = seen.insert(name.clone(), entry.place.line) {
            gathered.diagnostics.push(named_twice(entry, &name, line));
            continue;
        }
        let Some(manifest) = manifest_of(root, entry, &name, gathered) else {
            continue;
        };
        run_results::read_beside(root, entry, &name, gathered);
        let blocks = blocks_of(&manifest, context, &mut gathered.diagnostics);
        inputs.push(DbtInput {
            manifest,
            task: entry.task.clone(),
            place: Some(entry.place.clone()),
            blocks,
        });
    }
    inputs
}

fn manifest_of(
    root: &Path,
    entry: &DbtProject,
    name: &str,
    gathered: &mut Gathered,
) -> Option<Manifest> {
    let path = root.join(name);
    let file: Arc<str> = name.into();
    let bytes = read_bytes(&path, LARGEST_MANIFEST);
    gathered.watched.insert(path);
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => {
            gathered.diagnostics.push(unreadable(entry, name, &error));
            return None;
        }
    };
    match read_manifest(&file, &bytes) {
        Ok(manifest) => {
            let warnings = manifest.warnings.iter().cloned();
            gathered.diagnostics.extend(warnings);
            gathered.manifests.push(ManifestFile::of(name, &manifest));
            Some(manifest)
        }
        Err(error) => {
            gathered.diagnostics.push(error.to_diagnostic());
            None
        }
    }
}

fn blocks_of(
    manifest: &Manifest,
    context: &Context<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<Arc<str>, DeclaredAsset> {
    let mut blocks = BTreeMap::new();
    for node in &manifest.nodes {
        let Some(value) = &node.headwater else {
            continue;
        };
        let unique_id = &node.dbt.unique_id;
        let (block, problems) = parse_headwater_block(&manifest.file, unique_id, value, context);
        diagnostics.extend(problems);
        blocks.extend(block.map(|block| (Arc::clone(unique_id), block)));
    }
    blocks
}

fn unreadable(entry: &DbtProject, name: &str, error: &io::Error) -> Diagnostic {
    let place = Some(entry.place.clone());
    if error.kind() == io::ErrorKind::NotFound {
        let message = format!("the dbt manifest `{name}` is not there");
        let help = "run `dbt compile` in the dbt project, which writes `target/manifest.json`, or \
                    correct the path";
        return Diagnostic::error("L005", place, message).help(help);
    }
    let message = format!("the dbt manifest `{name}` cannot be read");
    Diagnostic::error("L006", place, message)
        .note(error.to_string())
        .help("it has to be a file that this user may read")
}

fn named_twice(entry: &DbtProject, name: &str, line: usize) -> Diagnostic {
    let message = format!("the dbt manifest `{name}` is named twice");
    Diagnostic::error("L009", Some(entry.place.clone()), message)
        .note(format!("the first one is on line {line}"))
        .help("remove one of the two entries under `dbt:`")
}
