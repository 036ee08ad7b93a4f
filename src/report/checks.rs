//! How the checks of an asset stand by its newest data version.

use assets::{Asset, TableVersion};
use serde_json::{Value, json};

use super::instant;
use crate::plan::{CheckStanding, check_standing};
use crate::state::{CheckStatus, Memory};

/// How many checks came to what; `null` for an asset without any.
pub(super) fn summary(memory: &Memory, asset: &Asset, version: Option<&TableVersion>) -> Value {
    if asset.checks.is_empty() {
        return Value::Null;
    }
    let (mut counts, mut pending) = ([0_u64; 5], 0_u64);
    for check in &asset.checks {
        let status = match check_standing(memory, &asset.key, check, version) {
            CheckStanding::Judged(result) => result.status,
            CheckStanding::Unjudged(_) => CheckStatus::Unknown,
            CheckStanding::Pending => {
                pending += 1;
                continue;
            }
        };
        let all = CheckStatus::ALL.iter().zip(&mut counts);
        all.filter(|(known, _)| **known == status)
            .for_each(|(_, count)| *count += 1);
    }
    let counted = CheckStatus::ALL.iter().zip(counts);
    let mut fields: serde_json::Map<String, Value> = counted
        .map(|(status, count)| (status.as_str().to_owned(), count.into()))
        .collect();
    fields.insert("pending".to_owned(), pending.into());
    Value::Object(fields)
}

/// Every check with what it came to, in the order of the declaration.
pub(super) fn all(memory: &Memory, asset: &Asset, version: Option<&TableVersion>) -> Vec<Value> {
    let checks = asset.checks.iter();
    let told = checks.map(|check| {
        let standing = check_standing(memory, &asset.key, check, version);
        let (status, message, result) = match standing {
            CheckStanding::Judged(result) => (
                result.status.as_str(),
                result.message.as_deref(),
                Some(result),
            ),
            CheckStanding::Pending => ("pending", None, None),
            CheckStanding::Unjudged(why) => ("unknown", Some(why), None),
        };
        json!({
            "name": check.name,
            "check": check.rule.kind(),
            "severity": check.severity,
            "status": status,
            "version": result.map(|result| result.version.version),
            "expected": check.rule.expected(),
            "measured": result.and_then(|result| result.measured.as_deref()),
            "message": message,
            "judged_at": result.map(|result| instant(result.at)),
            "description": check.description,
        })
    });
    told.collect()
}
