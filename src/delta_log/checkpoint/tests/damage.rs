//! Checkpoints that are damaged: they are told so, and never taken for less than they are.

use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::properties::WriterVersion;
use proptest::prelude::*;

use super::*;

/// Every kind of row, with statistics as text and typed.
fn whole(version: WriterVersion, codec: Compression) -> Vec<u8> {
    let schema = SPARK.replacen(
        "optional binary stats (STRING);",
        "optional binary stats (STRING); optional group stats_parsed {
            optional int64 numRecords; optional group maxValues { optional int64 c; } }",
        1,
    );
    let mut rows = table().to_vec();
    for number in 0..40_u64 {
        let mut row = file(&format!("f{number}"), Some("1"), number);
        if number % 3 == 0 {
            row["add"]["stats"] = Value::Null;
            row["add"]["stats_parsed"] = json!({ "numRecords": number, "maxValues": { "c": 4 } });
        }
        rows.push(row);
    }
    rows.push(json!({ "txn": { "appId": "q", "version": 9 } }));
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_compression(codec);
    written(&schema, &rows, (25, properties))
}

fn columns() -> Vec<Vec<String>> {
    vec![vec!["c".to_owned()]]
}

/// Reads it, which must end in rows or in a reason.
fn is_held(bytes: Vec<u8>) -> Result<Seen, Unreadable> {
    let columns = columns();
    let seen = see_one(bytes, Wanted::Files { columns: &columns });
    if let Err(reason) = &seen {
        assert!(
            matches!(reason, Unreadable::BrokenCheckpoint { version: 7, .. }),
            "{reason:?}"
        );
    }
    seen
}

#[test]
fn fault_34_a_checkpoint_that_is_cut_or_no_checkpoint_is_broken() {
    let bytes = whole(WriterVersion::PARQUET_1_0, Compression::SNAPPY);
    assert_eq!(is_held(bytes.clone()).unwrap().files.len(), 40);
    for cut in (0..bytes.len()).step_by(97) {
        assert!(is_held(bytes[..cut].to_vec()).is_err(), "the first {cut}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_broken(see_one(longer, FILES), "does not end");
    assert_broken(see_one(Vec::new(), FILES), "too short");
    assert_broken(see_one(vec![b'x'; 4_000], FILES), "does not end");
    // A footer that claims to be longer than the file.
    let mut claims = bytes;
    let at = claims.len() - 8;
    claims[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_broken(see_one(claims, FILES), "longer than itself");
}

#[test]
fn fault_34_a_footer_that_counts_other_rows_than_there_are_is_broken() {
    let rows: Vec<Value> = (0..9)
        .map(|n| file(&format!("f{n}"), Some("1"), n))
        .collect();
    let bytes = written(SPARK, &rows, plainly());
    let metadata = ParquetMetaDataReader::new()
        .parse_and_finish(&Bytes::from(bytes.clone()))
        .unwrap();
    assert_eq!(
        metadata
            .row_groups()
            .iter()
            .map(RowGroupMetaData::num_rows)
            .sum::<i64>(),
        9
    );
    let mut told = [0, 0];
    // The count stands in the footer as one byte, that of 18.
    let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap());
    let footer_start = bytes.len() - 8 - usize::try_from(footer).unwrap();
    for at in footer_start..bytes.len() - 8 {
        for (way, other) in [16_u8, 20].into_iter().enumerate() {
            let mut damaged = bytes.clone();
            if damaged[at] != 18 {
                continue;
            }
            damaged[at] = other;
            let lied = is_held(damaged);
            if let Err(Unreadable::BrokenCheckpoint { detail, .. }) = &lied {
                told[way] += usize::from(detail.contains("rows"));
            }
        }
    }
    assert!(told[0] > 0 && told[1] > 0, "{told:?}");
}

#[test]
fn fault_34_a_schema_as_deep_as_a_well_is_broken() {
    // A version, then a list of groups, each of the name `a` and with one child.
    let mut footer = vec![0x15, 0x02, 0x19, 0xfc, 0xc0, 0x9a, 0x0c];
    for _ in 0..200_000 {
        footer.extend([0x48, 0x01, b'a', 0x15, 0x02, 0x00]);
    }
    footer.push(0);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    let bytes = [b"PAR1", footer.as_slice(), &length, b"PAR1"].concat();
    assert_broken(see_one(bytes, FILES), "nests too deeply");
}

/// Numbers before encoded values say how many follow: whatever they claim, memory stays what it is.
#[test]
fn fault_34_a_page_that_claims_too_much_is_broken() {
    let rows: Vec<Value> = (0..60)
        .map(|n| file(&format!("f{n}"), Some("1"), n))
        .collect();
    let mut told = 0;
    for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
        for has_dictionary in [false, true] {
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .set_dictionary_enabled(has_dictionary)
                .set_compression(Compression::UNCOMPRESSED);
            let bytes = written(SPARK, &rows, (1_000_000, properties));
            assert_eq!(is_held(bytes.clone()).unwrap().files.len(), 60);
            let metadata = ParquetMetaDataReader::new()
                .parse_and_finish(&Bytes::from(bytes.clone()))
                .unwrap();
            for column in metadata.row_group(0).columns() {
                let starts = [
                    Some(column.data_page_offset()),
                    column.dictionary_page_offset(),
                ];
                for start in starts.into_iter().flatten() {
                    for offset in (0..48).step_by(3) {
                        let at = usize::try_from(start).unwrap() + offset;
                        let mut damaged = bytes.clone();
                        damaged[at..at + 7].fill(0xff);
                        told += usize::from(is_held(damaged).is_err());
                    }
                }
            }
        }
    }
    assert!(told > 100, "{told}");
}

#[test]
fn fault_34_a_map_whose_keys_and_values_part_is_broken() {
    let schema = SPARK.replacen(
        "required binary key (STRING); optional binary value (STRING);",
        "optional binary key (STRING); optional binary value (STRING);",
        1,
    );
    let mut row = file("a", Some("1"), 1);
    row["add"]["partitionValues"] = json!({ "key_value": [{ "key": null, "value": "1" }] });
    assert_broken(
        see_one(written(&schema, &[row], plainly()), FILES),
        "values without keys",
    );
}

#[test]
fn fault_34_texts_that_are_none_are_broken() {
    for place in ["path", "stats"] {
        let mut row = file("a", Some("1"), 1);
        row["add"][place] = json!([0xff, 0xfe]);
        assert_broken(see_one(written(SPARK, &[row], plainly()), FILES), "no text");
    }
    let mut row = file("a", Some("1"), 1);
    row["add"]["partitionValues"] = json!({ "key_value": [{ "key": "p", "value": [0xff] }] });
    assert_broken(see_one(written(SPARK, &[row], plainly()), FILES), "no text");
    // A column of another type than its name promises.
    let schema = "message m { optional group add { required int64 path; } }";
    let row = json!({ "add": { "path": 5 } });
    assert_broken(
        see_one(written(schema, &[row], plainly()), FILES),
        "no text",
    );
}

fn made() -> impl Strategy<Value = Vec<u8>> {
    let version = prop_oneof![
        Just(WriterVersion::PARQUET_1_0),
        Just(WriterVersion::PARQUET_2_0)
    ];
    let codec = prop_oneof![Just(Compression::SNAPPY), Just(Compression::UNCOMPRESSED)];
    (version, codec).prop_map(|(version, codec)| whole(version, codec))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fault_34_a_damaged_checkpoint_is_rows_or_broken(
        bytes in made(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        more in proptest::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut damaged = bytes.clone();
        for (at, byte) in &flips {
            let at = at.index(damaged.len());
            damaged[at] ^= *byte;
        }
        if let Some(cut) = cut {
            damaged.truncate(cut.index(bytes.len()));
        }
        damaged.extend(more);
        let is_whole = damaged == bytes;
        match is_held(damaged.clone()) {
            Ok(seen) => prop_assert!(seen.files.len() <= 40 || !is_whole),
            Err(_) => prop_assert!(!is_whole),
        }
        drop(see_one(damaged, Wanted::Table));
    }

    /// Levels and counts lie within a few bytes at the head of each page: each bit of them is tried.
    #[test]
    fn fault_34_a_bit_that_is_wrong_near_a_page_is_rows_or_broken(
        bytes in made(),
        column in any::<prop::sample::Index>(),
        offset in 0_usize..48,
        bit in 0_u8..8,
    ) {
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&Bytes::from(bytes.clone()))
            .unwrap();
        let group = metadata.row_group(0);
        let column = group.column(column.index(group.num_columns()));
        let starts = [Some(column.data_page_offset()), column.dictionary_page_offset()];
        for start in starts.into_iter().flatten() {
            let mut damaged = bytes.clone();
            let at = usize::try_from(start).unwrap() + offset;
            damaged[at] ^= 1 << bit;
            drop(is_held(damaged));
        }
    }
}
