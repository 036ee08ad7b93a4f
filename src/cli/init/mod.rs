//! `init`: a project to begin with, written from what lies around.
//!
//! Whatever is there already is never changed, but for two lists that grow by a line: `.dbtignore`
//! and `.gitignore`. What is written passes `headwater validate`.

mod found;
mod texts;
mod write;

use std::path::{Path, PathBuf};

use assets::declaration::{schema_asset, schema_project};
use serde::Serialize;

use self::found::Found;
use self::write::{add_line, create, refresh};
use super::Context;
use super::output::Document;
use crate::error::{CommandError, Exit};
use crate::project::PROJECT_FILE;

/// The first asset file.
const ASSET_FILE: &str = "assets/example.asset.yml";
/// The schemas that the first lines of both files point to.
const PROJECT_SCHEMA: &str = ".headwater/schema/project.schema.json";
const ASSET_SCHEMA: &str = ".headwater/schema/asset.schema.json";

/// Arguments of `init`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater init\n  headwater init --dbt transform\n  \
                  headwater init --project lakehouse"
)]
pub struct InitArgs {
    /// Folder of the dbt project [default: the first one found at most two folders down]
    #[arg(long, value_name = "DIR")]
    pub dbt: Option<PathBuf>,
}

/// What `init` has done, for programs.
#[derive(Serialize)]
struct Begun {
    folder: String,
    files: Vec<Touched>,
    next: Vec<String>,
}

#[derive(Serialize)]
struct Touched {
    file: String,
    action: &'static str,
}

impl Document for Begun {
    const KIND: &'static str = "Init";
    type Item = Touched;

    fn items(&self) -> Option<&[Touched]> {
        Some(&self.files)
    }
}

pub(super) fn run(context: &Context, args: &InitArgs) -> Result<Exit, CommandError> {
    let folder = match &context.project {
        Some(project) => context.directory.join(project),
        None => context.directory.clone(),
    };
    for file in [PROJECT_FILE, ASSET_FILE] {
        refuse_existing(&folder, file)?;
    }
    let dbt = args.dbt.as_ref().map(|dbt| context.directory.join(dbt));
    let found = found::look(&folder, dbt.as_deref())?;
    let begun = Begun {
        files: write_all(&folder, &found)?,
        next: next_steps(context, &found),
        folder: folder.display().to_string(),
    };
    context.output.emit(&begun, || text(&begun))?;
    Ok(Exit::Done)
}

fn refuse_existing(folder: &Path, file: &str) -> Result<(), CommandError> {
    // A link to nothing counts, too: writing would go through it.
    if folder.join(file).symlink_metadata().is_err() {
        return Ok(());
    }
    let message = format!("`{file}` is there already, and `init` never overwrites");
    Err(CommandError::new("C007", Exit::Usage, message)
        .hint("move it away, or check it with `headwater validate`"))
}

fn write_all(folder: &Path, found: &Found) -> Result<Vec<Touched>, CommandError> {
    refresh(folder, PROJECT_SCHEMA, &pretty(&schema_project()))?;
    refresh(folder, ASSET_SCHEMA, &pretty(&schema_asset()))?;
    create(folder, ASSET_FILE, &texts::asset_file(found))?;
    create(folder, PROJECT_FILE, &texts::project_file(found))?;
    let written = [PROJECT_FILE, ASSET_FILE, PROJECT_SCHEMA, ASSET_SCHEMA];
    let mut touched: Vec<Touched> = written
        .into_iter()
        .map(|file| touched(file, "written"))
        .collect();
    if let Some(dbt) = &found.dbt {
        let file = dbt.path_to(".dbtignore");
        if add_line(folder, &file, "*.asset.yml")? {
            touched.push(self::touched(&file, "extended"));
        }
    }
    if found.is_in_git && add_line(folder, ".gitignore", ".headwater/")? {
        touched.push(self::touched(".gitignore", "extended"));
    }
    Ok(touched)
}

fn touched(file: &str, action: &'static str) -> Touched {
    Touched {
        file: file.to_owned(),
        action,
    }
}

fn pretty(schema: &serde_json::Value) -> String {
    format!("{schema:#}\n")
}

fn next_steps(context: &Context, found: &Found) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(dbt) = found.dbt.as_ref().filter(|dbt| !dbt.has_manifest) {
        let compile = format!("dbt compile --project-dir {}", dbt.folder_or_dot());
        steps.push(compile);
        steps.push(format!("uncomment `dbt:` in {PROJECT_FILE}"));
    }
    steps.push(match &context.project {
        Some(project) => format!("headwater validate --project {}", project.display()),
        None => "headwater validate".to_owned(),
    });
    steps
}

fn text(begun: &Begun) -> String {
    let files = begun.files.iter();
    let mut lines: Vec<String> = files
        .map(|touched| format!("{} {}", touched.action, touched.file))
        .collect();
    lines.extend([String::new(), "Next:".to_owned()]);
    lines.extend(begun.next.iter().map(|step| format!("  {step}")));
    lines.join("\n") + "\n"
}
