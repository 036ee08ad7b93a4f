//! The results of dbt's last invocation, which it writes beside its manifest.

use std::io::ErrorKind;
use std::path::Path;

use assets::Diagnostic;
use assets::dbt::read_run_results;
use assets::declaration::DbtProject;

use super::Gathered;
use super::read::{LARGEST_MANIFEST, read_bytes};

const FILE: &str = "run_results.json";

/// Takes what dbt told of its tests, if there is such a file. One that cannot be read is a warning: tests
/// stay without a result, and hold nothing back.
pub(super) fn read_beside(
    root: &Path,
    entry: &DbtProject,
    manifest: &str,
    gathered: &mut Gathered,
) {
    let path = root.join(manifest).with_file_name(FILE);
    let bytes = read_bytes(&path, LARGEST_MANIFEST);
    let name = Path::new(manifest).with_file_name(FILE);
    gathered.watched.insert(path);
    let problem = match bytes {
        Ok(bytes) => match read_run_results(&bytes) {
            Ok(results) => {
                for told in results {
                    let known = gathered.tests.get(&told.unique_id);
                    if known.is_none_or(|known| known.at < told.at) {
                        gathered.tests.insert(told.unique_id.clone(), told);
                    }
                }
                return;
            }
            Err(error) => error.to_string(),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => error.to_string(),
    };
    let message = format!(
        "what dbt told of its tests cannot be read: `{}`",
        name.display()
    );
    let warning = Diagnostic::warning("L011", Some(entry.place.clone()), message);
    gathered.diagnostics.push(
        warning
            .note(problem)
            .help("its tests count as not run; run dbt again, or remove the file"),
    );
}
