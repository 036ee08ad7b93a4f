//! What dbt told of its tests: `run_results.json`.
//!
//! Only nodes of the last invocation stand in it. Versions differ in what else they say; results of other
//! nodes, and those of tests that were skipped, are passed over. Source: JSON schemas
//! `dbt/run-results/v4.json` to `v6.json` of schemas.getdbt.com.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::lenient::{Text, or_default};

/// What dbt told of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// The test.
    pub unique_id: Arc<str>,
    /// What it came to.
    pub status: TestStatus,
    /// When its query began, UTC: what was committed later it did not see.
    pub at: DateTime<Utc>,
    /// How many rows speak against the data.
    pub failures: Option<u64>,
    /// What dbt said.
    pub message: Option<String>,
}

/// What dbt told last of each test, by its `unique_id`.
pub type TestResults = BTreeMap<Arc<str>, TestResult>;

/// What a test came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestStatus {
    /// It is as expected.
    Pass,
    /// It is not.
    Fail,
    /// It is not, and that is a warning.
    Warn,
    /// It could not be run.
    Error,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    results: Vec<WireResult<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireResult<'a> {
    #[serde(borrow)]
    unique_id: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    timing: Vec<Timing<'a>>,
    #[serde(borrow)]
    message: Text<'a>,
    failures: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timing<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    started_at: Text<'a>,
}

/// Reads the file.
///
/// # Errors
///
/// Says why it is none.
pub fn read_run_results(bytes: &[u8]) -> Result<Vec<TestResult>, serde_json::Error> {
    let file: File<'_> = serde_json::from_slice(bytes)?;
    Ok(file.results.iter().filter_map(test).collect())
}

fn test(wire: &WireResult<'_>) -> Option<TestResult> {
    let unique_id = wire.unique_id.get()?;
    if !unique_id.starts_with("test.") {
        return None;
    }
    let status = match wire.status.get()? {
        "pass" => TestStatus::Pass,
        "fail" => TestStatus::Fail,
        "warn" => TestStatus::Warn,
        "error" => TestStatus::Error,
        _ => return None,
    };
    let timing = wire.timing.iter();
    let mut executed = timing.filter(|timing| timing.name.get() == Some("execute"));
    // Without its time nobody knows which version it was about.
    let at = executed.find_map(|timing| instant(timing.started_at.get()?))?;
    Some(TestResult {
        unique_id: unique_id.into(),
        status,
        at,
        failures: wire.failures.as_u64(),
        message: wire.message.get().map(str::to_owned),
    })
}

/// Times have no zone but `Z`, and old versions leave that out: UTC.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .ok();
    zoned.or_else(|| {
        let naive = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
        naive.ok().map(|at| at.and_utc())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_taken_and_all_else_is_passed_over() {
        let text = br#"{"metadata": {}, "results": [
            {"unique_id": "model.shop.orders", "status": "success", "timing": []},
            {"unique_id": "test.shop.a", "status": "fail", "failures": 3, "message": "Got 3 results",
             "timing": [{"name": "compile", "started_at": "2026-03-01T05:00:00Z"},
                        {"name": "execute", "started_at": "2026-03-01T06:00:00.5Z"}]},
            {"unique_id": "test.shop.b", "status": "warn", "failures": null,
             "timing": [{"name": "execute", "started_at": "2026-03-01T06:00:00.500000"}]},
            {"unique_id": "test.shop.c", "status": "skipped", "timing": []},
            {"unique_id": "test.shop.d", "status": "pass", "timing": []}
        ]}"#;
        let found = read_run_results(text).unwrap();
        let of: Vec<_> = found
            .iter()
            .map(|f| (&*f.unique_id, f.status, f.failures))
            .collect();
        assert_eq!(
            of,
            [
                ("test.shop.a", TestStatus::Fail, Some(3)),
                ("test.shop.b", TestStatus::Warn, None),
            ]
        );
        assert_eq!(found[0].at, found[1].at);
        assert!(read_run_results(b"{\"results\": [").is_err());
    }
}
