//! A pattern → the files of the project that it matches, in order.
//!
//! Links are followed within the project. One that leads out of it is refused: what is planned
//! must not depend on files that the project does not hold.

use std::path::{Path, PathBuf};

use assets::{Diagnostic, Place};
use walkdir::{DirEntry, WalkDir};

use super::patterns::Pattern;

/// Finds the files; `root` is the project's folder without links in it, `place` is the pattern's.
pub(super) fn files_of(
    root: &Path,
    pattern: &Pattern,
    place: &Place,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<PathBuf> {
    let base = root.join(&pattern.base);
    if !base.is_dir() {
        return Vec::new();
    }
    if leads_out(root, &base) {
        diagnostics.push(leads_out_of(&slashed(&pattern.base), place));
        return Vec::new();
    }
    let mut files = Vec::new();
    let mut walk = WalkDir::new(&base)
        .follow_links(true)
        .min_depth(1)
        .max_depth(pattern.depth)
        .sort_by_file_name()
        .into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let problem = unreadable(root, pattern, &error);
                diagnostics.extend(problem.map(|(message, why)| {
                    Diagnostic::error("L008", Some(place.clone()), message).note(why)
                }));
                continue;
            }
        };
        let path = relative(root, entry.path());
        let is_folder = entry.file_type().is_dir();
        let concerns = if is_folder {
            !is_skipped(pattern, &entry)
        } else {
            pattern.matches(&path)
        };
        let is_refused = concerns && entry.path_is_symlink() && leads_out(root, entry.path());
        if is_refused {
            diagnostics.push(leads_out_of(&path, place));
        }
        match (is_folder, concerns && !is_refused) {
            (true, false) => walk.skip_current_dir(),
            (false, true) => files.push(entry.into_path()),
            (true, true) | (false, false) => {}
        }
    }
    files
}

fn is_skipped(pattern: &Pattern, entry: &DirEntry) -> bool {
    let name = entry.file_name().to_str();
    name.is_some_and(|name| pattern.skips(name))
}

fn leads_out(root: &Path, path: &Path) -> bool {
    let target = path.canonicalize();
    target.is_ok_and(|target| !target.starts_with(root))
}

/// Returns a path relative to the project with `/` between, as messages and patterns spell it.
pub(super) fn relative(root: &Path, path: &Path) -> String {
    slashed(path.strip_prefix(root).unwrap_or(path))
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn leads_out_of(path: &str, place: &Place) -> Diagnostic {
    let message = format!("the link `{path}` leads out of the project and is not followed");
    Diagnostic::error("L004", Some(place.clone()), message)
        .help("put the files into the project, or change the pattern under `assets:`")
}

/// Says what could not be looked at, and why. A link to nothing counts only where the pattern
/// means it.
fn unreadable(root: &Path, pattern: &Pattern, error: &walkdir::Error) -> Option<(String, String)> {
    let path = relative(root, error.path()?);
    let (is_gone, why) = match error.io_error() {
        Some(error) => (
            error.kind() == std::io::ErrorKind::NotFound,
            error.to_string(),
        ),
        None => (false, "a link leads back to a folder above it".to_owned()),
    };
    if is_gone && !pattern.matches(&path) {
        return None;
    }
    let message = format!("`{path}` cannot be read while looking for asset files");
    Some((message, why))
}
