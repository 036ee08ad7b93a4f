//! The codes of everything that can be wrong in a declaration, with what people should know.
//!
//! `docs/errors.md` is compared with this table by a test. A code is never used again for another
//! problem; where a problem can arise in both kinds of file, its two codes have the same number.

/// Which kind of file a problem is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// An asset file, or the `headwater` block of a dbt node: codes `A…`.
    Asset,
    /// `headwater.yml`: codes `P…`.
    Project,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Syntax,
    TooLarge,
    DuplicateKey,
    UnknownKey,
    WrongType,
    MissingKey,
    UnknownWord,
    Variable,
    Token,
    Duration,
    Template,
    Value,
    NotActedOn,
    Unsupported,
    AssetKey,
    DuplicateAsset,
    Relation,
    Partitions,
    Version,
    Host,
    UnknownEnvironment,
    UnknownTask,
    UnknownPool,
    Schedule,
    UnknownCalendar,
}

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// Its code in asset files and dbt blocks, if it occurs there.
    pub asset_code: Option<&'static str>,
    /// Its code in the project file, if it occurs there.
    pub project_code: Option<&'static str>,
    /// What happened.
    pub happened: &'static str,
    /// The usual cause.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

impl Problem {
    /// Every problem, in the order of the codes.
    const ALL: [Self; 25] = [
        Self::Syntax,
        Self::TooLarge,
        Self::DuplicateKey,
        Self::UnknownKey,
        Self::WrongType,
        Self::MissingKey,
        Self::UnknownWord,
        Self::Variable,
        Self::Token,
        Self::Duration,
        Self::Template,
        Self::Value,
        Self::NotActedOn,
        Self::Unsupported,
        Self::AssetKey,
        Self::DuplicateAsset,
        Self::Relation,
        Self::Version,
        Self::Host,
        Self::UnknownEnvironment,
        Self::UnknownTask,
        Self::UnknownPool,
        Self::Schedule,
        Self::UnknownCalendar,
        Self::Partitions,
    ];

    /// Returns the code for one kind of file.
    pub(super) fn code(self, family: Family) -> &'static str {
        let row = self.explain();
        let code = match family {
            Family::Asset => row.asset_code.or(row.project_code),
            Family::Project => row.project_code.or(row.asset_code),
        };
        code.unwrap_or("A000")
    }

    fn explain(self) -> Explanation {
        match self {
            Self::Syntax => both(
                "A001",
                "P001",
                "The file is not YAML that can be read.",
                "Indentation by tabs, an unclosed quote or bracket, a merge key (`<<`), a custom tag, or a second document.",
                "Mend the text at the place shown. Values that hold `: `, `#`, `{` or `%` at their beginning need quotes.",
            ),
            Self::TooLarge => both(
                "A002",
                "P002",
                "The file passes a bound: 1 MiB, 64 levels, 50,000 values, or 200 problems.",
                "A generated file, or aliases that repeat each other.",
                "Split the file; every file that matches `assets:` is read.",
            ),
            Self::DuplicateKey => both(
                "A003",
                "P003",
                "A key stands twice in one mapping.",
                "A block was copied and not renamed.",
                "Keep one of them; the note says where the first one is.",
            ),
            Self::UnknownKey => both(
                "A004",
                "P004",
                "A key is not known where it stands.",
                "A typing error, or a key that stands one level too high or too deep.",
                "Use the suggested key, or see `docs/declaring.md`.",
            ),
            Self::WrongType => both(
                "A005",
                "P005",
                "A value is of another kind than its key takes.",
                "A list where one value is meant, a number or date without quotes where text is meant.",
                "Write what the message asks for.",
            ),
            Self::MissingKey => both(
                "A006",
                "P006",
                "A key that has to be there is not.",
                "The entry is incomplete.",
                "Add the key.",
            ),
            Self::UnknownWord => both(
                "A007",
                "P007",
                "A word is none of those that its key takes.",
                "A typing error, or a word of another tool.",
                "Use one of the words listed.",
            ),
            Self::Variable => both(
                "A008",
                "P008",
                "A value names a variable with `${…}` that has no value, or the name is not closed.",
                "The variable is set on another machine, or in another shell.",
                "Set the variable. Where the text `${` itself is meant, write `$${`.",
            ),
            Self::Token => both(
                "A009",
                "P009",
                "The file holds what looks like a Databricks token.",
                "A token was pasted for a trial.",
                "Revoke the token, because the file may already be in a repository, and let the value come from `${NAME}` or from a profile.",
            ),
            Self::Duration => both(
                "A010",
                "P010",
                "A duration cannot be read, or is negative or longer than ten years.",
                "The unit is missing, or two units are combined.",
                "Write a whole number and a unit: `90s`, `5m`, `2h`, `1d`.",
            ),
            Self::Template => both(
                "A011",
                "P011",
                "A template (`{{ … }}`) is broken, or names what is not there.",
                "An unclosed brace, or `{{ catalog }}` in an environment without `catalog`.",
                "In `relation`, `path` and `state` there are `catalog` and `env`; task parameters also see the run.",
            ),
            Self::Value => both(
                "A012",
                "P012",
                "A value is out of bounds, or two keys contradict each other.",
                "A warning later than its limit, no attempts, two ways to name one job.",
                "Change one of them as the message says.",
            ),
            Self::NotActedOn => both(
                "A013",
                "P013",
                "A key is accepted and checked, but this version does not act on it.",
                "The declaration is written for a later version.",
                "Nothing, or leave the key out; the message says what happens instead.",
            ),
            Self::Unsupported => both(
                "A014",
                "P014",
                "A promise is asked for that this version cannot keep.",
                "`consistency: snapshot` of an asset with partitions.",
                "Choose one of the accepted ones; a weaker one is never taken silently.",
            ),
            Self::AssetKey => asset(
                "A015",
                "A text is not an asset key.",
                "Spaces, slashes or a catalog with unusual characters.",
                "Write one to eight names with dots between: letters, digits, `_` and `-`.",
            ),
            Self::DuplicateAsset => asset(
                "A016",
                "Two assets of one file have the same key, or `depends_on` lists one twice.",
                "A block was copied and not renamed.",
                "Rename or remove one; the note says where the first one is.",
            ),
            Self::Relation => asset(
                "A017",
                "A relation is not `table`, `schema.table` or `catalog.schema.table`, or a path is empty.",
                "An empty part, a fourth part, or an open quote.",
                "Write up to three names with dots between; a name with a dot in it stands in back-ticks.",
            ),
            Self::Version => project(
                "P015",
                "`version` of the project file is not 1.",
                "The file was written for another version of Headwater.",
                "Write `version: 1`, or use the Headwater that the file was written for.",
            ),
            Self::Host => project(
                "P016",
                "The address of a workspace cannot be used.",
                "No scheme, plain `http://` to another machine, or a password in the address.",
                "Write `https://` and the workspace's name; `http://` is for loopback addresses only.",
            ),
            Self::UnknownEnvironment => project(
                "P017",
                "An environment is named that the file does not declare.",
                "A typing error, or `default_environment` is missing and there are several.",
                "Use one of the names under `environments:`.",
            ),
            Self::UnknownTask => project(
                "P018",
                "A task is named that the file does not declare.",
                "A typing error, or the task was removed.",
                "Use one of the names under `tasks:`.",
            ),
            Self::UnknownPool => project(
                "P019",
                "A task names a pool that has no limit.",
                "A typing error, or the pool is missing under `limits: { pools: … }`.",
                "Declare the pool with its limit.",
            ),
            Self::Schedule => both(
                "A018",
                "P020",
                "A schedule, a time zone, a date or a time of day cannot be read, or a schedule never happens.",
                "Six fields instead of five, `Berlin` for `Europe/Berlin`, a 30th of February, a calendar without working days.",
                "Write minute, hour, day, month and weekday, and zones as the IANA database names them.",
            ),
            Self::UnknownCalendar => both(
                "A019",
                "P021",
                "A calendar is named that the project does not declare.",
                "A typing error, or the calendar is missing in `headwater.yml`.",
                "Declare it under `calendars:`, or use one of the names there.",
            ),
            Self::Partitions => asset(
                "A020",
                "Partitions are declared that there cannot be.",
                "No column that tells them, a zone or schedule that is none, an end before the start, or a value that stands twice.",
                "Do what the message says; `docs/declaring.md` shows each kind of partitions.",
            ),
        }
    }
}

fn both(
    asset_code: &'static str,
    project_code: &'static str,
    happened: &'static str,
    cause: &'static str,
    remedy: &'static str,
) -> Explanation {
    Explanation {
        asset_code: Some(asset_code),
        project_code: Some(project_code),
        happened,
        cause,
        remedy,
    }
}

fn asset(
    code: &'static str,
    happened: &'static str,
    cause: &'static str,
    remedy: &'static str,
) -> Explanation {
    Explanation {
        project_code: None,
        ..both(code, "", happened, cause, remedy)
    }
}

fn project(
    code: &'static str,
    happened: &'static str,
    cause: &'static str,
    remedy: &'static str,
) -> Explanation {
    Explanation {
        asset_code: None,
        ..both("", code, happened, cause, remedy)
    }
}

/// Returns what every code of this module means, in the order of the codes.
pub fn explanations() -> Vec<Explanation> {
    Problem::ALL.into_iter().map(Problem::explain).collect()
}
