//! Arguments in, exit code out; everything else is the library's.

use std::process::ExitCode;

fn main() -> ExitCode {
    headwater::panics::end_the_program();
    ExitCode::from(headwater::cli::run(std::env::args_os()))
}
