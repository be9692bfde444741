//! The dashboard on a live line, driven by a real browser: every page and button, on a wide screen and a phone, in both
//! languages and both colours, without an error of the console, without sideways scrolling, without a violation of
//! accessibility rules.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::agents;
use super::summary::Summary;
use super::tools::{self, Tool};
use crate::{process, root};

/// What the browser is, and what runs its script.
const TOOLS: [Tool; 2] = [
    Tool { name: "chromium", packages: &["chromium"], probe: "--version" },
    Tool { name: "node", packages: &["nodejs", "npm"], probe: "--version" },
];

/// Where pictures of the pages are left.
pub const SHOTS: &str = "target/browser/shots";

/// Runs it, counted as one test; not run where there is no browser.
pub fn run(summary: &mut Summary, root: &Path, private: &Path) {
    println!("── browser");
    let start = Instant::now();
    drive(summary, root, private);
    summary.time("browser", start.elapsed());
}

fn drive(summary: &mut Summary, root: &Path, private: &Path) {
    let there = |tool: &Tool| process::succeeds(Command::new(tool.name).arg(tool.probe));
    for tool in &TOOLS {
        tools::ensure(summary, tool, private);
        if !there(tool) {
            return summary.not_run("browser", format!("{} cannot be had", tool.name));
        }
    }
    if !agents::ensure(summary, root, "browser") {
        return summary.not_run("browser", "what drives it cannot be had".to_owned());
    }
    // As the tests build it, so that behind them nothing is left to build.
    let build = ["test", "--workspace", "--no-run", "--quiet"];
    match process::stream(Command::new(root::cargo()).args(build).current_dir(root), |_| ()) {
        Ok(status) if status.success() => {}
        _ => return summary.fail("browser: the program does not compile".to_owned()),
    }
    let mut script = Command::new("node");
    script
        .arg(root.join("xtask/browser/run.mjs"))
        .env("ORCH_BROWSER_PACKAGES", root.join("target/browser/node_modules"))
        .env("ORCH_BROWSER_SHOTS", root.join(SHOTS))
        .env("ORCH_BROWSER_PROGRAM", root.join("target/debug/orch"))
        .env("TMPDIR", private)
        .current_dir(root);
    match process::stream(&mut script, |_| ()) {
        Ok(status) if status.success() => summary.passed += 1,
        Ok(_) => summary.fail(format!("browser: what it saw stands above; pictures: {SHOTS}")),
        Err(error) => summary.fail(format!("browser: {error:#}")),
    }
}
