//! An automation as it is shown: its form, the condition that it stands for, and what tempers it.

use assets::policy::{Automation, Pacing, UpdatesOn};
use serde_json::{Map, Value, json};

/// Describes an automation. `manual` is one word; the key of any other one is its form.
pub(super) fn automation_document(automation: &Automation) -> Value {
    let mut fields = pacing(automation.pacing());
    match automation {
        Automation::Manual => return json!("manual"),
        Automation::OnChange(on_change) => {
            let updates_on: UpdatesOn = on_change.updates_on;
            fields.insert("updates_on".to_owned(), json!(updates_on));
        }
        Automation::OnSchedule { schedule, .. } => {
            let days = schedule.days();
            fields.insert("cron".to_owned(), json!(schedule.expression()));
            fields.insert("timezone".to_owned(), json!(schedule.zone().name()));
            let day = days.map(|days| days.rule);
            fields.insert("day".to_owned(), json!(day));
            let calendar = days.and_then(|days| days.calendar_name());
            fields.insert("calendar".to_owned(), json!(calendar));
        }
        Automation::BeforeDeadline { slack, .. } => {
            fields.insert("slack_seconds".to_owned(), json!(slack.num_seconds()));
        }
        Automation::When { .. } => {}
    }
    let condition = automation.condition().to_string();
    fields.insert("condition".to_owned(), json!(condition));
    json!({ automation.as_str(): fields })
}

fn pacing(pacing: &Pacing) -> Map<String, Value> {
    let seconds = |duration: Option<chrono::TimeDelta>| duration.map(|d| d.num_seconds());
    let fields = json!({
        "settle_seconds": seconds(pacing.settle),
        "settle_at_most_seconds": seconds(pacing.settle_at_most),
        "every_seconds": seconds(pacing.every),
        "tolerance_seconds": seconds(pacing.tolerance),
        "window": pacing.window.as_ref().map(ToString::to_string),
        "max_partitions_per_run": pacing.max_partitions_per_run,
    });
    let Value::Object(fields) = fields else {
        return Map::new();
    };
    fields
}
