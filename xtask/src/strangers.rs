//! `cargo xtask strangers`: real repositories of five languages, carried to a landed change as a stranger would.

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::{interrupt, process, root};

/// Nothing is to be chosen.
#[derive(Args)]
pub struct Options {}

/// Fetches each of them from its registry, pinned, and runs the five commands of the README in it with the smallest agent; a
/// line for each says how long it took, or why it was not run here.
///
/// # Errors
/// If cargo cannot be started.
pub fn run(_: &Options) -> Result<ExitCode> {
    interrupt::watch()?;
    let root = root::find()?;
    let mut cargo = Command::new(root::cargo());
    cargo
        .args(["test", "--quiet", "--package", "orchestrion", "--test", "suite", "--", "--nocapture"])
        .arg("real_repositories_land_a_change_by_five_commands")
        .current_dir(root)
        .env("ORCH_TEST_STRANGERS", "all");
    let ended = process::stream(&mut cargo, |_| ())?;
    Ok(if ended.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
