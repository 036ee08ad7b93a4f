//! What is left of the limits: of all runs, of those of a task and of a pool.

use std::collections::BTreeMap;

use assets::task::TaskName;

use super::input::PlanInput;
use super::reason::Reason;

/// What is left of each limit.
pub(super) struct Room {
    running: u32,
    by_task: BTreeMap<TaskName, u32>,
    by_pool: BTreeMap<String, u32>,
    /// Runs that this pass begins.
    begun: u32,
}

impl Room {
    pub(super) fn new(input: &PlanInput<'_>) -> Self {
        let mut room = Self {
            running: 0,
            by_task: BTreeMap::new(),
            by_pool: BTreeMap::new(),
            begun: 0,
        };
        for intent in input.memory.open_intents.values() {
            room.count(&intent.task, intent.pool.as_deref());
        }
        room
    }

    /// Counts a run that this pass begins.
    pub(super) fn begin(&mut self, task: &TaskName, pool: Option<&str>) {
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

    /// Takes room for one more run of a task, or says which limit leaves none.
    pub(super) fn take(&mut self, input: &PlanInput<'_>, name: &TaskName) -> Result<(), Reason> {
        self.take_but(input, name, 0)
    }

    /// Takes room for one more run beside what is live: of each limit that allows several runs, one place
    /// stays free, so that what becomes stale next need not wait for the end of a run.
    pub(super) fn take_beside(
        &mut self,
        input: &PlanInput<'_>,
        name: &TaskName,
    ) -> Result<(), Reason> {
        self.take_but(input, name, 1)
    }

    fn take_but(
        &mut self,
        input: &PlanInput<'_>,
        name: &TaskName,
        spared: u32,
    ) -> Result<(), Reason> {
        let is_full = |running: u32, allowed: u32| running >= allowed.saturating_sub(spared).max(1);
        let full = |limit: String, allowed| Err(Reason::Limit { limit, allowed });
        let task = input.tasks.get(name);
        let pool = task.and_then(|task| task.pool.as_deref());
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
        if let Some(pool) = pool
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
        self.begin(name, pool);
        Ok(())
    }
}
