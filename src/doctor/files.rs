//! Checks of what lies on this machine: the program, the project, the files it is made of.

use std::os::unix::fs::PermissionsExt;

use assets::Diagnostic;
use chrono::{DateTime, Utc};

use super::check::{Check, ago};
use crate::config::Variables;
use crate::databricks::config_file_path;
use crate::project::{Loaded, ManifestFile};
use crate::store;

/// The bits of a file's mode by which others than its owner may read or change it.
const OTHERS: u32 = 0o077;

pub(super) fn program() -> Check {
    let found = format!(
        "headwater {}, SQLite {}",
        env!("CARGO_PKG_VERSION"),
        store::sqlite_version()
    );
    Check::ok("program", found)
}

pub(super) fn project(loaded: &Loaded) -> Check {
    let place = format!("`{}` in {}", loaded.project.name, loaded.root.display());
    let (errors, warnings): (Vec<_>, Vec<_>) = loaded
        .diagnostics
        .iter()
        .partition::<Vec<&Diagnostic>, _>(|found| found.is_error());
    let help = "`headwater validate` shows all of them with their places";
    match (errors.first(), warnings.first()) {
        (Some(first), _) => {
            let found = format!(
                "{place} has {} and {}, first: {}",
                counted(errors.len(), "error"),
                counted(warnings.len(), "warning"),
                first.message
            );
            Check::error("project", found, help)
        }
        (None, Some(first)) => {
            let count = counted(warnings.len(), "warning");
            let found = format!("{place} has {count}, first: {}", first.message);
            Check::warning("project", found, help)
        }
        (None, None) => {
            let assets = loaded.graph.as_ref().map_or(0, lineage::AssetGraph::len);
            let (assets, tasks) = (
                counted(assets, "asset"),
                counted(loaded.tasks.len(), "task"),
            );
            Check::ok("project", format!("{place} has {assets} and {tasks}"))
        }
    }
}

pub(super) fn environment(loaded: &Loaded, asked: Option<&str>) -> Check {
    let why = match asked {
        Some(_) => "as asked for",
        None => "the project's default",
    };
    let catalog = loaded.environment.catalog.as_deref().map_or_else(
        || "no catalog of its own".to_owned(),
        |catalog| format!("catalog `{catalog}`"),
    );
    let found = format!("`{}` ({why}), {catalog}", loaded.environment_name);
    Check::ok("environment", found)
}

/// Those that cannot be read are errors of the project.
pub(super) fn manifests(loaded: &Loaded, now: DateTime<Utc>) -> Vec<Check> {
    let manifests = loaded.manifests.iter();
    manifests
        .map(|manifest| of_manifest(manifest, now))
        .collect()
}

fn of_manifest(manifest: &ManifestFile, now: DateTime<Utc>) -> Check {
    let schema = manifest
        .schema_version
        .map_or_else(|| "?".to_owned(), |version| version.to_string());
    let written = manifest.generated_at.as_deref().map(|text| {
        let at = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
        at.map_or_else(|_| text.to_owned(), |at| ago(at, now))
    });
    let found = format!(
        "written {} by dbt {}, schema {schema}, {} of {} with compiled code",
        written.as_deref().unwrap_or("at an unknown time"),
        manifest.dbt_version.as_deref().unwrap_or("?"),
        manifest.compiled_models,
        counted(manifest.models, "model")
    );
    let check = if manifest.compiled_models < manifest.models {
        let help = "write it with `dbt compile` or `dbt build`: without compiled code \
                    changed macros go unnoticed";
        Check::warning("dbt_manifest", found, help)
    } else {
        Check::ok("dbt_manifest", found)
    };
    check.about(&manifest.path)
}

/// The vendor's configuration file holds secrets.
pub(super) fn config_file(variables: &Variables) -> Check {
    let name = "config_file";
    let Some(path) = config_file_path(variables.all()) else {
        return Check::skipped(name, "no home directory is known to look for it");
    };
    let shown = path.display();
    let Ok(metadata) = std::fs::metadata(&path) else {
        return Check::skipped(name, format!("there is no {shown}"));
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS == 0 {
        return Check::ok(
            name,
            format!("{shown} belongs to its owner alone ({mode:o})"),
        );
    }
    let found = format!("{shown} holds secrets, and others may read or change it ({mode:o})");
    Check::warning(name, found, format!("chmod 600 {shown}"))
}

/// Returns `1 error`, `2 errors`.
fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_manifest_tells_age_and_missing_code() {
        let manifest = ManifestFile {
            path: "target/manifest.json".to_owned(),
            schema_version: Some(12),
            dbt_version: Some("1.11.2".to_owned()),
            generated_at: Some("1970-01-01T00:00:00Z".to_owned()),
            models: 2,
            compiled_models: 2,
        };
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(3);
        let whole = of_manifest(&manifest, now);
        let found = "written 3 h ago by dbt 1.11.2, schema 12, 2 of 2 models with compiled code";
        assert_eq!((whole.status, whole.found.as_str()), (Status::Ok, found));
        let parsed = ManifestFile {
            compiled_models: 1,
            ..manifest
        };
        assert_eq!(of_manifest(&parsed, now).status, Status::Warning);
    }

    #[test]
    fn a_file_with_secrets_is_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let variables: Variables = std::iter::once((
            "DATABRICKS_CONFIG_FILE".to_owned(),
            path.display().to_string(),
        ))
        .collect();
        assert_eq!(config_file(&variables).status, Status::Skipped);
        std::fs::write(&path, "[DEFAULT]\n").unwrap();
        for (mode, status) in [
            (0o600, Status::Ok),
            (0o400, Status::Ok),
            (0o640, Status::Warning),
            (0o602, Status::Warning),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(config_file(&variables).status, status, "{mode:o}");
        }
    }
}
