//! The smallest program that can supervise the runs of a `HostRunner`; the crate's tests use it.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    match words.as_slice() {
        [word, directory] if word == orch_run::SUBCOMMAND => orch_run::supervise(Path::new(directory)).into(),
        [word] if word == orch_run::CONFINE => orch_run::confine(orch_vendors::runner::put_back::inside),
        [word, words @ ..] if word == orch_run::INSIDE => {
            let words: Vec<String> = words.iter().filter_map(|word| word.to_str().map(str::to_owned)).collect();
            orch_vendors::runner::put_back::inside(&words, &std::env::vars().collect())
        }
        _ => ExitCode::from(2),
    }
}
