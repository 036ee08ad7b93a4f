//! Tests of columns and their changes.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A field as a schema spells it.
fn field(name: &str, kind: impl Into<Value>, nullable: bool) -> Value {
    json!({ "name": name, "type": kind.into(), "nullable": nullable, "metadata": {} })
}

/// A field under column mapping.
fn mapped(name: &str, physical: &str, id: i64) -> Value {
    json!({ "name": name, "type": "long", "nullable": true, "metadata": {
        "delta.columnMapping.physicalName": physical, "delta.columnMapping.id": id } })
}

fn text(fields: &[Value]) -> String {
    json!({ "type": "struct", "fields": fields }).to_string()
}

fn schema(fields: &[Value]) -> Schema {
    Schema::parse(&text(fields)).unwrap()
}

fn nested(fields: &[Value]) -> Value {
    json!({ "type": "struct", "fields": fields })
}

/// The changes as `column: kind`, and what they mean together.
fn changes(old: &[Value], new: &[Value]) -> (Vec<String>, Compatibility) {
    let changes = compare(&schema(old), &schema(new));
    let lines = changes
        .iter()
        .map(|change| format!("{}: {:?}", change.column, change.kind));
    (lines.collect(), classify(&changes))
}

#[test]
fn types_are_read_and_written_as_sql_does() {
    let kinds = [
        (json!("long"), "bigint"),
        (json!("decimal(38, 18)"), "decimal(38,18)"),
        (json!("decimal"), "decimal(10,0)"),
        (json!("decimal(999,1)"), "decimal(999,1)"),
        (json!("variant"), "variant"),
        (json!({ "type": "geometry" }), r#"{"type":"geometry"}"#),
        (
            json!({ "type": "array", "elementType": nested(&[field("a", "byte", true)]), "containsNull": true }),
            "array<struct<a:tinyint>>",
        ),
        (
            json!({ "type": "map", "keyType": "string", "valueType": "timestamp_ntz", "valueContainsNull": false }),
            "map<string,timestamp_ntz>",
        ),
        (json!(7), "7"),
    ];
    for (kind, expected) in kinds {
        assert_eq!(DataType::from(&kind).to_string(), expected, "{kind}");
    }
    let beyond = DataType::from(&json!("decimal(999,1)"));
    assert_eq!(beyond, DataType::Other("decimal(999,1)".to_owned()));
}

#[test]
fn what_is_no_struct_is_no_schema() {
    for text in [
        "",
        "7",
        "\"long\"",
        "{}",
        r#"{"type":"array"}"#,
        "{\"type\":",
    ] {
        assert_eq!(Schema::parse(text), None, "{text}");
    }
    let lenient = r#"{"type":"struct","fields":[7,{"type":"long"},{"name":"a"}]}"#;
    let fields = Schema::parse(lenient).unwrap().fields;
    assert_eq!(fields.len(), 1, "{fields:?}");
    assert!(fields[0].nullable);
}

#[test]
fn a_column_is_found_by_the_name_people_write() {
    let address = nested(&[field("City", "string", true), mapped("zip", "col-2", 2)]);
    let items =
        json!({ "type": "array", "elementType": nested(&[field("price", "double", true)]) });
    let labels = json!({ "type": "map", "keyType": "string", "valueType": "long" });
    let schema = schema(&[
        field("Id", "long", false),
        field("ID", "string", false),
        mapped("at", "col-1", 1),
        field("address", address, true),
        field("items", items, true),
        field("labels", labels, true),
        field("a.b", "date", true),
        field(
            "a",
            nested(&[field("b", "long", true), field("c", "byte", true)]),
            true,
        ),
    ]);
    let found = |name: &str| {
        let column = schema.column(name)?;
        Some(format!(
            "{}: {}",
            column.physical_path.join("/"),
            column.data_type
        ))
    };
    for (name, expected) in [
        ("ID", Some("ID: string")),
        ("Id", Some("Id: bigint")),
        ("id", Some("Id: bigint")),
        ("AT", Some("col-1: bigint")),
        ("address.city", Some("address/City: string")),
        ("Address.ZIP", Some("address/col-2: bigint")),
        ("items.element.price", Some("items/element/price: double")),
        ("labels.value", Some("labels/value: bigint")),
        ("labels.key", Some("labels/key: string")),
        ("a.b", Some("a.b: date")),
        ("a.c", Some("a/c: tinyint")),
        ("items.price", None),
        ("address.", None),
        ("addres", None),
        ("", None),
    ] {
        assert_eq!(found(name).as_deref(), expected, "{name}");
    }
    assert_eq!(schema.field("AT").map(|field| field.id), Some(Some(1)));
}

#[test]
fn the_same_columns_are_identical_in_any_order() {
    let (a, b) = (field("a", "long", true), field("b", "string", false));
    let found = changes(&[a.clone(), b.clone()], &[b, a]);
    assert_eq!(found, (vec![], Compatibility::Identical));
}

#[test]
fn what_readers_do_not_see_is_compatible() {
    let found = changes(
        &[
            field("a", "integer", true),
            field("d", "decimal(10,2)", true),
        ],
        &[
            field("a", "long", false),
            field("d", "decimal(12,4)", true),
            field("n", "date", true),
            field("r", "date", false),
        ],
    );
    let expected = [
        r#"a: TypeWidened { from: "int", to: "bigint" }"#,
        "a: MadeRequired",
        r#"d: TypeWidened { from: "decimal(10,2)", to: "decimal(12,4)" }"#,
        "n: Added",
        "r: AddedRequired",
    ];
    assert_eq!(
        found,
        (
            expected.map(str::to_owned).to_vec(),
            Compatibility::Compatible
        )
    );
}

#[test]
fn what_takes_something_from_readers_breaks_them() {
    let found = changes(
        &[
            field("a", "long", false),
            field("b", "long", true),
            mapped("c", "col-3", 3),
        ],
        &[field("a", "string", true), mapped("d", "col-3", 3)],
    );
    let expected = [
        r#"a: TypeChanged { from: "bigint", to: "string" }"#,
        "a: MadeNullable",
        "b: Dropped",
        r#"d: Renamed { from: "c" }"#,
    ];
    assert_eq!(
        found,
        (
            expected.map(str::to_owned).to_vec(),
            Compatibility::Breaking
        )
    );
}

#[test]
fn nested_changes_are_named_by_their_path() {
    let before = [
        field(
            "s",
            nested(&[field("x", "byte", true), field("y", "long", true)]),
            true,
        ),
        field(
            "items",
            json!({ "type": "array", "elementType": nested(&[field("price", "float", true)]), "containsNull": false }),
            true,
        ),
        field(
            "m",
            json!({ "type": "map", "keyType": "string", "valueType": "date", "valueContainsNull": true }),
            true,
        ),
        field("z", "long", true),
    ];
    let after = [
        field("s", nested(&[field("x", "short", true)]), true),
        field(
            "items",
            json!({ "type": "array", "elementType": nested(&[field("price", "double", true)]), "containsNull": true }),
            true,
        ),
        field(
            "m",
            json!({ "type": "map", "keyType": "long", "valueType": "timestamp_ntz", "valueContainsNull": false }),
            true,
        ),
        field("z", nested(&[]), true),
    ];
    let (lines, _) = changes(&before, &after);
    let expected = [
        r#"s.x: TypeWidened { from: "tinyint", to: "smallint" }"#,
        "s.y: Dropped",
        r#"items.element.price: TypeWidened { from: "float", to: "double" }"#,
        "items.element: MadeNullable",
        r#"m.key: TypeChanged { from: "string", to: "bigint" }"#,
        r#"m.value: TypeWidened { from: "date", to: "timestamp_ntz" }"#,
        "m.value: MadeRequired",
        r#"z: TypeChanged { from: "bigint", to: "struct<>" }"#,
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_column_is_known_by_its_physical_name_first() {
    // Swapped names are two renames, although both names are still there.
    let (lines, _) = changes(
        &[mapped("a", "col-1", 1), mapped("b", "col-2", 2)],
        &[mapped("b", "col-1", 1), mapped("a", "col-2", 2)],
    );
    assert_eq!(
        lines,
        [r#"b: Renamed { from: "a" }"#, r#"a: Renamed { from: "b" }"#]
    );
    // A new column under the old name of a renamed one.
    let (lines, _) = changes(
        &[field("a", "long", true)],
        &[mapped("b", "a", 1), mapped("a", "col-9", 2)],
    );
    assert_eq!(lines, [r#"b: Renamed { from: "a" }"#, "a: Added"]);
    // A table made anew has new physical names, and its numbers start again.
    let (lines, meaning) = changes(
        &[mapped("a", "col-1", 1), mapped("b", "col-2", 2)],
        &[mapped("b", "col-3", 1), mapped("a", "col-4", 2)],
    );
    assert_eq!((lines, meaning), (vec![], Compatibility::Identical));
    let (lines, _) = changes(&[field("ID", "long", true)], &[field("id", "long", true)]);
    assert_eq!(lines, [r#"id: Renamed { from: "ID" }"#]);
}

#[test]
fn only_the_widenings_of_the_protocol_are_widenings() {
    let names = [
        "boolean",
        "byte",
        "short",
        "integer",
        "long",
        "float",
        "double",
        "decimal(9,0)",
        "decimal(10,0)",
        "decimal(12,2)",
        "decimal(12,3)",
        "decimal(20,0)",
        "string",
        "date",
        "timestamp",
        "timestamp_ntz",
    ];
    let mut found = Vec::new();
    for from in names {
        for to in names {
            if DataType::from(&json!(from)).widens_to(&DataType::from(&json!(to))) {
                found.push(format!("{from} > {to}"));
            }
        }
    }
    insta::assert_snapshot!(found.join("\n"), @r"
    byte > short
    byte > integer
    byte > long
    byte > double
    byte > decimal(10,0)
    byte > decimal(12,2)
    byte > decimal(20,0)
    short > integer
    short > long
    short > double
    short > decimal(10,0)
    short > decimal(12,2)
    short > decimal(20,0)
    integer > long
    integer > double
    integer > decimal(10,0)
    integer > decimal(12,2)
    integer > decimal(20,0)
    long > decimal(20,0)
    float > double
    decimal(9,0) > decimal(10,0)
    decimal(9,0) > decimal(12,2)
    decimal(9,0) > decimal(12,3)
    decimal(9,0) > decimal(20,0)
    decimal(10,0) > decimal(12,2)
    decimal(10,0) > decimal(20,0)
    date > timestamp_ntz
    ");
}

#[test]
fn changes_are_stored_under_stable_names() {
    let change = SchemaChange {
        column: "a.b".to_owned(),
        kind: SchemaChangeKind::Renamed {
            from: "c".to_owned(),
        },
    };
    let stored = json!({ "column": "a.b", "kind": { "renamed": { "from": "c" } } });
    assert_eq!(serde_json::to_value(&change).unwrap(), stored);
    assert_eq!(
        serde_json::from_value::<SchemaChange>(stored).unwrap(),
        change
    );
    assert_eq!(
        serde_json::to_value(Compatibility::Breaking).unwrap(),
        json!("breaking")
    );
}

#[test]
fn a_schema_keeps_its_fingerprint_through_renames_and_comments() {
    let field = |name: &str, comment: &str, kind: &str| {
        format!(
            r#"{{"type":"struct","fields":[{{"name":"{name}","type":"{kind}","nullable":true,
            "metadata":{{"delta.columnMapping.physicalName":"col-1","comment":"{comment}"}}}}]}}"#
        )
    };
    let original = fingerprint(&field("a", "", "long"));
    assert_eq!(fingerprint(&field("b", "renamed", "long")), original);
    assert_ne!(fingerprint(&field("a", "", "string")), original);
    assert_ne!(fingerprint("not a schema"), fingerprint("not one either"));
}

/// They stand in state that older versions wrote: another value here is a change of every table.
#[test]
fn fingerprints_stay_the_same_between_versions() {
    let items = json!({ "type": "array", "elementType": nested(&[field("price", "decimal(10,2)", true)]), "containsNull": false });
    let labels = json!({ "type": "map", "keyType": "string", "valueType": "long", "valueContainsNull": true });
    let whole = text(&[
        field("id", "long", false),
        mapped("at", "col-1", 1),
        field("items", items, true),
        field("labels", labels, true),
    ]);
    insta::assert_snapshot!(fingerprint(&whole), @"1cc2b96a779e24132cb78416183038b2");
    insta::assert_snapshot!(fingerprint("not a schema"), @"317fcaeca3c9a39006a6eb97aa7ce5ec");
}

/// Any JSON that looks somewhat like a schema.
fn type_text() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("long"),
        Just("integer"),
        Just("date"),
        Just("decimal(5,2)"),
        Just("x")
    ];
    let leaf = prop_oneof![name.prop_map(Value::from), Just(Value::Null)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let field = ("[abAB.]{0,3}", inner.clone(), any::<bool>(), 0..4i64).prop_map(
            |(name, kind, nullable, id)| {
                json!({ "name": name, "type": kind, "nullable": nullable, "metadata": {
                    "delta.columnMapping.id": id,
                    "delta.columnMapping.physicalName": format!("p{id}") } })
            },
        );
        prop_oneof![
            prop::collection::vec(field, 0..4).prop_map(|fields| nested(&fields)),
            inner
                .clone()
                .prop_map(|kind| json!({ "type": "array", "elementType": kind })),
            (inner.clone(), inner).prop_map(
                |(key, value)| json!({ "type": "map", "keyType": key, "valueType": value })
            ),
        ]
    })
}

fn any_schema() -> impl Strategy<Value = Schema> {
    type_text().prop_map(|kind| schema(&[field("top", kind, true)]))
}

proptest! {
    #[test]
    fn fault_33_arbitrary_schemas_never_panic(text in ".{0,80}", name in ".{0,10}") {
        prop_assert_eq!(fingerprint(&text).len(), 32);
        if let Some(schema) = Schema::parse(&text) {
            drop(schema.column(&name));
        }
    }

    #[test]
    fn a_schema_is_identical_to_itself(schema in any_schema()) {
        prop_assert_eq!(compare(&schema, &schema), vec![]);
    }

    #[test]
    fn every_column_is_found_by_its_own_name(schema in any_schema()) {
        for field in &schema.fields {
            prop_assert!(schema.column(&field.name).is_some());
        }
    }

    #[test]
    fn schemas_without_changes_have_the_same_columns(old in any_schema(), new in any_schema()) {
        if compare(&old, &new).is_empty() {
            prop_assert_eq!(compare(&new, &old), vec![]);
        }
    }

    #[test]
    fn widening_never_goes_back(from in type_text(), to in type_text()) {
        let (from, to) = (DataType::from(&from), DataType::from(&to));
        prop_assert!(!(from.widens_to(&to) && to.widens_to(&from)));
    }
}
