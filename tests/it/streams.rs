//! Tables that a streaming query writes, with logs and checkpoints as they lie on a disk.

use std::fs;

use serde_json::json;

use crate::lakehouse::Lakehouse;

const ASSETS: &str = "assets:
  - { key: raw.events, kind: source, path: streams/events }
  - key: silver.events
    kind: streaming_table
    path: streams/silver
    depends_on: [raw.events]
    watermark: { checkpoint: streams/checkpoint }
    freshness: { max_event_lag: { limit: 3650d } }
";

fn write(lake: &Lakehouse, name: &str, text: &str) {
    let file = lake.path().join("streams").join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

/// A commit of a table that adds a file; the first one describes the table, too.
fn commit(lake: &Lakehouse, table: &str, version: u64, batch: Option<u64>) {
    let mut lines = Vec::new();
    if version == 0 {
        lines.push(json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 2 } }));
        lines.push(json!({ "metaData": {
            "id": format!("id of {table}"), "partitionColumns": [], "configuration": {},
            "format": { "provider": "parquet" },
            "schemaString": "{\"type\":\"struct\",\"fields\":[]}",
        } }));
    }
    lines.extend(batch.map(|batch| json!({ "txn": { "appId": "q-1", "version": batch } })));
    lines.push(json!({ "add": {
        "path": format!("{version}.parquet"), "partitionValues": {}, "size": 1, "dataChange": true,
        "modificationTime": 1,
    } }));
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let name = format!("{table}/_delta_log/{version:020}.json");
    write(lake, &name, &(lines.join("\n") + "\n"));
}

fn batch(lake: &Lakehouse, number: u64, reads_up_to: u64) {
    let offset = json!({
        "sourceVersion": 1, "reservoirId": "id of events", "reservoirVersion": reads_up_to + 1,
        "index": -1, "isStartingVersion": false,
    });
    let offsets = format!("v1\n{{\"batchWatermarkMs\":0,\"batchTimestampMs\":1}}\n{offset}");
    write(lake, &format!("checkpoint/offsets/{number}"), &offsets);
    let ended = "v1\n{\"nextBatchWatermarkMs\":1767323045000}";
    write(lake, &format!("checkpoint/commits/{number}"), ended);
}

#[test]
fn what_a_streaming_query_read_is_what_its_checkpoint_says() {
    let lake = Lakehouse::built();
    fs::write(lake.path().join("assets/streams.yml"), ASSETS).unwrap();
    for version in 0..3 {
        commit(&lake, "events", version, None);
    }
    write(&lake, "checkpoint/metadata", "{\"id\":\"q-1\"}");
    batch(&lake, 40, 1);
    commit(&lake, "silver", 0, Some(40));
    lake.run("reconcile");
    let incorporated = |lake: &Lakehouse| {
        let explained = lake.json("explain silver.events");
        let link = explained["chain"][0].clone();
        (link["consumed_version"].clone(), link["basis"].clone())
    };
    assert_eq!(incorporated(&lake), (json!(1), json!("checkpoint")));
    let status = lake.json("status silver.events")["assets"][0].take();
    assert_eq!(status["event_watermark"], "2026-01-02T03:04:05Z");
    let seen = lake.json("observe silver.events")["tables"][0].take();
    let expected = json!({
        "batch": 40, "event_watermark": "2026-01-02T03:04:05Z", "problem": null,
    });
    assert_eq!(seen["stream"], expected, "{seen}");

    // The next one is about all of it, and its offsets are lost.
    batch(&lake, 41, 2);
    fs::remove_file(lake.path().join("streams/checkpoint/offsets/41")).unwrap();
    commit(&lake, "silver", 1, Some(41));
    lake.run("reconcile");
    assert_eq!(incorporated(&lake).1, json!("commit_time"));
    let seen = lake.json("observe silver.events")["tables"][0].take();
    let problem =
        "`offsets/41` of its streaming checkpoint tells nothing: it is not there any more";
    assert_eq!(seen["stream"]["problem"], problem);
    assert!(
        seen["warnings"]
            .as_array()
            .unwrap()
            .contains(&json!(problem))
    );
    let status = lake.json("status silver.events")["assets"][0].take();
    assert_eq!(status["health"], "unknown");
}
