//! Runs the built program in a folder of its own, with no variables but those that a test sets.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Takes over what a command left behind that ended by itself.
    pub(crate) fn of(output: Output) -> Self {
        Self {
            exit: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Returns stdout as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Makes a folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        write(folder.path(), file, text);
    }
    folder
}

/// Writes a file and the folders above it.
pub(crate) fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Runs the program in a folder; the arguments are separated by blanks.
pub(crate) fn run(folder: &Path, args: &str) -> Ran {
    run_with(folder, args, &[])
}

/// Runs the program with these variables.
pub(crate) fn run_with(folder: &Path, args: &str, variables: &[(&str, &str)]) -> Ran {
    let mut command = command(folder, args);
    Ran::of(command.envs(variables.iter().copied()).output().unwrap())
}

/// Runs the program with a reader that goes away before it reads anything.
pub(crate) fn run_without_reader(folder: &Path, args: &str) -> Ran {
    let mut child = command(folder, args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().unwrap();
    pipe.read_to_string(&mut stderr).unwrap();
    Ran {
        exit: child.wait().unwrap().code().unwrap(),
        stdout: String::new(),
        stderr,
    }
}

/// The program in a folder, with no variables.
pub(crate) fn command(folder: &Path, args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command
        .args(args.split_whitespace())
        .current_dir(folder)
        .env_clear();
    command
}
