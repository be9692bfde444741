//! What a contributor runs: `cargo xtask test`, `cargo xtask tidy`, `cargo xtask bench`,
//! `cargo xtask chaos`, `cargo xtask dist`, `cargo xtask strangers`.
//!
//! It depends on no other crate of the workspace, so that it starts and can say what is wrong
//! when one of them does not compile.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program: its output is its answer")]

mod bench;
mod chaos;
mod dist;
mod interrupt;
mod process;
mod root;
mod sandbox;
mod strangers;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything a contributor runs.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Formatting, lints, tidy and every test; installs what it needs or says why it cannot.
    Test(test::Options),
    /// Holds the walls between crates, names, files and papers.
    Tidy,
    /// Measures the product; `--json` prints one object a line.
    Bench(bench::Options),
    /// Kills the service at its durable steps and looks whether anything was lost or done twice.
    Chaos(chaos::Options),
    /// Builds the program to hand out: static, stripped, packed, with its checksum.
    Dist(dist::Options),
    /// Carries real repositories of five languages to a landed change, as a stranger would.
    Strangers(strangers::Options),
}

fn main() -> ExitCode {
    let answer = match Cli::parse().command {
        Command::Test(options) => test::run(&options),
        Command::Tidy => tidy::run(),
        Command::Bench(options) => bench::run(&options),
        Command::Chaos(options) => chaos::run(&options),
        Command::Dist(options) => dist::run(&options),
        Command::Strangers(options) => strangers::run(&options),
    };
    match answer {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
