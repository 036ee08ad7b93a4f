//! What is left of the limits: of all runs, of those of a task and of a pool, and of the day's budgets.

use std::collections::BTreeMap;

use assets::AssetKey;
use assets::task::TaskName;

use super::budget::Day;
use super::input::PlanInput;
use super::reason::Reason;

/// What is left of each limit.
pub(super) struct Room<'a> {
    running: u32,
    by_task: BTreeMap<TaskName, u32>,
    by_pool: BTreeMap<String, u32>,
    /// Runs that this pass begins.
    begun: u32,
    /// What began within a day, where that is bounded.
    day: Option<Day<'a>>,
}

impl<'a> Room<'a> {
    pub(super) fn new(input: &PlanInput<'a>) -> Self {
        let mut room = Self {
            running: 0,
            by_task: BTreeMap::new(),
            by_pool: BTreeMap::new(),
            begun: 0,
            day: Day::before(input),
        };
        for intent in input.memory.open_intents.values() {
            room.count(&intent.task, intent.pool.as_deref());
        }
        room
    }

    /// Counts a run that this pass begins.
    pub(super) fn begin(&mut self, asset: &AssetKey, task: &TaskName, pool: Option<&str>) {
        self.begin_beside(task, pool);
        if let Some(day) = &mut self.day {
            day.begin(asset, pool);
        }
    }

    fn begin_beside(&mut self, task: &TaskName, pool: Option<&str>) {
        self.begun += 1;
        self.count(task, pool);
    }

    fn count(&mut self, task: &TaskName, pool: Option<&str>) {
        self.running += 1;
        *self.by_task.entry(task.clone()).or_default() += 1;
        if let Some(pool) = pool {
            *self.by_pool.entry(pool.to_owned()).or_default() += 1;
        }
    }

    /// Takes room for one more run of an asset's task, or says which limit leaves none.
    pub(super) fn take(
        &mut self,
        input: &PlanInput<'_>,
        (asset, name): (&AssetKey, &TaskName),
    ) -> Result<(), Reason> {
        let pool = pool_of(input, name);
        let day = self.day.as_ref();
        match day.and_then(|day| day.spent(asset, pool)) {
            Some(spent) => return Err(spent),
            None => self.look(input, name, 0)?,
        }
        self.begin(asset, name, pool);
        Ok(())
    }

    /// Takes room for one more run of a backfill beside what is live: of each limit that allows several runs,
    /// one place stays free, so that what becomes stale next need not wait for the end of a run.
    pub(super) fn take_beside(
        &mut self,
        input: &PlanInput<'_>,
        name: &TaskName,
    ) -> Result<(), Reason> {
        match self.day.as_ref().and_then(Day::spent_by_backfills) {
            Some(spent) => return Err(spent),
            None => self.look(input, name, 1)?,
        }
        if let Some(day) = &mut self.day {
            day.begin_for_backfill();
        }
        self.begin_beside(name, pool_of(input, name));
        Ok(())
    }

    /// Looks for room for one more run at once, or says which limit leaves none.
    fn look(&self, input: &PlanInput<'_>, name: &TaskName, spared: u32) -> Result<(), Reason> {
        let is_full = |running: u32, allowed: u32| running >= allowed.saturating_sub(spared).max(1);
        let full = |limit: String, allowed| Err(Reason::Limit { limit, allowed });
        let task = input.tasks.get(name);
        let allowed = input.limits.max_concurrent_runs;
        if is_full(self.running, allowed) {
            return full("runs".to_owned(), allowed);
        }
        let of_task = self.by_task.get(name).copied().unwrap_or(0);
        if let Some(allowed) = task.and_then(|task| task.max_concurrent_runs)
            && is_full(of_task, allowed)
        {
            return full(format!("task {name}"), allowed);
        }
        if let Some(pool) = pool_of(input, name)
            && let Some(&allowed) = input.limits.pools.get(pool)
            && is_full(self.by_pool.get(pool).copied().unwrap_or(0), allowed)
        {
            return full(format!("pool {pool}"), allowed);
        }
        if let Some(allowed) = input.limits.max_runs_per_pass
            && self.begun >= allowed
        {
            return full("begun by one pass".to_owned(), allowed);
        }
        Ok(())
    }
}

fn pool_of<'t>(input: &PlanInput<'t>, task: &TaskName) -> Option<&'t str> {
    input.tasks.get(task)?.pool.as_deref()
}
