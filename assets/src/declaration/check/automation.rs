//! Automation: what short forms and condition trees say.

use chrono::TimeDelta;

use crate::automation::{Automation, OnChange, Pacing};
use crate::condition::Condition;
use crate::declaration::at::{At, Short};
use crate::declaration::file::{
    AutomationEntry, ConditionEntry, DeadlineLeafEntry, DurationText, KeyText, OnScheduleEntry,
    PacingEntry, WhenEntry,
};
use crate::declaration::problem::Problem;
use crate::declaration::tree::NodeId;

use super::Checks;

impl Checks<'_, '_> {
    pub(super) fn automation(&mut self, entry: Option<&At<AutomationEntry>>) -> Option<Automation> {
        match &entry?.value {
            AutomationEntry::Manual => Some(Automation::Manual),
            AutomationEntry::OnChange(None) => Some(Automation::default()),
            AutomationEntry::OnChange(Some(entry)) => Some(Automation::OnChange(OnChange {
                updates_on: entry.updates_on.unwrap_or_default(),
                pacing: self.pacing(&entry.pacing()),
            })),
            AutomationEntry::OnSchedule(At { node, value }) => match value {
                Short::Short(text) => Some(Automation::OnSchedule {
                    schedule: self.schedule(text, *node, (None, None, None))?,
                    pacing: Pacing::default(),
                }),
                Short::Long(entry) => self.on_schedule(entry, *node),
            },
            AutomationEntry::BeforeDeadline(None) => Some(Automation::BeforeDeadline {
                slack: TimeDelta::zero(),
                pacing: Pacing::default(),
            }),
            AutomationEntry::BeforeDeadline(Some(entry)) => Some(Automation::BeforeDeadline {
                slack: self.duration(entry.slack.as_ref()).unwrap_or_default(),
                pacing: self.pacing(&entry.pacing()),
            }),
            AutomationEntry::When(At { node, value }) => self.when(value, *node),
        }
    }

    fn on_schedule(&mut self, entry: &OnScheduleEntry, node: NodeId) -> Option<Automation> {
        let pacing = self.pacing(&entry.pacing());
        let cron = self.required(entry.cron.as_ref(), node, "cron")?;
        let place = (entry.timezone.as_ref(), entry.calendar.as_ref(), entry.day);
        Some(Automation::OnSchedule {
            schedule: self.schedule(&cron.value, cron.node, place)?,
            pacing,
        })
    }

    fn when(&mut self, entry: &WhenEntry, node: NodeId) -> Option<Automation> {
        let pacing = self.pacing(&entry.pacing());
        let given = [
            entry.any.is_some(),
            entry.all.is_some(),
            entry.not.is_some(),
            entry.changed.is_some(),
            entry.cron.is_some(),
            entry.deadline.is_some(),
            entry.lag_over.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            if !self.tree.has_pruned_child(node) {
                let message = "`when` takes one condition".to_owned();
                let help = "put several of them under `any:` or `all:`";
                self.error(Problem::Value, node, message, help);
            }
            return None;
        }
        let condition = None
            .or_else(|| Some(Condition::Any(self.conditions(entry.any.as_ref()?))))
            .or_else(|| Some(Condition::All(self.conditions(entry.all.as_ref()?))))
            .or_else(|| self.negation(entry.not.as_ref()?))
            .or_else(|| self.changed(Some(entry.changed.as_ref()?)))
            .or_else(|| Some(Condition::Cron(self.schedule_of(entry.cron.as_ref()?)?)))
            .or_else(|| Some(self.deadline_leaf(Some(&entry.deadline.as_ref()?.value))))
            .or_else(|| self.lag_over(entry.lag_over.as_ref()?))?;
        Some(Automation::When { condition, pacing })
    }

    fn conditions(&mut self, entries: &[At<ConditionEntry>]) -> Vec<Condition> {
        let entries = entries.iter();
        entries.filter_map(|entry| self.condition(entry)).collect()
    }

    fn condition(&mut self, At { value, .. }: &At<ConditionEntry>) -> Option<Condition> {
        match value {
            ConditionEntry::Any(parts) => Some(Condition::Any(self.conditions(parts))),
            ConditionEntry::All(parts) => Some(Condition::All(self.conditions(parts))),
            ConditionEntry::Not(part) => self.negation(part),
            ConditionEntry::Changed(upstream) => self.changed(upstream.as_ref()),
            ConditionEntry::AllChanged => Some(Condition::AllChanged),
            ConditionEntry::Missing => Some(Condition::Missing),
            ConditionEntry::CodeChanged => Some(Condition::CodeChanged),
            ConditionEntry::Cron(entry) => Some(Condition::Cron(self.schedule_of(entry)?)),
            ConditionEntry::Deadline(entry) => Some(self.deadline_leaf(entry.as_ref())),
            ConditionEntry::LagOver(entry) => self.lag_over(entry),
            ConditionEntry::Manual => Some(Condition::Manual),
        }
    }

    fn negation(&mut self, part: &At<ConditionEntry>) -> Option<Condition> {
        Some(Condition::Not(Box::new(self.condition(part)?)))
    }

    fn changed(&mut self, upstream: Option<&At<KeyText>>) -> Option<Condition> {
        let upstream = match upstream {
            Some(At { node, value }) => Some(self.key(value, *node)?),
            None => None,
        };
        Some(Condition::Changed(upstream))
    }

    fn deadline_leaf(&mut self, entry: Option<&DeadlineLeafEntry>) -> Condition {
        let slack = entry.and_then(|entry| entry.slack.as_ref());
        Condition::Deadline {
            slack: self.duration(slack).unwrap_or_default(),
        }
    }

    fn lag_over(&mut self, entry: &At<DurationText>) -> Option<Condition> {
        Some(Condition::LagOver(self.positive(Some(entry))?))
    }

    fn pacing(&mut self, entry: &PacingEntry<'_>) -> Pacing {
        let settle = self.duration(entry.settle);
        let settle_at_most = self.duration(entry.settle_at_most);
        self.settle_order(settle, settle_at_most, entry.settle_at_most);
        Pacing {
            settle,
            settle_at_most,
            every: self.duration(entry.every),
            tolerance: self.duration(entry.tolerance),
            window: self.hours(entry.window),
            max_partitions_per_run: self.positive_number(entry.max_partitions_per_run),
        }
    }

    fn settle_order(
        &mut self,
        settle: Option<TimeDelta>,
        at_most: Option<TimeDelta>,
        entry: Option<&At<DurationText>>,
    ) {
        let (Some(at_most), Some(entry)) = (at_most, entry) else {
            return;
        };
        if settle.is_some_and(|settle| settle > at_most) {
            let message = "`settle_at_most` is shorter than `settle`".to_owned();
            let help = "make it at least as long";
            self.error(Problem::Value, entry.node, message, help);
        }
    }
}
