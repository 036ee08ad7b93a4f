//! The language of scenarios: a text → the steps of a story, or the first line that makes no sense.
//!
//! `fixtures/scenarios/README.md` has one line for each form; [`FORMS`] is held against it.

use std::collections::BTreeMap;

use assets::{AssetKey, did_you_mean};
use chrono::TimeDelta;
use headwater::ports::StatementAnswer;

use super::words::{Moment, Problem, Told, Words};

/// Every form of a line.
pub(super) const FORMS: [&str; 32] = [
    "project:",
    "assets:",
    "now TIME",
    "advance DURATION",
    "commit KEY vN [at TIME] OPERATION [no data | data] [in COLUMN VALUE,… [emptied]] [across COLUMN FROM..TO,…] [rows N [nulls COLUMN N …]] [by run N [started TIME]] [read KEY vN …]",
    "create KEY",
    "lose KEY",
    "recreate KEY",
    "replace KEY",
    "unreadable KEY \"REASON\"",
    "tear KEY vN",
    "clean KEY below vN",
    "mend KEY",
    "feed KEY on | off",
    "events KEY until TIME",
    "batch KEY N [no data] [complete until TIME] [read KEY vN [in part] …]",
    "push KEY vN | until TIME [anew]",
    "finish KEY ok [without commit | emptied] | fail [transient] [\"MESSAGE\"] | cancelled",
    "next send loses its answer | never arrives | is throttled | is refused \"MESSAGE\" | kills before it arrives | kills after it arrived",
    "service silent | forgets KEY | back",
    "warehouse says N | fails \"MESSAGE\" | silent",
    "tick",
    "rival tick",
    "restart",
    "new state",
    "plan",
    "retry KEY",
    "full refresh KEY",
    "backfill NAME create KEY … from KEY to KEY | pause | resume [failed] | cancel | show",
    "status [KEY …]",
    "explain KEY",
    "runs",
];

/// One line of a story, or a block, as it stands in the file.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    /// Absent for comments and blank lines.
    pub(super) step: Option<Step>,
}

/// What happens.
#[derive(Debug)]
pub(super) enum Step {
    Project(String),
    Assets(String),
    Now(Moment),
    Advance(TimeDelta),
    Commit(Committed),
    Table(AssetKey, Fate),
    Finish(AssetKey, End),
    NextSend(Sending),
    Silent,
    Warehouse(Option<StatementAnswer>),
    Forget(AssetKey),
    Back,
    Tick,
    RivalTick,
    Restart,
    NewState,
    Plan,
    Retry(AssetKey),
    FullRefresh(AssetKey),
    Backfill(String, Backfilled),
    Events(AssetKey, Moment),
    Batch(Batch),
    Push(AssetKey, Position, bool),
    Status(Vec<AssetKey>),
    Explain(AssetKey),
    Runs,
}

/// What a person does about a backfill.
#[derive(Debug)]
pub(super) enum Backfilled {
    /// Asks for the partitions of some assets from one to another, two in a run, two runs at once.
    Created(Vec<AssetKey>, String, String),
    Paused,
    Resumed {
        tries_again: bool,
    },
    Cancelled,
    Shown,
}

/// A micro-batch of the streaming query that writes a table.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) asset: AssetKey,
    pub(super) number: u64,
    pub(super) changed_data: bool,
    /// The watermark after it.
    pub(super) until: Option<Moment>,
    /// The sources and the versions up to which they were read; the last one perhaps in part.
    pub(super) read: Vec<(AssetKey, u64, bool)>,
}

/// How far somebody says that an asset is.
#[derive(Debug)]
pub(super) enum Position {
    Version(u64),
    Until(Moment),
}

/// A commit by somebody.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) asset: AssetKey,
    pub(super) version: u64,
    pub(super) at: Option<Moment>,
    pub(super) operation: String,
    pub(super) changed_data: bool,
    /// The run that wrote it, and when that began.
    pub(super) run: Option<(i64, Option<Moment>)>,
    /// The column that the table is partitioned by, and the values of it where data changed.
    pub(super) partitions: Option<(String, Vec<String>)>,
    /// Whether nothing is left in them.
    pub(super) is_emptied: bool,
    /// A column, and over which of its values each of the files spreads.
    pub(super) across: Option<(String, Vec<(String, String)>)>,
    /// The rows that the table has then, and how many of them are null in some columns.
    pub(super) rows: Option<(u64, BTreeMap<String, u64>)>,
    /// What its writer says it read.
    pub(super) read: Option<BTreeMap<String, u64>>,
}

/// What becomes of a table.
#[derive(Debug)]
pub(super) enum Fate {
    Created,
    Lost,
    Recreated,
    Replaced,
    Unreadable(String),
    Torn(u64),
    CleanedBelow(u64),
    Fed(bool),
    Mended,
}

/// How a run ends.
#[derive(Debug)]
pub(super) enum End {
    Ok {
        /// Whether it writes something.
        with_commit: bool,
        /// Whether nothing is left in the partitions that it writes.
        is_emptied: bool,
    },
    Failed {
        is_transient: bool,
        message: String,
    },
    Cancelled,
}

/// What becomes of the next request to start a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sending {
    LosesAnswer,
    NeverArrives,
    Throttled,
    Refused(String),
    KillsBefore,
    KillsAfter,
}

/// Operations that change no data, unless the line says so.
const MAINTENANCE: [&str; 6] = ["ALTER", "ANALYZE", "COMMENT", "OPTIMIZE", "REORG", "VACUUM"];

fn backfilled(words: &mut Words) -> Told<Backfilled> {
    let done = if words.eat("create") {
        let mut keys = vec![words.key()?];
        while !words.eat("from") {
            keys.push(words.key()?);
        }
        let from = words.word("the key of a partition")?;
        if !words.eat("to") {
            return Err(words.problem("`to` and the key of a partition are missing"));
        }
        Backfilled::Created(keys, from, words.word("the key of a partition")?)
    } else if words.eat("pause") {
        Backfilled::Paused
    } else if words.eat("resume") {
        let tries_again = words.eat("failed");
        Backfilled::Resumed { tries_again }
    } else if words.eat("cancel") {
        Backfilled::Cancelled
    } else if words.eat("show") {
        Backfilled::Shown
    } else {
        return Err(words.problem("what is done about the backfill is missing"));
    };
    Ok(done)
}

/// Reads a whole story.
pub(super) fn read(text: &str) -> Told<Vec<Line>> {
    if !text.starts_with("# ") {
        let message = "a story opens with its promise, as a comment".to_owned();
        return Err(Problem { line: 1, message });
    }
    let mut lines = Vec::new();
    let mut rest = text.lines().zip(1..).peekable();
    while let Some((first, number)) = rest.next() {
        let mut whole = first.to_owned();
        if first.starts_with("project:") || first.starts_with("assets:") {
            while let Some((next, _)) = rest.next_if(|(next, _)| next.starts_with("  ")) {
                whole.push('\n');
                whole.push_str(next);
            }
        }
        let step = step(number, first, &whole)?;
        lines.push(Line {
            number,
            text: whole,
            step,
        });
    }
    Ok(lines)
}

fn step(number: usize, first: &str, whole: &str) -> Told<Option<Step>> {
    if first.starts_with("assets:") {
        return Ok(Some(Step::Assets(whole.to_owned())));
    }
    if first.starts_with("project:") {
        let below = whole
            .lines()
            .skip(1)
            .map(|line| line.get(2..).unwrap_or_default());
        let below: Vec<&str> = below.collect();
        return Ok(Some(Step::Project(below.join("\n"))));
    }
    let mut words = Words::of(number, first)?;
    if words.is_empty() {
        return Ok(None);
    }
    let verb = words.word("what happens")?;
    let step = of_verb(&verb, &mut words)?;
    words.end()?;
    Ok(Some(step))
}

fn of_verb(verb: &str, words: &mut Words) -> Told<Step> {
    Ok(match verb {
        "now" => Step::Now(words.moment()?),
        "advance" => Step::Advance(words.duration()?),
        "commit" => Step::Commit(commit(words)?),
        "create" => Step::Table(words.key()?, Fate::Created),
        "lose" => Step::Table(words.key()?, Fate::Lost),
        "recreate" => Step::Table(words.key()?, Fate::Recreated),
        "replace" => Step::Table(words.key()?, Fate::Replaced),
        "mend" => Step::Table(words.key()?, Fate::Mended),
        "unreadable" => {
            let key = words.key()?;
            Step::Table(key, Fate::Unreadable(quoted(words)?))
        }
        "tear" => Step::Table(words.key()?, Fate::Torn(words.version()?)),
        "clean" => {
            let key = words.key()?;
            if !words.eat("below") {
                return Err(words.problem("`below` is missing"));
            }
            Step::Table(key, Fate::CleanedBelow(words.version()?))
        }
        "feed" => {
            let key = words.key()?;
            let is_on = words.eat("on");
            if !is_on && !words.eat("off") {
                return Err(words.problem("`on` or `off` is missing"));
            }
            Step::Table(key, Fate::Fed(is_on))
        }
        "events" => {
            let key = words.key()?;
            if !words.eat("until") {
                return Err(words.problem("`until` is missing"));
            }
            Step::Events(key, words.moment()?)
        }
        "batch" => Step::Batch(batch(words)?),
        "push" => {
            let key = words.key()?;
            let position = if words.eat("until") {
                Position::Until(words.moment()?)
            } else {
                Position::Version(words.version()?)
            };
            Step::Push(key, position, words.eat("anew"))
        }
        "backfill" => {
            let name = words.word("the name of a backfill")?;
            Step::Backfill(name, backfilled(words)?)
        }
        "full" if words.eat("refresh") => Step::FullRefresh(words.key()?),
        "finish" => Step::Finish(words.key()?, end(words)?),
        "next" => Step::NextSend(sending(words)?),
        "service" if words.eat("silent") => Step::Silent,
        "service" if words.eat("back") => Step::Back,
        "service" if words.eat("forgets") => Step::Forget(words.key()?),
        "warehouse" if words.eat("silent") => Step::Warehouse(None),
        "warehouse" if words.eat("says") => {
            Step::Warehouse(Some(StatementAnswer::Number(count(words)?)))
        }
        "warehouse" if words.eat("fails") => {
            Step::Warehouse(Some(StatementAnswer::Failed(quoted(words)?)))
        }
        "tick" => Step::Tick,
        "rival" if words.eat("tick") => Step::RivalTick,
        "restart" => Step::Restart,
        "new" if words.eat("state") => Step::NewState,
        "plan" => Step::Plan,
        "retry" => Step::Retry(words.key()?),
        "explain" => Step::Explain(words.key()?),
        "runs" => Step::Runs,
        "status" => {
            let mut keys = Vec::new();
            while !words.is_empty() {
                keys.push(words.key()?);
            }
            Step::Status(keys)
        }
        _ => return Err(unknown(verb, words)),
    })
}

/// What is known instead: the forms that begin with the word, or all.
fn unknown(verb: &str, words: &Words) -> Problem {
    let verb_of = |form: &'static str| form.split([' ', ':']).next().unwrap_or_default();
    let of_verb: Vec<&str> = FORMS
        .into_iter()
        .filter(|form| verb_of(form) == verb)
        .collect();
    if !of_verb.is_empty() {
        return words.problem(format!(
            "a line with `{verb}` is: {}",
            of_verb.join(", or: ")
        ));
    }
    let mut verbs: Vec<&str> = FORMS.into_iter().map(verb_of).collect();
    verbs.dedup();
    let meant = did_you_mean(verb, verbs.iter().copied());
    let meant = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
    words.problem(format!(
        "nothing begins with `{verb}`{meant} Known are: {}",
        verbs.join(", ")
    ))
}

fn quoted(words: &mut Words) -> Told<String> {
    let text = words.quotation();
    text.ok_or_else(|| words.problem("a text in quotation marks is missing"))
}

fn range(text: &str) -> Option<(String, String)> {
    let (from, to) = text.split_once("..")?;
    Some((from.to_owned(), to.to_owned()))
}

fn commit(words: &mut Words) -> Told<Committed> {
    let (asset, version) = (words.key()?, words.version()?);
    let at = if words.eat("at") {
        Some(words.moment()?)
    } else {
        None
    };
    let operation = words.word("the operation")?;
    let changed_data = if words.eat("no data") {
        false
    } else {
        words.eat("data") || !MAINTENANCE.contains(&&*operation)
    };
    let (mut partitions, mut is_emptied) = (None, false);
    if words.eat("in") {
        let column = words.word("the column")?;
        let values = words.word("the values")?;
        partitions = Some((column, values.split(',').map(str::to_owned).collect()));
        is_emptied = words.eat("emptied");
    }
    let mut across = None;
    if words.eat("across") {
        let column = words.word("the column")?;
        let ranges = words.word("the ranges")?;
        let ranges: Option<Vec<_>> = ranges.split(',').map(range).collect();
        let missing = || words.problem("the ranges are like `2026-02-22..2026-02-24`".to_owned());
        across = Some((column, ranges.ok_or_else(missing)?));
    }
    let mut rows = None;
    if words.eat("rows") {
        let shown = count(words)?;
        let mut nulls = BTreeMap::new();
        while words.eat("nulls") {
            let column = words.word("the column")?;
            nulls.insert(column, count(words)?);
        }
        rows = Some((shown, nulls));
    }
    let mut run = None;
    if words.eat("by run") {
        let id = words.number()?;
        let is_dated = words.eat("started");
        run = Some((
            id,
            if is_dated {
                Some(words.moment()?)
            } else {
                None
            },
        ));
    }
    let mut read = None;
    if words.eat("read") {
        let mut inputs = BTreeMap::new();
        while !words.is_empty() {
            let key = words.key()?;
            inputs.insert(key.to_string(), words.version()?);
        }
        read = Some(inputs);
    }
    Ok(Committed {
        asset,
        version,
        at,
        operation,
        changed_data,
        run,
        partitions,
        is_emptied,
        across,
        rows,
        read,
    })
}

fn batch(words: &mut Words) -> Told<Batch> {
    let (asset, number) = (words.key()?, count(words)?);
    let changed_data = !words.eat("no data");
    let mut until = None;
    if words.eat("complete until") {
        until = Some(words.moment()?);
    }
    let mut read = Vec::new();
    if words.eat("read") {
        while !words.is_empty() {
            read.push((words.key()?, words.version()?, words.eat("in part")));
        }
    }
    Ok(Batch {
        asset,
        number,
        changed_data,
        until,
        read,
    })
}

fn count(words: &mut Words) -> Told<u64> {
    let number = words.number()?;
    u64::try_from(number).map_err(|_| words.problem("a count is not negative"))
}

fn end(words: &mut Words) -> Told<End> {
    if words.eat("ok") {
        let with_commit = !words.eat("without commit");
        let is_emptied = words.eat("emptied");
        return Ok(End::Ok {
            with_commit,
            is_emptied,
        });
    }
    if words.eat("cancelled") {
        return Ok(End::Cancelled);
    }
    if !words.eat("fail") {
        return Err(words.problem("a run ends `ok`, `fail` or `cancelled`"));
    }
    let is_transient = words.eat("transient");
    let message = words
        .quotation()
        .unwrap_or_else(|| "a task failed".to_owned());
    Ok(End::Failed {
        is_transient,
        message,
    })
}

fn sending(words: &mut Words) -> Told<Sending> {
    let plain = [
        ("send loses its answer", Sending::LosesAnswer),
        ("send never arrives", Sending::NeverArrives),
        ("send is throttled", Sending::Throttled),
        ("send kills before it arrives", Sending::KillsBefore),
        ("send kills after it arrived", Sending::KillsAfter),
    ];
    if let Some((_, sending)) = plain.into_iter().find(|(form, _)| words.eat(form)) {
        return Ok(sending);
    }
    if words.eat("send is refused") {
        return Ok(Sending::Refused(quoted(words)?));
    }
    Err(unknown("next", words))
}
