//! Asset files → what they declare.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use assets::declaration::{Context, DeclaredAsset, Project, parse_asset_file};
use assets::{Diagnostic, Place};

use super::Gathered;
use super::find::PROJECT_FILE;
use super::patterns::Pattern;
use super::read::read_text;
use super::walk::{files_of, relative};

/// Reads every file that a pattern of the project matches, in the order of their paths.
pub(super) fn declared_assets(
    root: &Path,
    project: &Project,
    context: &Context<'_>,
    gathered: &mut Gathered,
) -> Vec<DeclaredAsset> {
    // Without links in it, so that what lies below can be compared with it.
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let mut files = BTreeSet::new();
    for text in &project.asset_files {
        files.extend(matched(&root, text, gathered));
    }
    let mut declared = Vec::new();
    for path in files {
        let file: Arc<str> = relative(&root, &path).into();
        match read_text(&path) {
            Ok(text) => {
                let (assets, diagnostics) = parse_asset_file(&file, &text, context);
                declared.extend(assets);
                gathered.diagnostics.extend(diagnostics);
                gathered.sources.insert(&file, text);
            }
            Err(error) => gathered.diagnostics.push(unreadable(&file, &error)),
        }
        gathered.watched.insert(path);
    }
    declared
}

fn matched(root: &Path, text: &str, gathered: &mut Gathered) -> Vec<PathBuf> {
    let place = gathered.sources.place_of(PROJECT_FILE, text);
    let pattern = match Pattern::parse(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            let message = format!("the pattern `{text}` under `assets:` cannot be used: {error}");
            let help = "write it relative to the project: `assets/**/*.yml`";
            let problem = Diagnostic::error("L002", Some(place), message).help(help);
            gathered.diagnostics.push(problem);
            return Vec::new();
        }
    };
    gathered.watched.insert(root.join(&pattern.base));
    let problems = gathered.diagnostics.len();
    let mut files = files_of(root, &pattern, &place, &mut gathered.diagnostics);
    files.retain(|path| *path != root.join(PROJECT_FILE));
    if files.is_empty() && gathered.diagnostics.len() == problems {
        let message = format!("the pattern `{text}` under `assets:` matches no file");
        let help = "correct it, or leave it out until there are such files";
        let problem = Diagnostic::warning("L003", Some(place), message).help(help);
        gathered.diagnostics.push(problem);
    }
    files
}

fn unreadable(file: &Arc<str>, error: &std::io::Error) -> Diagnostic {
    let message = format!("`{file}` cannot be read");
    Diagnostic::error("L001", Some(Place::start_of(file)), message)
        .note(error.to_string())
        .help("it has to be a UTF-8 text that this user may read")
}
