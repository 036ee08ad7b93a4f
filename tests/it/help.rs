//! The help texts, as people see them on a terminal of a hundred columns.

use std::path::Path;

use crate::program::run;

const COMMANDS: [&str; 19] = [
    "demo",
    "init",
    "validate",
    "ls",
    "observe",
    "history",
    "partitions",
    "plan",
    "reconcile",
    "simulate",
    "status",
    "explain",
    "runs",
    "backfill",
    "watermark",
    "doctor",
    "state",
    "schema",
    "completions",
];

/// Commands of commands.
const SUBCOMMANDS: [&str; 15] = [
    "backfill create",
    "backfill list",
    "backfill show",
    "backfill pause",
    "backfill resume",
    "backfill cancel",
    "watermark push",
    "runs list",
    "runs show",
    "runs cancel",
    "runs retry",
    "state check",
    "state backup",
    "state restore",
    "state rebuild",
];

#[test]
fn help_of_every_command() {
    for command in COMMANDS.into_iter().chain(SUBCOMMANDS) {
        let ran = run(Path::new("."), &format!("{command} --help"));
        assert_eq!(ran.exit, 0, "{command}");
        insta::assert_snapshot!(
            format!("help_{}", command.replace(' ', "_")),
            without_globals(&ran.stdout)
        );
        assert!(
            ran.stdout.contains("Examples:"),
            "`{command}` shows no example"
        );
    }
}

#[test]
fn help_of_the_program() {
    let help = run(Path::new("."), "--help").stdout;
    insta::assert_snapshot!("help", help);
    let commands = help.split("Commands:\n").nth(1).unwrap();
    let commands = commands.split("\n\n").next().unwrap().lines();
    let named: Vec<&str> = commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert_eq!(named, COMMANDS, "the help of each command is looked at");
}

/// Takes off the options of every command, which the help of the program has, too.
fn without_globals(help: &str) -> String {
    let Some(at) = help.find("Global options:") else {
        return help.to_owned();
    };
    let end = help.find("Examples:").unwrap_or(help.len());
    format!("{}{}", &help[..at], &help[end..])
}
