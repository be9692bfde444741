//! Counts what is in the files named, or in the standard input.

use std::io::Read;
use std::process::ExitCode;

fn main() -> ExitCode {
    match text() {
        Ok(text) => {
            print!("{}", tally::report::report(&text));
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("tally: {message}");
            ExitCode::FAILURE
        }
    }
}

fn text() -> Result<String, String> {
    let mut text = String::new();
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        std::io::stdin().read_to_string(&mut text).map_err(|error| format!("standard input: {error}"))?;
    }
    for file in files {
        text += &std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(text)
}
