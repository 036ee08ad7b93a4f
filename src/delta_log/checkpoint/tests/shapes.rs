//! How checkpoints are cut into files, and how writers name and encode what is in them.

use std::fmt::Write as _;

use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterVersion;

use super::*;

/// Three files, the table, and two applications.
fn rows() -> Vec<Value> {
    let mut rows = vec![
        file("a", Some("1"), 5),
        json!({ "txn": { "appId": "q", "version": 9, "lastUpdated": 17 } }),
        file("b", None, 6),
        json!({ "remove": { "path": "old", "deletionTimestamp": 3 } }),
        json!({ "txn": { "appId": "r", "version": -1 } }),
    ];
    rows.extend(table());
    let mut with_vector = file("c%20d", Some("__HIVE_DEFAULT_PARTITION__"), 9);
    with_vector["add"]["deletionVector"] = json!({
        "storageType": "u", "pathOrInlineDv": "xyz", "offset": 4, "sizeInBytes": 1, "cardinality": 2,
    });
    rows.push(with_vector);
    rows
}

fn assert_all(seen: &Seen) {
    assert_eq!(seen.paths(), ["a", "b", "c%20d"]);
    let [a, b, c] = &seen.files[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((a.rows, b.rows, c.rows), (Some(5), Some(6), Some(7)));
    assert_eq!(
        (a.size, c.vector.clone()),
        (Some(10), Some(("uxyz".to_owned(), Some(4), Some(2))))
    );
    let hive = Some("__HIVE_DEFAULT_PARTITION__");
    assert_eq!(
        seen.partitions(),
        [[("p", Some("1"))], [("p", None)], [("p", hive)]]
    );
    assert_table(seen);
    let progress = |id: &str, version, last_updated| TransactionAction {
        app_id: id.to_owned(),
        version,
        last_updated,
    };
    let expected = [progress("q", 9, Some(17)), progress("r", -1, None)];
    assert_eq!(seen.transactions, expected);
}

fn assert_table(seen: &Seen) {
    let metadata = seen.metadata.as_ref().unwrap();
    assert_eq!(metadata.id, "t");
    assert_eq!(metadata.schema_string.as_deref(), Some("{}"));
    assert_eq!(metadata.partition_columns, Some(vec!["p".to_owned()]));
    let configuration = json!(metadata.configuration);
    assert_eq!(
        configuration,
        json!({ "delta.appendOnly": "true", "odd": null })
    );
    let protocol = seen.protocol.as_ref().unwrap();
    let versions = (protocol.min_reader_version, protocol.min_writer_version);
    assert_eq!(versions, (3, 7));
    assert_eq!(
        protocol.reader_features,
        Some(vec!["v2Checkpoint".to_owned()])
    );
    assert_eq!(protocol.writer_features, Some(Vec::new()));
}

#[test]
fn a_checkpoint_in_one_file_tells_everything() {
    let bytes = written(SPARK, &rows(), plainly());
    assert_all(&see_one(bytes, FILES).unwrap());
}

#[test]
fn every_codec_page_and_encoding_is_read() {
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4_RAW,
        Compression::LZ4,
        Compression::BROTLI(BrotliLevel::default()),
    ];
    for codec in codecs {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for has_dictionary in [true, false] {
                let properties = WriterProperties::builder()
                    .set_compression(codec)
                    .set_writer_version(version)
                    .set_dictionary_enabled(has_dictionary);
                let bytes = written(SPARK, &rows(), (3, properties));
                assert_all(&see_one(bytes, FILES).unwrap());
            }
        }
    }
}

#[test]
fn rows_in_groups_pages_and_batches_are_each_read_once() {
    let many: Vec<Value> = (0..9_000_u64)
        .map(|n| match n % 1_000 {
            7 => json!({ "txn": { "appId": format!("q{n}"), "version": n } }),
            _ => file(&format!("f{n}"), Some(&(n % 3).to_string()), n),
        })
        .collect();
    for (group, page) in [
        (1, 20_000),
        (4_096, 20_000),
        (4_097, 100),
        (5_000, 4_096),
        (20_000, 7),
    ] {
        let few = if group == 1 { &many[..50] } else { &many[..] };
        let properties = WriterProperties::builder()
            .set_data_page_row_count_limit(page)
            .set_write_batch_size(page.min(64));
        let bytes = written(SPARK, few, (group, properties));
        let seen = see_one(bytes, FILES).unwrap();
        let expected = few.iter().filter(|row| row.get("add").is_some());
        let expected: Vec<&str> = expected
            .map(|r| r["add"]["path"].as_str().unwrap())
            .collect();
        assert_eq!(seen.paths(), expected, "groups of {group}");
        for (at, file) in seen.files.iter().enumerate() {
            let number: u64 = expected[at][1..].parse().unwrap();
            assert_eq!(file.rows, Some(number));
            assert_eq!(
                file.partition,
                [("p".to_owned(), Some((number % 3).to_string()))]
            );
        }
    }
}

#[test]
fn parts_are_read_together_and_a_part_that_is_missing_breaks_the_whole() {
    let rows = rows();
    let part = |rows: &[Value]| written(SPARK, rows, plainly());
    let store = Kept::with([("1", part(&rows[..2])), ("2", part(&rows[2..]))]);
    assert_all(&see(&store, &["1", "2"], FILES).unwrap());
    assert_broken(see(&store, &["1", "2", "3"], FILES), "`3`: it is not there");
}

/// What a v2 checkpoint says of sidecars.
fn sidecar(path: &str) -> Value {
    json!({ "sidecar": { "path": path, "sizeInBytes": 1, "modificationTime": 1 } })
}

/// The same rows as the lines that a log has.
fn lines() -> Vec<u8> {
    let mut lines = String::from("{\"checkpointMetadata\":{\"version\":7}}\n");
    let stats = |rows| format!("{{\"numRecords\":{rows}}}");
    let add = |path: &str, partition: Value, rows: u64| {
        json!({ "add": {
            "path": path, "partitionValues": { "p": partition }, "size": 10,
            "modificationTime": 1, "dataChange": false, "stats": stats(rows),
        }})
    };
    let mut with_vector = add("c%20d", json!("__HIVE_DEFAULT_PARTITION__"), 9);
    with_vector["add"]["deletionVector"] = json!({
        "storageType": "u", "pathOrInlineDv": "xyz", "offset": 4, "sizeInBytes": 1, "cardinality": 2,
    });
    for line in [
        add("a", json!("1"), 5),
        json!({ "txn": { "appId": "q", "version": 9, "lastUpdated": 17 } }),
        add("b", Value::Null, 6),
        json!({ "txn": { "appId": "r", "version": -1 } }),
        json!({ "metaData": {
            "id": "t", "schemaString": "{}", "partitionColumns": ["p"],
            "configuration": { "delta.appendOnly": "true", "odd": null },
        }}),
        json!({ "protocol": {
            "minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": ["v2Checkpoint"], "writerFeatures": [],
        }}),
        with_vector,
    ] {
        writeln!(lines, "{line}").unwrap();
    }
    lines.into_bytes()
}

fn is_add(row: &Value) -> bool {
    row.get("add").is_some()
}

#[test]
fn a_v2_checkpoint_is_read_whatever_its_top_is_and_wherever_its_files_stand() {
    let (adds, others): (Vec<Value>, Vec<Value>) = rows().into_iter().partition(is_add);
    let inline = Kept::with([("v.json", lines())]);
    assert_all(&see(&inline, &["v.json"], FILES).unwrap());
    // Sidecars lie in one folder, however their path is given.
    for path in [
        "s 1.parquet",
        "s%201.parquet",
        "_sidecars/s%201.parquet",
        "file:/lake/t/_delta_log/_sidecars/s%201.parquet",
    ] {
        let mut top = others.clone();
        top.push(sidecar(path));
        top.push(sidecar("two.parquet"));
        let text = String::from_utf8(lines()).unwrap();
        let kept = text.lines().filter(|line| !line.contains("\"add\""));
        let mut text = kept.collect::<Vec<_>>().join("\n");
        write!(text, "\n{}\n{}\n", sidecar(path), sidecar("two.parquet")).unwrap();
        let store = Kept::with([
            ("top.parquet", written(SPARK, &top, plainly())),
            ("top.json", text.into_bytes()),
            (
                "_sidecars/s 1.parquet",
                written(SPARK, &adds[..2], plainly()),
            ),
            (
                "_sidecars/two.parquet",
                written(SPARK, &adds[2..], plainly()),
            ),
        ]);
        for name in ["top.parquet", "top.json"] {
            assert_all(&see(&store, &[name], FILES).unwrap());
            store.take_read();
            let seen = see(&store, &[name], Wanted::Table).unwrap();
            assert_table(&seen);
            assert_eq!(seen.files, []);
            let read = store.take_read();
            assert_eq!(read.keys().collect::<Vec<_>>(), [name], "no sidecar");
        }
    }
}

#[test]
fn a_sidecar_that_is_missing_or_outside_breaks_the_checkpoint() {
    for path in ["gone.parquet", "..%2F..%2Fsecret", "%ZZ", "", "a%00b"] {
        let mut top = table().to_vec();
        top.push(sidecar(path));
        let store = Kept::with([("top.parquet", written(SPARK, &top, plainly()))]);
        assert_broken(see(&store, &["top.parquet"], FILES), "_sidecars/");
        assert_table(&see(&store, &["top.parquet"], Wanted::Table).unwrap());
    }
}

#[test]
fn a_line_of_a_v2_checkpoint_that_is_cut_breaks_it() {
    let whole = lines();
    let store = Kept::with([
        ("v.json", whole[..whole.len() - 9].to_vec()),
        ("e.json", Vec::new()),
    ]);
    assert_broken(
        see(&store, &["v.json"], FILES),
        "`v.json`: line 8 is cut off",
    );
    assert_broken(
        see(&store, &["e.json"], FILES),
        "`e.json`: the file is empty",
    );
}

#[test]
fn what_the_table_is_costs_no_column_of_files() {
    let mut rows = table().to_vec();
    rows.extend((0..5_000).map(|n| file(&format!("part-{n}-{:x}", n * 7_919), Some("1"), n)));
    let store = Kept::with([("c", written(SPARK, &rows, plainly()))]);
    let seen = see(&store, &["c"], Wanted::Table).unwrap();
    assert_table(&seen);
    assert_eq!(seen.files, []);
    let (read, size) = (store.take_read()["c"], store.files["c"].len());
    assert_eq!(see(&store, &["c"], FILES).unwrap().files.len(), 5_000);
    let all = store.take_read()["c"];
    // The end of the file is fetched in one piece, however short the footer is.
    assert!(
        read < 64 * 1024 + 8 * 1024 && all > read + 20 * 1024,
        "{read} and {all} of {size}"
    );
}

#[test]
fn lists_and_maps_are_found_however_their_parts_are_called() {
    let schema = "message hive_schema {
        optional group protocol {
            optional group writerFeatures (LIST) { repeated binary array (STRING); }
            optional group readerFeatures (LIST) {
                repeated group bag { optional binary array (STRING); }
            }
            required int64 minWriterVersion; required int64 minReaderVersion;
        }
        optional group metaData {
            optional group configuration (MAP) {
                repeated group map (MAP_KEY_VALUE) {
                    required binary key (STRING); optional binary value (STRING);
                }
            }
            optional group partitionColumns (LIST) {
                repeated group bag { optional binary array (STRING); }
            }
            optional binary id (STRING); optional binary schemaString (STRING);
        }
        optional group add {
            optional binary stats (STRING); optional int32 size; optional boolean dataChange;
            optional group partitionValues (MAP) {
                repeated group map (MAP_KEY_VALUE) {
                    required binary key (STRING); optional binary value (STRING);
                }
            }
            optional binary path (STRING);
        }
        optional group txn { optional int32 version; optional binary appId (STRING); }
    }";
    let file = |path: &str, values: Value| {
        json!({ "add": {
            "path": path, "partitionValues": { "map": values }, "size": 3, "dataChange": false,
        }})
    };
    let two = json!([{ "key": "p", "value": "1" }, { "key": "q", "value": null }]);
    let rows = [
        json!({ "protocol": {
            "minReaderVersion": 1, "minWriterVersion": 2,
            "readerFeatures": { "bag": [{ "array": "x" }, { "array": "y" }] },
            "writerFeatures": { "array": ["z"] },
        }}),
        file("a", two),
        json!({ "metaData": {
            "id": "t", "partitionColumns": { "bag": [{ "array": "p" }, { "array": "q" }] },
            "configuration": { "map": [{ "key": "k", "value": "v" }] },
        }}),
        file("b", json!([])),
        file(
            "c",
            json!([{ "key": "q", "value": "" }, { "key": "p", "value": "2" }]),
        ),
        json!({ "txn": { "appId": "q", "version": 4 } }),
    ];
    let seen = see_one(written(schema, &rows, plainly()), FILES).unwrap();
    assert_eq!(
        seen.partitions(),
        [
            vec![("p", Some("1")), ("q", None)],
            vec![],
            vec![("q", Some("")), ("p", Some("2"))],
        ]
    );
    let metadata = seen.metadata.unwrap();
    assert_eq!(metadata.partition_columns.unwrap(), ["p", "q"]);
    assert_eq!(json!(metadata.configuration), json!({ "k": "v" }));
    assert_eq!(metadata.schema_string, None);
    let protocol = seen.protocol.unwrap();
    assert_eq!(protocol.min_writer_version, 2);
    assert_eq!(protocol.reader_features.unwrap(), ["x", "y"]);
    assert_eq!(protocol.writer_features.unwrap(), ["z"]);
    assert_eq!(seen.transactions[0].version, 4);
}

#[test]
fn what_a_writer_leaves_out_is_not_there() {
    let schema = "message m { optional group add { optional binary path (STRING); } }";
    let rows = [json!({ "add": { "path": "a" } }), json!({})];
    let seen = see_one(written(schema, &rows, plainly()), FILES).unwrap();
    assert_eq!(
        seen.files,
        [SeenFile {
            path: "a".to_owned(),
            ..SeenFile::default()
        }]
    );
    let schema = "message m { optional group other { optional binary path (STRING); } }";
    let seen = see_one(written(schema, &[json!({}), json!({})], plainly()), FILES);
    assert_eq!(seen, Ok(Seen::default()));
}
