//! Components of the Rust toolchain.

use std::process::Command;

use super::summary::Summary;
use crate::{process, root};

/// Whether `component` (`rustfmt` or `clippy`) is there, after an attempt to install it; if not,
/// `summary` says why.
pub fn ensure(summary: &mut Summary, component: &str) -> bool {
    let present = || {
        let subcommand = if component == "rustfmt" { "fmt" } else { component };
        process::succeeds(Command::new(root::cargo()).args([subcommand, "--version"]))
    };
    if present() {
        return true;
    }
    println!("{component} is missing: rustup component add {component}");
    let added = process::stream(Command::new("rustup").args(["component", "add", component]), |_| ());
    if added.is_ok_and(|status| status.success()) && present() {
        return true;
    }
    summary.not_run(
        &format!("tool/{component}"),
        format!("it is not installed and `rustup component add {component}` did not work"),
    );
    false
}
