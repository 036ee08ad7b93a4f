//! The tables: their logs, and what their content is really made of.
//!
//! The log is what Headwater can read. What a table really incorporates is known only here, and what
//! Headwater claims is held against it.

use chrono::{DateTime, Utc};
use workspace::MemoryLog;

/// How far a table had got: its incarnation, counted from 0, and the newest version in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) incarnation: usize,
    pub(crate) version: u64,
}

/// What a content is made of: each input, by position, as far as it was read. An input without data
/// is missing.
pub(crate) type Reads = Vec<(usize, Mark)>;

/// A version that changed data.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) mark: Mark,
    pub(crate) at: DateTime<Utc>,
    pub(crate) reads: Reads,
}

/// One table.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) log: MemoryLog,
    /// What each incarnation is called, oldest first; a log that was rolled back keeps its name.
    ids: Vec<String>,
    /// For each incarnation, the one that its log began with: versions go on within a log.
    logs: Vec<usize>,
    written: Vec<Written>,
}

/// All tables, by the position of their asset.
pub(crate) struct Lake(Vec<Table>);

impl Lake {
    /// Makes tables without commits.
    pub(crate) fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        let table = |name: &'static str| {
            let id = format!("{name}-0");
            Table {
                name,
                log: MemoryLog::new(&id),
                ids: vec![id],
                logs: vec![0],
                written: Vec::new(),
            }
        };
        Self(names.into_iter().map(table).collect())
    }

    pub(crate) fn of(&self, table: usize) -> &Table {
        &self.0[table]
    }

    pub(crate) fn of_mut(&mut self, table: usize) -> &mut Table {
        &mut self.0[table]
    }

    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|table| table.name == name)
    }

    /// Reads tables as they are now.
    pub(crate) fn read(&self, inputs: &[usize]) -> Reads {
        let read = |input: &usize| Some((*input, self.of(*input).head()?));
        inputs.iter().filter_map(read).collect()
    }

    /// Whether everything that a run reads can be read now.
    pub(crate) fn are_there(&self, inputs: &[usize]) -> bool {
        inputs.iter().all(|input| self.of(*input).log.exists)
    }

    /// Which roots, and how much of them, the content of a table at a mark is made of.
    pub(crate) fn roots(&self, table: usize, mark: Mark, into: &mut Reads) {
        match self.of(table).content_at(mark) {
            Some(content) if !content.reads.is_empty() => {
                for (input, read) in &content.reads {
                    self.roots(*input, *read, into);
                }
            }
            Some(_) | None => into.push((table, mark)),
        }
    }

    pub(crate) fn heal(&mut self) {
        for table in &mut self.0 {
            table.log.torn = None;
            table.log.problem = None;
            table.log.exists = !table.log.commits.is_empty();
        }
    }
}

impl Table {
    /// How far it is now; absent while it has no data.
    pub(crate) fn head(&self) -> Option<Mark> {
        let newest = self.newest()?;
        let version = self.log.commits.last()?.version;
        (newest.mark.incarnation == self.incarnation()).then_some(Mark {
            incarnation: newest.mark.incarnation,
            version,
        })
    }

    /// The newest version that changed data, of this incarnation or an earlier one.
    pub(crate) fn newest(&self) -> Option<&Written> {
        self.written.last()
    }

    pub(crate) fn incarnation(&self) -> usize {
        self.ids.len() - 1
    }

    /// The oldest version beyond a mark that somebody has seen who saw the newest of a log.
    pub(crate) fn first_beyond(&self, mark: Mark, (log, newest): (usize, u64)) -> Option<&Written> {
        let mut written = self.written.iter();
        written.find(|found| {
            let is_in_it = self.log_of(found.mark.incarnation) == log;
            found.mark > mark && is_in_it && found.mark.version <= newest
        })
    }

    /// The incarnation that a log began with; logs are told apart as the log itself does.
    pub(crate) fn log_of_era(&self, era: u64) -> usize {
        let era = usize::try_from(era).unwrap_or(usize::MAX);
        let mut logs: Vec<usize> = self.logs.clone();
        logs.dedup();
        logs.get(era).copied().unwrap_or(usize::MAX)
    }

    /// The incarnation that the log of an incarnation began with.
    pub(crate) fn log_of(&self, incarnation: usize) -> usize {
        self.logs[incarnation]
    }

    /// What it held at a mark.
    pub(crate) fn content_at(&self, mark: Mark) -> Option<&Written> {
        let mut written = self.written.iter().rev();
        written.find(|found| found.mark <= mark && found.mark.incarnation == mark.incarnation)
    }

    /// The versions that changed data from a mark on, the one it is in included.
    pub(crate) fn since(&self, mark: Mark) -> impl Iterator<Item = &Written> {
        let from = self.content_at(mark).map_or(mark, |written| written.mark);
        self.written.iter().filter(move |found| found.mark >= from)
    }

    /// The incarnations that go by a name.
    pub(crate) fn incarnations<'a>(&'a self, id: &'a str) -> impl Iterator<Item = usize> + 'a {
        let named = self.ids.iter().enumerate();
        named.filter(move |(_, name)| *name == id).map(|(at, _)| at)
    }

    /// Commits data that is made of these inputs.
    pub(crate) fn commit(&mut self, at: DateTime<Utc>, reads: Reads, run: Option<i64>) -> u64 {
        let commit = self.log.commit(at, true);
        commit.writer.job_run_id = run;
        let version = commit.version;
        let mark = Mark {
            incarnation: self.incarnation(),
            version,
        };
        self.written.push(Written { mark, at, reads });
        version
    }

    /// A run read this and found nothing to change.
    pub(crate) fn confirm(&mut self, reads: Reads) {
        if let Some(newest) = self.written.last_mut() {
            newest.reads = reads;
        }
    }

    /// It is dropped and made again: another incarnation, counted from 0.
    pub(crate) fn recreate(&mut self, at: DateTime<Utc>, reads: Reads) {
        let id = format!("{}-{}", self.name, self.ids.len());
        self.begin_again(id);
        self.commit(at, reads, None);
    }

    /// Its log is rolled back: the same identity counts from 0 again.
    pub(crate) fn roll_back(&mut self, at: DateTime<Utc>, reads: Reads) {
        let id = self.log.table_id.clone();
        self.begin_again(id);
        self.commit(at, reads, None);
    }

    fn begin_again(&mut self, id: String) {
        self.log.commits.clear();
        self.log.first_kept = 0;
        self.log.torn = None;
        self.log.era += 1;
        self.log.table_id.clone_from(&id);
        self.ids.push(id);
        self.logs.push(self.incarnation());
    }

    /// It is replaced within its log: another identity, the versions go on.
    pub(crate) fn replace(&mut self, at: DateTime<Utc>, reads: Reads) {
        let id = format!("{}-{}", self.name, self.ids.len());
        self.log.table_id.clone_from(&id);
        self.logs.push(self.log_of(self.incarnation()));
        self.ids.push(id);
        self.commit(at, reads, None);
    }

    /// Its log loses what is older than its newest commits. That takes the days of its retention: a
    /// log that was begun again a moment ago is whole.
    pub(crate) fn cut(&mut self, kept: u64) {
        if self.log.era > 0 {
            return;
        }
        let newest = self.log.commits.last().map_or(0, |commit| commit.version);
        let first = newest.saturating_sub(kept);
        self.log.first_kept = self.log.first_kept.max(first);
    }
}
