//! What changes a code version, and what does not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{manifest, node, read};
use crate::dbt::code::{Macros, Unit, finished};
use crate::dbt::convert::Code;
use crate::dbt::fingerprint;

/// A model over an ephemeral model, with a macro that calls another one.
fn project() -> Value {
    manifest(json!({
        "nodes": {
            "model.shop.orders": {
                "name": "orders", "package_name": "shop", "language": "sql",
                "raw_code": "select 1\nfrom {{ ref('eph') }}",
                "config": {"materialized": "table", "tags": ["a"], "meta": {"owner": "x"},
                           "pre-hook": [{"sql": "set a = 1", "index": null}]},
                "tags": ["a"], "meta": {"owner": "x"}, "description": "Orders",
                "checksum": {"name": "sha256", "checksum": "11"},
                "depends_on": {"nodes": ["model.shop.eph", "source.shop.raw.orders"],
                               "macros": ["macro.shop.top"]},
            },
            "model.shop.eph": {
                "name": "eph", "package_name": "shop", "raw_code": "select 1 as id",
                "config": {"materialized": "ephemeral"},
                "depends_on": {"nodes": ["source.shop.raw.orders"], "macros": []},
            },
            "seed.shop.rates": {
                "name": "rates", "checksum": {"name": "sha256", "checksum": "22"},
                "config": {"materialized": "seed"},
            },
        },
        "sources": {"source.shop.raw.orders": {"name": "orders", "source_name": "raw"}},
        "macros": {
            "macro.shop.top": {"macro_sql": "{{ low() }}",
                               "depends_on": {"macros": ["macro.dbt.low"]}},
            "macro.dbt.low": {"macro_sql": "1", "depends_on": {"macros": ["macro.shop.top"]}},
        },
    }))
}

fn version(manifest: &Value, id: &str) -> String {
    node(&read(manifest), id)
        .code_version
        .as_ref()
        .unwrap()
        .as_str()
        .to_owned()
}

fn changed(pointer: &str, value: Value) -> bool {
    let mut other = project();
    *other
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("{pointer}")) = value;
    let id = if pointer.contains("seed.") {
        "seed.shop.rates"
    } else {
        "model.shop.orders"
    };
    version(&project(), id) != version(&other, id)
}

#[test]
fn it_is_a_sha256() {
    let version = version(&project(), "model.shop.orders");
    assert_eq!(version.len(), 64);
    assert!(version.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn what_decides_the_content_changes_it() {
    assert!(changed(
        "/nodes/model.shop.orders/raw_code",
        json!("select 2\nfrom x")
    ));
    assert!(changed(
        "/nodes/model.shop.orders/raw_code",
        json!("select 1 from {{ ref('eph') }}")
    ));
    assert!(changed(
        "/nodes/model.shop.orders/language",
        json!("python")
    ));
    assert!(changed(
        "/nodes/model.shop.orders/config/materialized",
        json!("incremental")
    ));
    assert!(changed(
        "/nodes/model.shop.orders/config/pre-hook/0/sql",
        json!("set a = 2")
    ));
    assert!(changed(
        "/nodes/model.shop.eph/raw_code",
        json!("select 2 as id")
    ));
    assert!(changed(
        "/macros/macro.shop.top/macro_sql",
        json!("{{ low() + 1 }}")
    ));
    assert!(changed("/macros/macro.dbt.low/macro_sql", json!("2")));
    assert!(changed(
        "/nodes/seed.shop.rates/checksum/checksum",
        json!("23")
    ));
}

#[test]
fn what_is_for_people_or_policies_does_not() {
    let orders = "/nodes/model.shop.orders";
    assert!(!changed(
        &format!("{orders}/description"),
        json!("All orders")
    ));
    assert!(!changed(&format!("{orders}/tags"), json!(["b"])));
    assert!(!changed(
        &format!("{orders}/meta"),
        json!({"headwater": {"tier": 1}})
    ));
    assert!(!changed(&format!("{orders}/config/tags"), json!([])));
    assert!(!changed(
        &format!("{orders}/config/meta"),
        json!({"headwater": {"tier": 1}})
    ));
    assert!(!changed(
        &format!("{orders}/checksum/checksum"),
        json!("99")
    ));
    assert!(!changed(
        "/metadata/generated_at",
        json!("2027-01-01T00:00:00Z")
    ));
    let padded = "select 1  \r\nfrom {{ ref('eph') }}\t\n\n";
    assert!(!changed(&format!("{orders}/raw_code"), json!(padded)));
}

#[test]
fn an_enforced_contract_is_code_and_a_mere_description_of_columns_is_not() {
    let with = |enforced: bool, data_type: &str, description: &str| {
        let mut project = project();
        let orders = &mut project["nodes"]["model.shop.orders"];
        orders["contract"] = json!({"enforced": enforced, "checksum": "ignored"});
        orders["columns"] = json!({"id": {"data_type": data_type, "description": description}});
        version(&project, "model.shop.orders")
    };
    assert_ne!(with(true, "int", ""), with(true, "bigint", ""));
    assert_eq!(with(false, "int", ""), with(false, "bigint", ""));
    assert_eq!(with(true, "int", ""), with(true, "int", "the key"));
}

#[test]
fn old_manifests_call_the_code_raw_sql() {
    let mut old = project();
    let orders = old["nodes"]["model.shop.orders"].as_object_mut().unwrap();
    let code = orders.remove("raw_code").unwrap();
    orders.insert("raw_sql".to_owned(), code);
    assert_eq!(
        version(&old, "model.shop.orders"),
        version(&project(), "model.shop.orders")
    );
}

#[test]
fn a_function_is_part_of_the_code_of_its_callers() {
    let with = |body: &str| {
        let mut project = project();
        project["functions"] = json!({"function.shop.f": {"raw_code": body}});
        project["nodes"]["model.shop.orders"]["depends_on"]["nodes"] = json!(["function.shop.f"]);
        version(&project, "model.shop.orders")
    };
    assert_ne!(with("x + 1"), with("x + 2"));
}

#[test]
fn a_chain_of_100_000_ephemeral_models_carries_a_change_to_its_end() {
    let chain = |first: &str| {
        let code = |own: &str| Code {
            own: fingerprint::of_code(own),
            macros: Vec::new(),
        };
        let codes = [code(first), code("select * from it")];
        // From the end to the beginning, so that no order of reading helps.
        let mut units: Vec<_> = (1..100_000)
            .map(|next| Unit {
                code: &codes[1],
                inlines: vec![next],
            })
            .collect();
        units.push(Unit {
            code: &codes[0],
            inlines: Vec::new(),
        });
        finished(&Macros::new(), &units)[0]
    };
    assert_ne!(chain("select 1"), chain("select 2"));
}

#[test]
fn ephemeral_models_on_a_cycle_still_get_a_version() {
    let mut broken = project();
    broken["nodes"]["model.shop.eph"]["depends_on"]["nodes"] = json!(["model.shop.eph"]);
    assert_eq!(version(&broken, "model.shop.eph").len(), 64);
}

/// Writes JSON with the entries of every object in an order that the seed decides.
fn shuffled(value: &Value, seed: u64) -> String {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| {
                key.bytes().fold(seed | 1, |sum, byte| {
                    sum.wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(u64::from(byte))
                        >> 3
                })
            });
            let entry = |(key, value): (&String, &Value)| {
                format!("{}:{}", json!(key), shuffled(value, seed))
            };
            format!(
                "{{{}}}",
                entries.into_iter().map(entry).collect::<Vec<_>>().join(",")
            )
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shuffled(item, seed)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_order_of_maps_does_not_matter(seed in any::<u64>()) {
        let text = shuffled(&project(), seed);
        prop_assert_eq!(super::read_text(&text), read(&project()));
    }
}
