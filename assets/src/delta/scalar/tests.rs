//! Tests of values as texts.

use proptest::prelude::*;

use super::*;

const DECIMAL: DataType = DataType::Decimal {
    precision: 10,
    scale: 2,
};

fn utc(text: &str, data_type: &DataType) -> Option<String> {
    canonical(text, data_type, Tz::UTC).map(Cow::into_owned)
}

/// Checks spellings: those with an expected one, and those that are no value.
fn check(data_type: &DataType, spellings: &[(&str, &str)], no_values: &[&str]) {
    for (text, expected) in spellings {
        assert_eq!(utc(text, data_type).as_deref(), Some(*expected), "{text}");
        assert_eq!(utc(expected, data_type).as_deref(), Some(*expected));
    }
    for text in no_values {
        assert_eq!(utc(text, data_type), None, "{text}");
    }
}

#[test]
fn integers() {
    let long = "123456789012345678901234567890";
    check(
        &DataType::Long,
        &[
            ("7", "7"),
            ("007", "7"),
            ("+7", "7"),
            (" 7 ", "7"),
            ("-0", "0"),
            ("-07", "-7"),
            (long, long),
        ],
        &["", "-", "7.0", "1e3", "+-7", "٧", "0x7"],
    );
}

#[test]
fn decimals() {
    check(
        &DECIMAL,
        &[
            ("1.5", "1.50"),
            ("1.500", "1.50"),
            ("0E-10", "0.00"),
            ("-0.0", "0.00"),
            ("-.5", "-0.50"),
            ("5.", "5.00"),
            ("1.5e+3", "1500.00"),
            ("150E-2", "1.50"),
            (
                "12345678901234567890123456789012345678",
                "12345678901234567890123456789012345678.00",
            ),
        ],
        &[
            "1.505",
            "0.-1",
            "",
            ".",
            "-",
            "1e999999999",
            "1e-999999999",
            "1e99999999999",
            "1.5.0",
        ],
    );
    let whole = DataType::Decimal {
        precision: 38,
        scale: 0,
    };
    check(
        &whole,
        &[("1.0", "1"), ("-0", "0"), ("1E+2", "100")],
        &["1.5"],
    );
    let deep = DataType::Decimal {
        precision: 38,
        scale: 255,
    };
    assert_eq!(utc("1", &deep).map(|text| text.len()), Some(257));
}

#[test]
fn floating_point_numbers() {
    check(
        &DataType::Double,
        &[
            ("1", "1.0"),
            ("1.50", "1.5"),
            ("-0", "0.0"),
            ("-0.0", "0.0"),
            ("0.001", "0.001"),
            ("0.0001", "1.0E-4"),
            ("9999999", "9999999.0"),
            ("1e7", "1.0E7"),
            ("12345678.9", "1.23456789E7"),
            ("nan", "NaN"),
            ("-inf", "-Infinity"),
            ("+Infinity", "Infinity"),
            ("0.1", "0.1"),
        ],
        &["", "one", "1,5"],
    );
    check(
        &DataType::Float,
        &[("0.10000000149011612", "0.1"), ("16777217", "1.6777216E7")],
        &[],
    );
}

#[test]
fn days_and_times() {
    check(
        &DataType::Date,
        &[
            ("2026-03-01", "2026-03-01"),
            ("2026-3-1", "2026-03-01"),
            ("0001-01-01", "0001-01-01"),
        ],
        &[
            "2026-02-30",
            "12026-01-01",
            "-026-01-01",
            "2026-03-01 00:00:00",
            "2026-03",
        ],
    );
    check(
        &DataType::TimestampNtz,
        &[
            ("2026-03-01 06:00:00", "2026-03-01 06:00:00"),
            ("2026-03-01T06:00:00.250000", "2026-03-01 06:00:00.25"),
            ("2026-03-01 06:00:00.000000000", "2026-03-01 06:00:00"),
            ("2026-03-01", "2026-03-01 00:00:00"),
        ],
        &[
            "2026-03-01 24:00:00",
            "2026-03-01 06:00:00Z",
            "2026-03-01 06:00:00.0000001",
            "06:00",
        ],
    );
    check(
        &DataType::Timestamp,
        &[
            ("2026-03-01 06:00:00", "2026-03-01T06:00:00Z"),
            ("2026-03-01T06:00:00.000000Z", "2026-03-01T06:00:00Z"),
            ("2026-03-01T07:00:00.100+01:00", "2026-03-01T06:00:00.1Z"),
            ("2026-03-01 07:00:00+0100", "2026-03-01T06:00:00Z"),
            ("2026-02-28 22:00:00 -08", "2026-03-01T06:00:00Z"),
            ("2026-03-01 06:00", "2026-03-01T06:00:00Z"),
            ("2026-03-01", "2026-03-01T00:00:00Z"),
        ],
        &[
            "2026-03-01 06:00:60",
            "2026-03-01 06:00:00.",
            "2026-03-01 06:00:00 CET",
            "2026-03-01 06:00:00+25:00",
            "0000-01-01T00:00:00+01:00",
            "+12026-03-01T06:00:00Z",
        ],
    );
}

#[test]
fn a_time_without_an_offset_is_of_the_writers_zone() {
    let zurich = |text| canonical(text, &DataType::Timestamp, Tz::Europe__Zurich);
    for (text, expected) in [
        ("2026-03-01 07:00:00", Some("2026-03-01T06:00:00Z")),
        ("2026-03-01T06:00:00Z", Some("2026-03-01T06:00:00Z")),
        // Twice in autumn: the first; never in spring.
        ("2026-10-25 02:30:00", Some("2026-10-25T00:30:00Z")),
        ("2026-03-29 02:30:00", None),
    ] {
        assert_eq!(zurich(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn booleans_and_texts() {
    check(
        &DataType::Boolean,
        &[("TRUE", "true"), ("false", "false")],
        &["1", "yes", ""],
    );
    check(
        &DataType::String,
        &[("007", "007"), (" a ", " a "), ("", "")],
        &[],
    );
    check(&DataType::Binary, &[("\u{1}\u{2}", "\u{1}\u{2}")], &[]);
    check(
        &DataType::Other("interval".to_owned()),
        &[("1 day", "1 day")],
        &[],
    );
}

#[test]
fn values_are_ordered_by_their_type() {
    let sorted: [(DataType, &[&str]); 8] = [
        (
            DataType::Long,
            &[
                "-10",
                "-9",
                "0",
                "9",
                "10",
                "99999999999999999999999",
                "1E+30",
            ],
        ),
        (
            DECIMAL,
            &[
                "-1.5",
                "-0.01",
                "0",
                "0.001",
                "0.01",
                "1.5",
                "12345678901234567890.12",
            ],
        ),
        (
            DataType::Double,
            &[
                "-Infinity",
                "-1.0",
                "0.0",
                "1.0E-4",
                "2.0",
                "1.0E7",
                "Infinity",
                "NaN",
            ],
        ),
        (DataType::Date, &["0001-01-01", "2026-03-01", "2026-03-02"]),
        (
            DataType::Timestamp,
            &[
                "2026-03-01T00:00:00Z",
                "2026-03-01T00:00:00.5Z",
                "2026-03-01T00:00:01Z",
            ],
        ),
        (
            DataType::TimestampNtz,
            &["2026-03-01", "2026-03-01 00:00:00.5", "2026-03-01 00:00:01"],
        ),
        (DataType::String, &["", "B", "a", "é"]),
        (DataType::Boolean, &["false", "true"]),
    ];
    for (data_type, values) in sorted {
        for (index, a) in values.iter().enumerate() {
            for (other, b) in values.iter().enumerate() {
                let order = compare(a, b, &data_type);
                assert_eq!(order, Some(index.cmp(&other)), "{data_type}: {a} and {b}");
            }
        }
    }
    assert_eq!(
        compare("0.0", "-0.0", &DataType::Double),
        Some(Ordering::Equal)
    );
    assert_eq!(compare("1.50", "1.5", &DECIMAL), Some(Ordering::Equal));
    assert_eq!(compare("1", "one", &DataType::Long), None);
    assert_eq!(
        compare("1E-2147483648", "1E+2147483647", &DataType::Long),
        None
    );
    assert_eq!(compare("a", "b", &DataType::Binary), None);
}

fn any_type() -> impl Strategy<Value = DataType> {
    prop_oneof![
        Just(DataType::Long),
        Just(DECIMAL),
        (0..40u8, any::<u8>())
            .prop_map(|(precision, scale)| DataType::Decimal { precision, scale }),
        Just(DataType::Float),
        Just(DataType::Double),
        Just(DataType::Boolean),
        Just(DataType::Date),
        Just(DataType::Timestamp),
        Just(DataType::TimestampNtz),
        Just(DataType::String),
    ]
}

/// Texts that are nearly values, and often are.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-+]?[0-9]{0,4}[.]?[0-9]{0,3}([eE][-+]?[0-9]{1,3})?",
        "[0-9]{4}-[01]?[0-9]-[0-3]?[0-9]([ T][0-2]?[0-9]:[0-5][0-9](:[0-5][0-9]([.][0-9]{0,8})?)?(Z|[-+][01][0-9](:?[0-5][0-9])?)?)?",
        "(true|FALSE|NaN|inf|-Infinity| )",
        ".{0,12}",
    ]
}

proptest! {
    #[test]
    fn a_spelling_reads_back_as_itself(data_type in any_type(), text in any_text()) {
        if let Some(spelt) = utc(&text, &data_type) {
            prop_assert_eq!(utc(&spelt, &data_type), Some(spelt.clone()));
            // The zone tells nothing any more.
            let elsewhere = canonical(&spelt, &data_type, Tz::Asia__Tokyo);
            prop_assert_eq!(elsewhere.as_deref(), Some(spelt.as_str()));
            let order = compare(&spelt, &spelt, &data_type);
            prop_assert_eq!(is_ordered(&spelt, &data_type), order.is_some());
            prop_assert!(matches!(order, None | Some(Ordering::Equal)), "{spelt} {order:?}");
        }
    }

    /// Equal values have one spelling, and different ones never share it.
    #[test]
    fn spellings_agree_with_the_order(data_type in any_type(), a in any_text(), b in any_text()) {
        if let (Some(a), Some(b)) = (utc(&a, &data_type), utc(&b, &data_type))
            && let Some(order) = compare(&a, &b, &data_type)
        {
            prop_assert_eq!(order == Ordering::Equal, a == b, "{} and {}", a, b);
            prop_assert_eq!(compare(&b, &a, &data_type), Some(order.reverse()));
        }
    }

    #[test]
    fn integers_have_one_spelling(value in any::<i64>(), zeros in 0..5usize) {
        let padded = format!("{}{}{}", if value < 0 { "-" } else { "+" }, "0".repeat(zeros), value.unsigned_abs());
        prop_assert_eq!(utc(&padded, &DataType::Long), Some(value.to_string()));
    }

    #[test]
    fn integers_are_ordered_as_numbers(a in any::<i64>(), b in any::<i64>()) {
        let order = compare(&a.to_string(), &b.to_string(), &DataType::Long);
        prop_assert_eq!(order, Some(a.cmp(&b)));
    }

    #[test]
    fn decimals_have_one_spelling(cents in any::<i32>(), zeros in 0..5usize) {
        let cents = i64::from(cents);
        let sign = if cents < 0 { "-" } else { "" };
        let cents = cents.abs();
        let plain = format!("{sign}{}.{:02}", cents / 100, cents % 100);
        let spellings = [plain.clone() + &"0".repeat(zeros), format!("{sign}{cents}E-2")];
        for spelling in spellings {
            prop_assert_eq!(utc(&spelling, &DECIMAL), Some(plain.clone()));
        }
    }

    #[test]
    fn doubles_read_back_as_the_same_number(value in any::<f64>()) {
        let spelt = utc(&value.to_string(), &DataType::Double).unwrap();
        let back: f64 = spelt.parse().unwrap();
        let is_same = back.partial_cmp(&value) == Some(Ordering::Equal);
        prop_assert!(is_same || (back.is_nan() && value.is_nan()), "{spelt}");
    }

    #[test]
    fn instants_have_one_spelling(micros in -60_000_000_000_000_000..250_000_000_000_000_000i64, hours in -12..12i32) {
        let at = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        let offset = chrono::FixedOffset::east_opt(hours * 3600).unwrap();
        let spellings = [
            at.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
            at.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string(),
            at.with_timezone(&offset).format("%Y-%m-%dT%H:%M:%S%.9f%:z").to_string(),
        ];
        let first = utc(&spellings[0], &DataType::Timestamp).unwrap();
        for spelling in &spellings {
            prop_assert_eq!(utc(spelling, &DataType::Timestamp), Some(first.clone()), "{}", spelling);
        }
        prop_assert_eq!(first.parse::<chrono::DateTime<chrono::Utc>>().unwrap(), at);
    }
}
