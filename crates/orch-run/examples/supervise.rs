//! The smallest program that can be a supervisor: `supervise supervise <run directory>`.
//!
//! With `launch <run directory>` it launches the run with itself as supervisor, says how on
//! standard output, and then stays until its standard input ends. The crate's tests use both.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use orch_run::{RunDirectory, SUBCOMMAND, launch, supervise};

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    match words.as_slice() {
        [word, directory] if word == SUBCOMMAND => supervise(Path::new(directory)).into(),
        [word, directory] if word == "launch" => {
            let launched = std::env::current_exe().map_err(|error| error.to_string()).and_then(|program| {
                RunDirectory::open(Path::new(directory))
                    .and_then(|run| launch(&run, &program))
                    .map_err(|error| error.to_string())
            });
            let mut out = std::io::stdout();
            let told = writeln!(out, "{launched:?}").and_then(|()| out.flush());
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            match (launched, told) {
                (Ok(_), Ok(())) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        _ => ExitCode::from(2),
    }
}
