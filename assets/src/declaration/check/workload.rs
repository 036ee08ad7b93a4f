//! Arrivals files: one way to say when, shares between nothing and all, costs that are none below zero.

use crate::declaration::at::{At, ScalarText};
use crate::declaration::file::{ArrivalsEntry, ChangedWord, RunsEntry, WorkloadFile};
use crate::declaration::problem::Problem;
use crate::task::TaskName;
use crate::workload::{Arrivals, Changed, Rhythm, Runs, Workload};

use super::Checks;

impl Checks<'_, '_> {
    /// Returns what of an arrivals file makes sense.
    pub(in crate::declaration) fn workload(&mut self, file: &WorkloadFile) -> Workload {
        let mut workload = Workload::default();
        for (select, entry) in file.sources.iter().flatten() {
            if let Some(arrivals) = self.arrivals(entry) {
                workload.sources.insert(select.clone(), arrivals);
            }
        }
        if let Some(runs) = &file.runs {
            workload.runs = self.runs(&runs.value);
        }
        for (name, entry) in file.tasks.iter().flatten() {
            let runs = self.runs(&entry.value);
            let place = self.report.place(&self.tree.spot(entry.node));
            workload.tasks.insert(TaskName::new(name), (runs, place));
        }
        if let Some(At { value: cost, .. }) = &file.cost {
            let per_hour = self.cost(cost.per_hour.as_ref());
            workload.runs.cost_per_hour = workload.runs.cost_per_hour.or(per_hour);
            let currency = cost.currency.as_ref();
            workload.currency = currency.and_then(|currency| self.not_empty(currency));
        }
        workload
    }

    fn arrivals(&mut self, At { node, value }: &At<ArrivalsEntry>) -> Option<Arrivals> {
        let jitter = self.duration(value.jitter.as_ref());
        let late = self.share(value.late.as_ref());
        let rhythm = match (&value.every, &value.cron) {
            (Some(every), None) => Rhythm::Every(self.positive(Some(every))?),
            (None, Some(cron)) => {
                let place = (value.timezone.as_ref(), value.calendar.as_ref(), value.day);
                Rhythm::Schedule(self.schedule(&cron.value, cron.node, place)?)
            }
            (Some(_), Some(cron)) => {
                let message = "`every` and `cron` are both given".to_owned();
                self.error(Problem::Value, cron.node, message, "keep one of them");
                return None;
            }
            (None, None) if self.tree.has_pruned_child(*node) => return None,
            (None, None) => {
                let message = format!("{} does not say when something arrives", self.label(*node));
                let help = "add `every: 5m`, or `cron: \"0 6 * * *\"`";
                self.error(Problem::MissingKey, *node, message, help);
                return None;
            }
        };
        Some(Arrivals {
            rhythm,
            jitter: jitter.unwrap_or_default(),
            partitions: match value.partitions {
                Some(ChangedWord::All) => Changed::All,
                Some(ChangedWord::Latest) | None => Changed::Latest,
            },
            late: late.unwrap_or(0.0),
            place: self.report.place(&self.tree.spot(*node)),
        })
    }

    fn runs(&mut self, entry: &RunsEntry) -> Runs {
        Runs {
            duration: self.positive(entry.duration.as_ref()),
            spread: self.share(entry.spread.as_ref()),
            failure_rate: self.share(entry.failure_rate.as_ref()),
            cost_per_hour: self.cost(entry.cost_per_hour.as_ref()),
        }
    }

    /// Reads `2%` or `0.02`.
    fn share(&mut self, entry: Option<&At<ScalarText>>) -> Option<f64> {
        let entry = entry?;
        let text = entry.value.0.trim();
        let (number, scale) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (text, 1.0),
        };
        let share = number.parse::<f64>().ok().map(|number| number / scale);
        if let Some(share) = share.filter(|share| (0.0..=1.0).contains(share)) {
            return Some(share);
        }
        let message = format!("`{}` is not a share", self.written(entry.node));
        let help = "write a percentage from `0%` to `100%`";
        self.error(Problem::Value, entry.node, message, help);
        None
    }

    fn cost(&mut self, entry: Option<&At<ScalarText>>) -> Option<f64> {
        let entry = entry?;
        let cost = entry.value.0.trim().parse::<f64>().ok();
        if let Some(cost) = cost.filter(|cost| cost.is_finite() && *cost >= 0.0) {
            return Some(cost);
        }
        let message = format!("`{}` is not a cost", self.written(entry.node));
        let help = "write a number without its currency: `4.5`";
        self.error(Problem::Value, entry.node, message, help);
        None
    }
}
