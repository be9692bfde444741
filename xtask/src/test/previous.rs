//! The program of the release before this one, which a test lets work on this one's database, and back.
//!
//! It is built of its commit, in `target/previous`, once; a database that it cannot work on is one that nobody can go back
//! from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::summary::Summary;
use crate::{process, root};

/// The commit of the previous release; raised when a release is made.
const COMMIT: &str = "07d5d40f6f8b45e49f283f57b44150445f6fe9ba";

/// The program, or `None` after `summary` was told why there is none.
pub fn ensure(summary: &mut Summary, root: &Path) -> Option<PathBuf> {
    let folder = root.join("target/previous");
    let program = folder.join(format!("orch-{}", &COMMIT[..12]));
    if program.is_file() {
        return Some(program);
    }
    let has = format!("{COMMIT}^{{commit}}");
    if !process::succeeds(Command::new("git").args(["cat-file", "-e", &has]).current_dir(root)) {
        let reason = format!("this clone does not have its commit {COMMIT} (`git fetch --unshallow` brings it)");
        summary.not_run("tool/previous-release", reason);
        return None;
    }
    match build(root, &folder, &program) {
        Ok(()) => return Some(program),
        Err(error) => summary.fail(format!("the previous release: {error:#}")),
    }
    None
}

fn build(root: &Path, folder: &Path, program: &Path) -> Result<()> {
    let (source, target) = (folder.join("source"), folder.join("target"));
    fs::create_dir_all(&source).with_context(|| format!("cannot make {}", source.display()))?;
    // Files alone: a work tree would be noted in the repository of whoever runs this.
    let archive = folder.join("source.tar");
    process::read(Command::new("git").args(["archive", "--output"]).arg(&archive).arg(COMMIT).current_dir(root))?;
    process::read(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&source))?;
    let mut cargo = Command::new(root::cargo());
    cargo.args(["build", "--locked", "--package", "orchestrion", "--bin", "orch", "--target-dir"]).arg(&target);
    // What both releases depend on was built with this one's tests.
    cargo.env("CARGO_BUILD_BUILD_DIR", root.join("target"));
    let status = process::stream(cargo.current_dir(&source), |_| ())?;
    anyhow::ensure!(status.success(), "it does not compile; the words of cargo stand above");
    fs::rename(target.join("debug/orch"), program).context("cannot keep the program")?;
    // Only the program is wanted again.
    fs::remove_dir_all(&target).and_then(|()| fs::remove_dir_all(&source)).context("cannot clean up")?;
    fs::remove_file(&archive).context("cannot clean up")
}
