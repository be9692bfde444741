//! Components of the Rust toolchain.

use std::path::{Path, PathBuf};
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

/// The release of cargo-machete that finds unused dependencies.
const MACHETE: &str = "0.9.2";

/// The program cargo-machete, built below `target` where it is missing; if it cannot be, `summary` says why.
pub fn machete(summary: &mut Summary, root: &Path) -> Option<PathBuf> {
    let tools = root.join("target/tools");
    let program = tools.join("bin/cargo-machete");
    let present = || {
        let said = Command::new(&program).arg("--version").output();
        said.is_ok_and(|said| said.status.success() && String::from_utf8_lossy(&said.stdout).trim() == MACHETE)
    };
    if present() {
        return Some(program);
    }
    println!("cargo-machete {MACHETE} is missing: it is built once");
    // Unoptimised: it runs for a moment, and is built in a third of the time.
    let mut install = Command::new(root::cargo());
    install.args(["install", "--locked", "--debug", "--force", "--version", MACHETE, "cargo-machete", "--root"]);
    let installed = process::stream(install.arg(&tools), |_| ());
    if installed.is_ok_and(|status| status.success()) && present() {
        return Some(program);
    }
    summary
        .not_run("tool/cargo-machete", "it is not installed and `cargo install cargo-machete` did not work".to_owned());
    None
}
