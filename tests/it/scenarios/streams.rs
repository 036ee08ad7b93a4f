//! Streaming queries of a story: each micro-batch writes its table, and the files of its checkpoint.
//!
//! The checkpoint of the query that writes a table is the folder `checkpoints/KEY`.

use assets::delta::reading::Progress;
use assets::{AssetKey, streaming};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::lake::Lake;
use super::story::Batch;

impl Lake {
    /// A micro-batch ends: its table names it, and its checkpoint says what it read.
    pub(super) fn batch(
        &mut self,
        batch: &Batch,
        (at, until): (DateTime<Utc>, Option<DateTime<Utc>>),
    ) {
        let query = format!("the query of {}", batch.asset);
        let sources = batch.read.iter();
        let sources: Vec<String> = sources.map(|read| self.offset(read)).collect();
        let mut write = |name: &str, text: String| {
            let path = format!("checkpoints/{}/{name}", batch.asset);
            self.checkpoints.insert(path, text);
        };
        write(streaming::QUERY_FILE, json!({ "id": query }).to_string());
        let offsets = format!("v1\n{{\"batchWatermarkMs\":0}}\n{}", sources.join("\n"));
        write(&streaming::offsets_file(batch.number), offsets);
        let watermark =
            json!({ "nextBatchWatermarkMs": until.map_or(0, |at| at.timestamp_millis()) });
        write(
            &streaming::commit_file(batch.number),
            format!("v1\n{watermark}"),
        );
        let log = self.log(&batch.asset);
        let version = i64::try_from(batch.number).unwrap();
        let commit = log.commit(at, batch.changed_data);
        commit.operation = Some("STREAMING UPDATE".to_owned());
        commit.transactions.insert(query.clone(), version);
        let progress = Progress {
            version,
            commit: Some(commit.version),
            at: Some(at),
        };
        log.applications.insert(query, progress);
    }

    /// How far a table was read, in the words of Delta's streaming source.
    fn offset(&mut self, (key, version, is_part): &(AssetKey, u64, bool)) -> String {
        let (version, index) = if *is_part {
            (*version, 0)
        } else {
            (version + 1, -1)
        };
        let offset = json!({
            "sourceVersion": 1,
            "reservoirId": self.log(key).table_id,
            "reservoirVersion": version,
            "index": index,
            "isStartingVersion": false,
        });
        offset.to_string()
    }
}
