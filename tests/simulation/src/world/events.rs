//! What other people, other systems and the runs themselves do.

use assets::delta::Unreadable;
use chrono::TimeDelta;
use headwater::ports::RunState;

use super::World;
use super::service::Phase;
use crate::faults::Fault;

/// The longest time between what a run reads and what it writes.
const LONGEST_WORK: TimeDelta = TimeDelta::minutes(25);

impl World {
    /// Somebody writes a source.
    pub(crate) fn write_source(&mut self) {
        let sources = self.positions(false);
        if let Some(source) = self.dice.any(&sources) {
            let at = self.time.truth;
            let table = self.lake.of_mut(source);
            table.log.exists = true;
            let version = table.commit(at, Vec::new(), None);
            self.note(|world| format!("{} gets version {version}", world.name(source)));
        }
    }

    /// Something happens to a table that nobody here did.
    pub(crate) fn disturb_table(&mut self) {
        let kinds = [
            Fault::OutsideWrite,
            Fault::Maintenance,
            Fault::TornCommit,
            Fault::Unreadable,
            Fault::Vanished,
            Fault::Recreated,
            Fault::RolledBack,
            Fault::Replaced,
            Fault::LogCut,
        ];
        let Some(fault) = self
            .dice
            .any(&kinds)
            .filter(|fault| self.faults.has(*fault))
        else {
            return;
        };
        let table = self.dice.below(self.topology.assets.len());
        if self.lake.of(table).log.commits.is_empty() {
            return;
        }
        self.struck(fault);
        self.note(|world| format!("{}: {}", world.name(table), fault.name()));
        let at = self.time.truth;
        let inputs = self.topology.assets[table].inputs.clone();
        let reads = self.lake.read(&inputs);
        let kept = u64::try_from(self.dice.between(0, 1)).unwrap_or(0);
        let table = self.lake.of_mut(table);
        match fault {
            // Of a source, it is a commit like any other.
            Fault::OutsideWrite => {
                table.commit(at, reads, None);
            }
            Fault::Maintenance => {
                table.log.commit(at, false);
            }
            Fault::TornCommit => {
                let torn = table.commit(at, reads, None);
                table.log.torn = table.log.torn.or(Some(torn));
            }
            Fault::Unreadable => table.log.problem = Some(Unreadable::TimedOut { after_ms: 1 }),
            Fault::Vanished => table.log.exists = false,
            Fault::Recreated => table.recreate(at, reads),
            Fault::RolledBack => table.roll_back(at, reads),
            Fault::Replaced => table.replace(at, reads),
            Fault::LogCut => table.cut(kept),
            _ => {}
        }
    }

    /// What could not be read can be read again.
    pub(crate) fn heal(&mut self) {
        self.lake.heal();
    }

    /// One of the runs gets on, or into trouble.
    pub(crate) fn work(&mut self) {
        let active = self.service.active();
        let Some(at) = self.dice.any(&active) else {
            return;
        };
        let trouble = [
            Fault::RunFails,
            Fault::RunSkipped,
            Fault::RunCancelled,
            Fault::RunHangs,
        ];
        let fault = self.dice.any(&trouble);
        if let Some(fault) = fault.filter(|fault| self.faults.has(*fault))
            && self.dice.one_in(5)
        {
            self.trouble(at, fault);
        } else {
            self.proceed(at);
        }
    }

    fn trouble(&mut self, at: usize, fault: Fault) {
        let now = self.time.truth;
        let is_transient = self.dice.one_in(2);
        let run = &mut self.service.runs[at];
        let message = fault.name().to_owned();
        let state = match fault {
            Fault::RunHangs => {
                run.hangs = true;
                None
            }
            Fault::RunSkipped if run.phase != Phase::Started => None,
            Fault::RunCancelled => Some(RunState::Cancelled { message }),
            _ => Some(RunState::Failed {
                code: "RUN_EXECUTION_ERROR".to_owned(),
                message,
                is_transient: is_transient || fault == Fault::RunSkipped,
            }),
        };
        let id = run.run.id;
        if let Some(state) = state {
            run.end(state, now);
        }
        self.struck(fault);
        self.note(|_| format!("run {id}: {}", fault.name()));
    }

    /// A run takes its next step: it reads, it writes, it ends.
    pub(crate) fn proceed(&mut self, at: usize) {
        let now = self.time.truth;
        let is_quiet = self.strikes(Fault::QuietSuccess, 3);
        let run = &self.service.runs[at];
        let (id, asset) = (run.run.id, run.asset);
        if run.is_cancelling {
            let message = "cancelled".to_owned();
            self.service.runs[at].end(RunState::Cancelled { message }, now);
            self.note(|_| format!("run {id} is cancelled"));
            return;
        }
        if run.hangs {
            return;
        }
        let inputs = self.topology.assets[asset].inputs.clone();
        match run.phase.clone() {
            Phase::Started if !self.lake.are_there(&inputs) => {}
            Phase::Started => {
                let reads = self.lake.read(&inputs);
                self.note(|world| format!("run {id} reads {}", world.told(&reads)));
                self.service.runs[at].phase = Phase::Read(reads, now);
            }
            // What a run takes is bounded by the margin that is assumed of writes of unknown writers.
            Phase::Read(_, since) if now - since > LONGEST_WORK => {
                self.service.runs[at].phase = Phase::Started;
            }
            // Somebody else's write in between is not undone by writing nothing.
            Phase::Read(reads, _) if is_quiet && self.is_undisturbed(asset, at) => {
                self.lake.of_mut(asset).confirm(reads);
                self.struck(Fault::QuietSuccess);
                self.service.runs[at].end(RunState::Succeeded, now);
                self.note(|_| format!("run {id} succeeds and had nothing to write"));
            }
            Phase::Read(reads, _) => {
                let names = self.names_runs.then_some(id.0);
                let table = self.lake.of_mut(asset);
                table.log.exists = true;
                let version = table.commit(now, reads, names);
                self.note(|world| format!("run {id} writes {} {version}", world.name(asset)));
                self.service.runs[at].phase = Phase::Wrote;
            }
            Phase::Wrote => {
                self.service.runs[at].end(RunState::Succeeded, now);
                self.note(|_| format!("run {id} succeeds"));
            }
        }
    }

    /// Whether nobody wrote the table of a run since the run began.
    fn is_undisturbed(&self, asset: usize, at: usize) -> bool {
        let began = self.service.runs[at].run.started_at;
        let table = self.lake.of(asset);
        let newest = table.newest();
        table.log.exists && newest.is_some_and(|newest| newest.at < began)
    }

    /// A run that ended is deleted by a person, or forgotten by the service.
    pub(crate) fn lose_run(&mut self) {
        let fault = if self.dice.one_in(2) {
            Fault::RunDeleted
        } else {
            Fault::RunForgotten
        };
        let runs = self.service.runs.iter().enumerate();
        let ended: Vec<usize> = runs
            .filter(|(_, run)| !run.is_active())
            .map(|(at, _)| at)
            .collect();
        if !self.faults.has(fault) {
            return;
        }
        let Some(at) = self.dice.any(&ended) else {
            return;
        };
        let run = &mut self.service.runs[at];
        match fault {
            Fault::RunDeleted => run.is_deleted = true,
            _ => run.is_forgotten = true,
        }
        let id = run.run.id;
        self.struck(fault);
        self.note(|_| format!("run {id}: {}", fault.name()));
    }

    /// The wall clock is set.
    pub(crate) fn jump(&mut self) {
        let seconds = match self.dice.below(4) {
            0 => self.dice.between(1, 120),
            1 => self.dice.between(120, 7_200),
            2 => self.dice.between(7_200, 200_000),
            _ => self.dice.between(200_000, 400_000_000),
        };
        let (fault, seconds) = if self.dice.one_in(2) {
            (Fault::ClockForward, seconds)
        } else {
            (Fault::ClockBack, -seconds)
        };
        if self.faults.has(fault) {
            self.time.skew = TimeDelta::seconds(seconds);
            self.struck(fault);
            self.note(|_| format!("the wall clock is {seconds} s ahead from now on"));
        }
    }

    /// Assets that are built here, or that are not, by position.
    pub(crate) fn positions(&self, is_built: bool) -> Vec<usize> {
        let assets = self.topology.assets.iter().enumerate();
        assets
            .filter(|(_, node)| node.is_built == is_built)
            .map(|(at, _)| at)
            .collect()
    }

    /// Reads in the words of the trace.
    pub(crate) fn told(&self, reads: &super::lake::Reads) -> String {
        let words = reads.iter().map(|(input, mark)| {
            let again = "'".repeat(mark.incarnation);
            format!("{}{again} {}", self.name(*input), mark.version)
        });
        words.collect::<Vec<_>>().join(", ")
    }
}
