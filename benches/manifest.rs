//! Reading a dbt manifest of 60 MB, the size of the largest projects seen: time and memory.
//!
//! The manifest is generated: 2,400 models with code, columns and compiled code, 9,000 tests, 800
//! sources and 2,000 macros. `max alloc` in the output is what reading needs beside the text.
//! Run with `cargo bench --bench manifest`.

#![expect(clippy::expect_used, reason = "a benchmark that cannot run may stop")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use assets::dbt::{Manifest, read_manifest};
use assets::resolve::{DbtInput, ResolveInput, resolve};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const MODELS: usize = 2_400;
const TESTS: usize = 9_000;
const SOURCES: usize = 800;
const MACROS: usize = 2_000;

fn main() {
    divan::main();
}

/// Text → nodes with code versions.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn read(bencher: Bencher<'_, '_>) {
    let text = manifest_text();
    bencher
        .counter(divan::counter::BytesCount::of_str(&text))
        .bench(|| read_text(black_box(&text)));
}

/// Nodes → assets.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn resolved(bencher: Bencher<'_, '_>) {
    let manifest = read_text(&manifest_text());
    let input = || ResolveInput {
        dbt: vec![DbtInput {
            manifest: manifest.clone(),
            task: None,
            place: None,
            blocks: BTreeMap::new(),
        }],
        ..ResolveInput::default()
    };
    bencher.with_inputs(input).bench_values(|input| {
        let resolved = resolve(input);
        assert_eq!(resolved.diagnostics, []);
        resolved
    });
}

fn read_text(text: &str) -> Manifest {
    let manifest = read_manifest(&Arc::from("target/manifest.json"), text.as_bytes())
        .expect("the generated manifest is valid");
    assert_eq!(manifest.nodes.len(), MODELS + SOURCES);
    manifest
}

/// Writes a manifest in the shape of dbt 1.11, about 60 MB.
fn manifest_text() -> String {
    let mut out = String::with_capacity(64_000_000);
    out.push_str(
        r#"{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
        "dbt_version": "1.11.16", "project_name": "big"}, "nodes": {"#,
    );
    entries(&mut out, MODELS, model);
    out.push_str(", ");
    entries(&mut out, TESTS, test);
    out.push_str(r#"}, "sources": {"#);
    entries(&mut out, SOURCES, source);
    out.push_str(r#"}, "macros": {"#);
    entries(&mut out, MACROS, one_macro);
    out.push_str(r#"}, "docs": {"#);
    entries(&mut out, 500, |out, i| {
        write(
            out,
            format_args!(
                r#""doc.big.d{i}": {{"block_contents": "{}"}}"#,
                WORDS.repeat(40)
            ),
        );
    });
    out.push_str(r#"}, "parent_map": {"#);
    entries(&mut out, MODELS, |out, i| {
        write(out, format_args!(r#""model.big.m{i}": [{}]"#, parents(i)));
    });
    out.push_str("}}");
    out
}

const WORDS: &str = "coalesce(orders.net_amount, 0) as net_amount,\\n    ";

fn entries(out: &mut String, count: usize, entry: impl Fn(&mut String, usize)) {
    for i in 0..count {
        if i > 0 {
            out.push_str(", ");
        }
        entry(out, i);
    }
}

fn write(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a string takes any text");
}

/// About four parents: earlier models, and a source for the first ones.
fn parents(i: usize) -> String {
    let mut parents: Vec<_> = [3, 7, 40]
        .iter()
        .filter_map(|back| i.checked_sub(*back))
        .collect();
    parents.dedup();
    let mut names: Vec<_> = parents
        .iter()
        .map(|i| format!(r#""model.big.m{i}""#))
        .collect();
    names.push(format!(r#""source.big.raw.s{}""#, i % SOURCES));
    names.join(", ")
}

fn model(out: &mut String, i: usize) {
    let (kind, code) = match i % 10 {
        0 => ("ephemeral", WORDS.repeat(30)),
        1..=4 => ("view", WORDS.repeat(40)),
        _ => ("incremental", WORDS.repeat(80)),
    };
    let macros: Vec<_> = (0..6)
        .map(|n| format!(r#""macro.big.x{}""#, (i + n * 31) % MACROS))
        .collect();
    write(
        out,
        format_args!(
            r#""model.big.m{i}": {{"database": "main", "schema": "gold", "name": "m{i}",
            "resource_type": "model", "package_name": "big", "path": "marts/m{i}.sql",
            "original_file_path": "models/marts/m{i}.sql", "unique_id": "model.big.m{i}",
            "fqn": ["big", "marts", "m{i}"], "alias": "m{i}", "tags": ["nightly"],
            "checksum": {{"name": "sha256", "checksum": "{i:064x}"}},
            "config": {{"enabled": true, "alias": null, "schema": null, "tags": ["nightly"],
            "meta": {{"owner": "core"}}, "group": null, "materialized": "{kind}",
            "incremental_strategy": null, "batch_size": null, "lookback": 1, "begin": null,
            "persist_docs": {{}}, "post-hook": [], "pre-hook": [], "quoting": {{}},
            "column_types": {{}}, "full_refresh": null, "unique_key": "id",
            "on_schema_change": "ignore", "on_configuration_change": "apply", "grants": {{}},
            "packages": [], "docs": {{"show": true, "node_color": null}},
            "contract": {{"enforced": false, "alias_types": true}}, "access": "protected"}},
            "meta": {{"owner": "core"}}, "description": "A table of the mart",
            "relation_name": "`main`.`gold`.`m{i}`", "language": "sql", "refs": [],
            "raw_code": "select {code} from x", "compiled_code": "select {code} {code} from x",
            "depends_on": {{"macros": [{}], "nodes": [{}]}}, "columns": {{"#,
            macros.join(", "),
            parents(i),
        ),
    );
    entries(out, 25, |out, column| {
        write(
            out,
            format_args!(
                r#""column_{column}": {{"name": "column_{column}", "description": "What it is",
                "meta": {{}}, "data_type": "decimal(18,2)", "constraints": [], "quote": null,
                "config": {{"meta": {{}}, "tags": []}}, "tags": [], "granularity": null}}"#
            ),
        );
    });
    out.push_str("}}");
}

fn test(out: &mut String, i: usize) {
    let model = i % MODELS;
    write(
        out,
        format_args!(
            r#""test.big.not_null_m{model}_c{i}.{i:010x}": {{"database": "main",
            "schema": "gold_dbt_test__audit", "name": "not_null_m{model}_c{i}",
            "resource_type": "test", "package_name": "big", "fqn": ["big", "not_null_m{model}_c{i}"],
            "unique_id": "test.big.not_null_m{model}_c{i}.{i:010x}", "tags": [], "columns": {{}},
            "config": {{"enabled": true, "materialized": "test", "severity": "ERROR",
            "store_failures": null, "where": null, "limit": null, "fail_calc": "count(*)",
            "warn_if": "!= 0", "error_if": "!= 0", "meta": {{}}}}, "compiled_code": "{}",
            "raw_code": "{{{{ test_not_null(**_dbt_generic_test_kwargs) }}}}",
            "depends_on": {{"macros": ["macro.dbt.test_not_null"], "nodes": ["model.big.m{model}"]}},
            "file_key_name": "models.m{model}", "attached_node": "model.big.m{model}"}}"#,
            WORDS.repeat(6),
        ),
    );
}

fn source(out: &mut String, i: usize) {
    write(
        out,
        format_args!(
            r#""source.big.raw.s{i}": {{"database": "main", "schema": "bronze", "name": "s{i}",
            "source_name": "raw", "identifier": "s{i}", "package_name": "big", "meta": {{}},
            "freshness": {{"warn_after": {{"count": 12, "period": "hour"}},
            "error_after": {{"count": 1, "period": "day"}}}}, "description": "{}"}}"#,
            WORDS.repeat(10),
        ),
    );
}

fn one_macro(out: &mut String, i: usize) {
    let calls: Vec<_> = (1..4)
        .map(|n| format!(r#""macro.big.x{}""#, (i * 2 + n) % MACROS))
        .collect();
    write(
        out,
        format_args!(
            r#""macro.big.x{i}": {{"name": "x{i}", "macro_sql": "{}{i}",
            "depends_on": {{"macros": [{}]}}}}"#,
            WORDS.repeat(50),
            calls.join(", "),
        ),
    );
}
