//! Where the project lies: the nearest folder with a `headwater.yml`.

use std::path::{Path, PathBuf};

use super::ProjectError;

/// The name of the project file.
pub const PROJECT_FILE: &str = "headwater.yml";

/// Returns the folder that was named, or the nearest one at or above `start`, that has the file.
///
/// Instead of a folder, its project file may be named.
pub(super) fn project_root(start: &Path, named: Option<&Path>) -> Result<PathBuf, ProjectError> {
    if let Some(named) = named {
        let named = start.join(named);
        let folder = match named.parent() {
            Some(parent) if named.ends_with(PROJECT_FILE) => parent.to_path_buf(),
            _ => named,
        };
        if folder.join(PROJECT_FILE).is_file() {
            return Ok(folder);
        }
        return Err(ProjectError::NotInFolder { folder });
    }
    let mut folders = start.ancestors();
    let found = folders.find(|folder| folder.join(PROJECT_FILE).is_file());
    found
        .map(Path::to_path_buf)
        .ok_or_else(|| ProjectError::NotFound {
            start: start.to_path_buf(),
        })
}
