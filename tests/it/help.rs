//! The help texts, as people see them on a terminal of a hundred columns.

use std::path::Path;

use crate::program::run;

#[test]
fn help_of_every_command() {
    for command in ["init", "validate", "ls", "schema", "completions"] {
        let ran = run(Path::new("."), &format!("{command} --help"));
        assert_eq!(ran.exit, 0, "{command}");
        insta::assert_snapshot!(format!("help_{command}"), without_globals(&ran.stdout));
        assert!(
            ran.stdout.contains("Examples:"),
            "`{command}` shows no example"
        );
    }
}

#[test]
fn help_of_the_program() {
    insta::assert_snapshot!("help", run(Path::new("."), "--help").stdout);
}

/// Takes off the options of every command, which the help of the program has, too.
fn without_globals(help: &str) -> String {
    let Some(at) = help.find("Global options:") else {
        return help.to_owned();
    };
    let end = help.find("Examples:").unwrap_or(help.len());
    format!("{}{}", &help[..at], &help[end..])
}
