//! `Reading`: how one look at one table came about, request by request.

use assets::AssetKey;
use assets::delta::history::LogCall;
use assets::delta::{Continuity, Reading};
use serde_json::{Value, json};

use super::{document, instant};

/// Makes the document of `headwater observe --explain`.
pub fn reading_document(
    (asset, place): (&AssetKey, &str),
    known_version: Option<u64>,
    calls: &[LogCall],
    reading: &Reading,
) -> Value {
    let requests = calls.iter().map(|call| {
        json!({
            "verb": call.verb,
            "name": call.name,
            "answer": call.answer,
            "bytes": call.bytes,
            "took_us": u64::try_from(call.took.as_micros()).unwrap_or(u64::MAX),
        })
    });
    let fields = json!({
        "asset": asset,
        "place": place,
        "known_version": known_version,
        "requests": requests.collect::<Vec<_>>(),
        "conclusions": conclusions(known_version, reading),
    });
    document("Reading", fields)
}

/// Says what a reading concluded, one sentence each.
fn conclusions(known_version: Option<u64>, reading: &Reading) -> Vec<String> {
    let mut said = Vec::new();
    match known_version {
        Some(version) => said.push(format!("v{version} was known")),
        None => said.push("nothing was known".to_owned()),
    }
    match reading {
        Reading::Unchanged => said.push("nothing is new".to_owned()),
        Reading::Absent => said.push("there is no log, or none of its files".to_owned()),
        Reading::Unknown(reason) => said.push(format!("unknown: {reason}")),
        Reading::Read(update) => {
            let head = &update.head;
            said.push(format!(
                "read up to v{} of {} ({})",
                head.version,
                head.table_id,
                instant(head.last_committed_at)
            ));
            said.push(followed(&update.continuity));
            said.push(match &head.data {
                Some(data) => format!(
                    "data changed last at v{} ({})",
                    data.version,
                    instant(data.at)
                ),
                None if head.read_from == 0 => "no commit ever changed data".to_owned(),
                None => format!("data changed last before v{}", head.read_from),
            });
            said.push(match &head.details.contents {
                Some(contents) => format!(
                    "{} files, {} rows",
                    contents.files,
                    contents
                        .rows
                        .map_or("unknown".to_owned(), |rows| rows.to_string())
                ),
                None => "its files were not counted".to_owned(),
            });
            if head.details.clocks_disagree {
                said.push("commit time and writer's clock are more than 5 min apart".to_owned());
            }
            if let Some(reason) = &update.trailing {
                said.push(format!("what comes after does not count: {reason}"));
            }
        }
    }
    said
}

fn followed(continuity: &Continuity) -> String {
    match continuity {
        Continuity::Cold => "read from nothing".to_owned(),
        Continuity::Continues => "every commit since was read".to_owned(),
        Continuity::Replaced => "the table was replaced by one of its commits".to_owned(),
        Continuity::Recreated => "another log stands there: what was recorded is void".to_owned(),
        Continuity::Gap { lost_from, lost_to } => {
            format!("v{lost_from} to v{lost_to} were cleaned away before they were read")
        }
    }
}
