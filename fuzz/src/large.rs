//! Inputs too large to be kept as files: depth, width and scalars beyond every bound.

use crate::Seed;

const DEPTH: usize = 100_000;
const MEGABYTE: usize = 1_000_000;

fn seed(name: &str, bytes: impl Into<Vec<u8>>) -> Seed {
    Seed {
        name: name.to_owned(),
        bytes: bytes.into(),
    }
}

fn nested(open: &str, close: &str) -> String {
    format!("{}1{}", open.repeat(DEPTH), close.repeat(DEPTH))
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join("\n")
}

/// Returns the large inputs of a target.
pub fn large_inputs(target: &str) -> Vec<Seed> {
    match target {
        "manifest" => manifests(),
        "asset_file" | "project_file" => declarations(),
        "delta_commit" => commits(),
        "api_answer" => answers(),
        "selection" => selections(),
        "graph" => vec![seed("steps without end", [1, 7, 9, 1].repeat(DEPTH))],
        _ => Vec::new(),
    }
}

fn manifests() -> Vec<Seed> {
    let node = |value: &str| {
        format!(r#"{{"nodes": {{"model.a.b": {{"name": "b", "config": {value}}}}}}}"#)
    };
    let many: Vec<String> = (0..5_000)
        .map(|at| format!(r#""model.a.m{at}": {{"name": "m{at}", "depends_on": {{"nodes": ["model.a.m{}"]}}}}"#, at + 1))
        .collect();
    let wide: Vec<String> = (0..20_000)
        .map(|at| format!(r#""model.a.m{at}""#))
        .collect();
    vec![
        seed("only brackets", "[".repeat(DEPTH)),
        seed("lists in a node", node(&nested("[", "]"))),
        seed("objects in a node", node(&nested(r#"{"a":"#, "}"))),
        seed(
            "depth in what is skipped",
            format!(r#"{{"nodes": {{}}, "docs": {}}}"#, nested("[", "]")),
        ),
        seed(
            "a long scalar",
            node(&format!("\"{}\"", "x".repeat(MEGABYTE))),
        ),
        seed("a long number", node(&"9".repeat(MEGABYTE))),
        seed("escapes", node(&format!("\"{}\"", r"\u0000".repeat(DEPTH)))),
        seed(
            "a chain of models",
            format!(r#"{{"nodes": {{{}}}}}"#, many.join(",")),
        ),
        seed(
            "a fan of models",
            format!(
                r#"{{"nodes": {{"model.a.b": {{"depends_on": {{"nodes": [{}]}}}}}}}}"#,
                wide.join(",")
            ),
        ),
        seed("NUL bytes", vec![0; MEGABYTE]),
    ]
}

fn declarations() -> Vec<Seed> {
    let bomb = lines(40, |at| match at {
        0 => "a0: &a0 [x, x]".to_owned(),
        _ => format!("a{at}: &a{at} [*a{0}, *a{0}, *a{0}]", at - 1),
    });
    let merge = lines(2_000, |at| match at {
        0 => "m0: &m0 { a: 1 }".to_owned(),
        _ => format!("m{at}: &m{at} {{ <<: *m{} }}", at - 1),
    });
    let entries = lines(2_000, |at| {
        format!("  - {{ key: a.t{at}, depends_on: [a.t{}] }}", at + 1)
    });
    let keys = lines(20_000, |at| format!("k{at}: 1"));
    vec![
        seed("open brackets", "[".repeat(DEPTH)),
        seed("open lists", "- ".repeat(DEPTH)),
        seed("open mappings", "{a: ".repeat(DEPTH)),
        seed("complex keys", "? ".repeat(DEPTH)),
        seed("an alias bomb", bomb),
        seed("merge keys", merge),
        seed(
            "a long scalar",
            format!("assets: [{{ key: {} }}]", "x".repeat(900_000)),
        ),
        seed(
            "a long folded scalar",
            format!("assets:\n  - key: >\n{}", "     x\n".repeat(DEPTH)),
        ),
        seed("more than is read", "#".repeat(2 * MEGABYTE)),
        seed("anchors", "&a ".repeat(DEPTH)),
        seed("duplicate keys", "assets: []\n".repeat(DEPTH / 2)),
        seed("unknown keys", keys),
        seed("a chain of assets", format!("assets:\n{entries}")),
        seed(
            "variables",
            format!(
                "assets: [{{ key: a, owner: '{}' }}]",
                "${SECRET}".repeat(DEPTH)
            ),
        ),
        seed(
            "open variables",
            format!("assets: [{{ key: a, owner: '{}' }}]", "${".repeat(DEPTH)),
        ),
        seed("prefixes of tokens", "dapi-".repeat(DEPTH)),
        seed("documents", "---\n".repeat(DEPTH)),
    ]
}

fn commits() -> Vec<Seed> {
    let info = |value: &str| format!(r#"{{"commitInfo": {{"userMetadata": {value}}}}}"#);
    let stamp = format!(
        r#""{{\"headwater\":{}}}""#,
        r#"{\"inputs\":"#.repeat(10_000)
    );
    let schema =
        |value: &str| format!(r#"{{"metaData": {{"id": "t", "schemaString": "{value}"}}}}"#);
    let adds = "{\"add\":{\"path\":\"a\",\"dataChange\":false,\"stats\":\"{\\\"numRecords\\\":18446744073709551615}\"}}\n";
    vec![
        seed("depth in the info", info(&nested("[", "]"))),
        seed(
            "depth in what is skipped",
            format!(r#"{{"unknown": {}}}"#, nested(r#"{"a":"#, "}")),
        ),
        seed("depth in a stamp", info(&stamp)),
        seed("depth in a schema", schema(&nested(r#"{\"type\":"#, "}"))),
        seed(
            "a long path",
            format!(r#"{{"add": {{"path": "{}"}}}}"#, "x".repeat(MEGABYTE)),
        ),
        seed("many actions", adds.repeat(3_000)),
        seed("blank lines", "\n".repeat(MEGABYTE)),
        seed("NUL bytes", vec![0; MEGABYTE]),
    ]
}

fn answers() -> Vec<Seed> {
    let with =
        |status: u16, body: &str| format!("{status}\ncontent-type: application/json\n\n{body}");
    let tasks: Vec<String> = (0..5_000)
        .map(|at| {
            format!(
                r#"{{"task_key": "t", "run_id": {}, "attempt_number": {at}}}"#,
                at + 1
            )
        })
        .collect();
    vec![
        seed("depth", with(200, &nested(r#"{"a":"#, "}"))),
        seed(
            "depth in what is skipped",
            with(
                200,
                &format!(r#"{{"run_id": 7, "a": {}}}"#, nested("[", "]")),
            ),
        ),
        seed(
            "depth in a refusal",
            with(400, &nested(r#"{"error_code":"#, "}")),
        ),
        seed(
            "a long message",
            with(
                403,
                &format!(
                    r#"{{"error_code": "X", "message": "{}"}}"#,
                    "ü ".repeat(MEGABYTE / 2)
                ),
            ),
        ),
        seed(
            "a long code",
            with(400, &format!("{}: later", "A".repeat(MEGABYTE))),
        ),
        seed("an open page", with(502, &"<pre>".repeat(DEPTH))),
        seed(
            "details",
            with(
                429,
                &format!(
                    r#"{{"details": [{}7]}}"#,
                    r#"{"retry_delay": 1},"#.repeat(DEPTH)
                ),
            ),
        ),
        seed(
            "many tasks",
            with(
                200,
                &format!(r#"{{"run_id": 7, "tasks": [{}]}}"#, tasks.join(",")),
            ),
        ),
    ]
}

fn selections() -> Vec<Seed> {
    vec![
        seed("a long name", "x".repeat(MEGABYTE)),
        seed("stars", "*?".repeat(MEGABYTE / 2)),
        seed("stars between letters", format!("{}b", "*a".repeat(DEPTH))),
        seed("open classes", "[".repeat(MEGABYTE)),
        seed("commas", ",".repeat(MEGABYTE)),
        seed(
            "an intersection",
            format!("{}bronze", "bronze,".repeat(5_000)),
        ),
        seed("a union", "silver.orders ".repeat(5_000)),
        seed("folders", format!("models/{}*.sql", "**/".repeat(DEPTH))),
        seed(
            "steps",
            format!("{}+silver.orders+{}", "9".repeat(DEPTH), "9".repeat(DEPTH)),
        ),
        seed("pluses", "+".repeat(MEGABYTE)),
        seed("what is misspelt", "silver.ordres ".repeat(2_000)),
    ]
}
