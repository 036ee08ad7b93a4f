//! `schema`: the JSON Schema of what people write, for editors.

use assets::declaration::{schema_asset, schema_project};

use super::Context;
use super::arguments::SchemaOf;
use crate::error::{CommandError, Exit};

/// Arguments of `schema`.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(
    after_help = "Examples:\n  headwater schema asset > .headwater/schema/asset.schema.json\n  \
                  headwater schema project"
)]
pub struct SchemaArgs {
    /// What the schema describes
    #[arg(value_enum, value_name = "FILE")]
    pub of: SchemaOf,
}

pub(super) fn run(context: &Context, args: SchemaArgs) -> Result<Exit, CommandError> {
    let schema = match args.of {
        SchemaOf::Asset => schema_asset(),
        SchemaOf::Project => schema_project(),
    };
    context.output.whole(&schema)?;
    Ok(Exit::Done)
}
