//! `orch demo`: two issues carried to main in a throw-away repository, by the real service.

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// See it work: two issues, carried to main in a throw-away repository.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Approve yourself, from another terminal or here.
    #[arg(long)]
    pub manual: bool,
    /// Keep the folder, and say where it is.
    #[arg(long)]
    pub keep: bool,
}

/// Runs it.
pub fn run(_: &DemoArgs, _: &Screen, _: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    Err(Failure::new(Exit::Failed, "not there yet"))
}
