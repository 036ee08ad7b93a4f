//! The text of a manifest → a [`Manifest`], as a stream.
//!
//! Each node is converted as soon as it was read, so that beside the text and the result only one
//! node is in memory. Sections that say nothing about assets are skipped without being looked at.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::error::{ManifestError, from_json};
use super::finish::Gathered;
use super::node::Manifest;
use super::section::SectionSeed;
use super::wire::Metadata;
use crate::diagnostic::{Diagnostic, Place};

/// The newest schema whose manifests were looked at: dbt 1.8 to 1.12.
const NEWEST_SCHEMA: u32 = 12;
/// The oldest schema that is read: dbt 1.0.
const OLDEST_SCHEMA: u32 = 4;

/// Reads the text of a `manifest.json`.
///
/// A byte order mark of UTF-8 is skipped. What is odd but usable, such as a schema version newer
/// than 12, is in [`Manifest::warnings`].
///
/// # Errors
///
/// Says whether the text is empty, cut, not JSON, no manifest at all, nested without bounds or
/// older than dbt 1.0, with the place.
pub fn read_manifest(file: &Arc<str>, text: &[u8]) -> Result<Manifest, ManifestError> {
    if text.starts_with(&[0xFF, 0xFE]) || text.starts_with(&[0xFE, 0xFF]) {
        return Err(ManifestError::Encoding(Place::start_of(file)));
    }
    let body = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let skipped = text.len() - body.len();
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(ManifestError::Empty(Place::start_of(file)));
    }
    let wrong = |source| from_json(file, text, skipped, source);
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let mut top = Top::default();
    TopSeed(&mut top)
        .deserialize(&mut deserializer)
        .map_err(wrong)?;
    deserializer.end().map_err(wrong)?;
    finish(file, top)
}

/// What the top level of the file holds.
#[derive(Default)]
struct Top<'de> {
    metadata: Option<Metadata<'de>>,
    has_nodes: bool,
    gathered: Gathered,
    /// What the file is where it is no object.
    other: Option<&'static str>,
}

fn finish(file: &Arc<str>, top: Top<'_>) -> Result<Manifest, ManifestError> {
    let place = Place::start_of(file);
    if let Some(found) = top.other {
        let found = found.to_owned();
        return Err(ManifestError::NotAManifest { place, found });
    }
    let metadata = top.metadata.unwrap_or_default();
    let schema = metadata.dbt_schema_version.get();
    let artifact = schema.and_then(artifact_of);
    let schema_version = match (artifact, schema) {
        (Some(("manifest", version)), _) => Some(version),
        (Some((other, _)), _) => {
            let found = format!("a dbt `{other}` file");
            return Err(ManifestError::NotAManifest { place, found });
        }
        (None, _) if !top.has_nodes => {
            let found = "JSON without `nodes`".to_owned();
            return Err(ManifestError::NotAManifest { place, found });
        }
        (None, _) => None,
    };
    if let Some(version) = schema_version.filter(|version| *version < OLDEST_SCHEMA) {
        return Err(ManifestError::TooOld { place, version });
    }
    let own = |text: Option<&str>| text.map(Arc::from);
    Ok(Manifest {
        file: Arc::clone(file),
        schema_version,
        dbt_version: own(metadata.dbt_version.get()),
        project_name: own(metadata.project_name.get()),
        adapter_type: own(metadata.adapter_type.get()),
        generated_at: own(metadata.generated_at.get()),
        warnings: version_warning(place, schema_version, &metadata)
            .into_iter()
            .collect(),
        nodes: top.gathered.finish(),
    })
}

/// `https://schemas.getdbt.com/dbt/manifest/v12.json` → `manifest`, 12.
fn artifact_of(schema: &str) -> Option<(&str, u32)> {
    let (rest, version) = schema.trim_end_matches(".json").rsplit_once("/v")?;
    Some((rest.rsplit('/').next()?, version.parse().ok()?))
}

fn version_warning(
    place: Place,
    version: Option<u32>,
    metadata: &Metadata<'_>,
) -> Option<Diagnostic> {
    let writer = metadata.dbt_version.get().unwrap_or("an unnamed version");
    match version {
        Some(version) if version > NEWEST_SCHEMA => {
            let message = format!(
                "the dbt manifest has schema version {version}, newer than the {NEWEST_SCHEMA} \
                 that is known"
            );
            let help = "compare `headwater ls` with the dbt project; if something is missing, \
                        look for a newer Headwater";
            let note = format!("written by dbt {writer}; it is read as far as it is understood");
            Some(
                Diagnostic::warning("D009", Some(place), message)
                    .note(note)
                    .help(help),
            )
        }
        None => {
            let message = "the dbt manifest does not name its schema version";
            let help = "run `dbt compile` again if the file was made by something else";
            let note = format!("it is read like version {NEWEST_SCHEMA}");
            Some(
                Diagnostic::warning("D010", Some(place), message)
                    .note(note)
                    .help(help),
            )
        }
        Some(_) => None,
    }
}

struct TopSeed<'t, 'de>(&'t mut Top<'de>);

impl<'de> DeserializeSeed<'de> for TopSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TopSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dbt manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(section) = map.next_key::<Cow<'de, str>>()? {
            match &*section {
                "metadata" => self.0.metadata = map.next_value()?,
                "nodes" | "sources" | "exposures" | "metrics" | "semantic_models"
                | "saved_queries" | "functions" | "groups" | "macros" => {
                    self.0.has_nodes |= section == "nodes";
                    map.next_value_seed(SectionSeed(&mut self.0.gathered))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.0.other = Some("a JSON list");
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.0.other = Some("a JSON text");
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.0.other = Some("a JSON number");
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.0.other = Some("a JSON number");
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.0.other = Some("a JSON number");
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.0.other = Some("a JSON boolean");
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.other = Some("a JSON null");
        Ok(())
    }
}
