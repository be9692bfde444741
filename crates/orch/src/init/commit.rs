//! The one commit that `orch init` makes in the user's own repository: theirs in every way, so git runs here with
//! their environment, identity, signing and hooks, unlike anywhere else.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use camino::Utf8Path;

use super::{REPOSITORY_FILE, SCHEMA_FILE};
use crate::exit::{Exit, Failure};

/// Subject of the commit.
const SUBJECT: &str = "Set up Orchestrion";

/// What a person types to do the same.
pub fn command() -> String {
    format!("git add .orch && git commit -m \"{SUBJECT}\" -- {REPOSITORY_FILE} {SCHEMA_FILE}")
}

/// Whether `branch` has the repository file exactly as it is in the working tree.
pub fn is_in(program: &Path, top: &Utf8Path, branch: &str) -> Result<bool, Failure> {
    // `diff` does not see a file that is not in the index; whether the branch has it at all is asked first.
    if show(program, top, branch)?.is_none() {
        return Ok(false);
    }
    let branch = format!("refs/heads/{branch}");
    let arguments = ["diff", "--quiet", "--no-ext-diff", &branch, "--", REPOSITORY_FILE, SCHEMA_FILE];
    Ok(git(program, top, &arguments)?.status.success())
}

/// The repository file of `branch`; `None` if it has none.
pub fn show(program: &Path, top: &Utf8Path, branch: &str) -> Result<Option<Vec<u8>>, Failure> {
    let object = format!("refs/heads/{branch}:{REPOSITORY_FILE}");
    let ended = git(program, top, &["cat-file", "blob", &object])?;
    Ok(ended.status.success().then_some(ended.stdout))
}

/// Commits the repository file and its schema and nothing else, whatever is staged.
pub fn make(program: &Path, top: &Utf8Path) -> Result<(), Failure> {
    for arguments in [
        // Forced: a project that ignores dot-folders still wants its settings kept.
        vec!["add", "--force", "--", REPOSITORY_FILE, SCHEMA_FILE],
        vec!["commit", "--quiet", "-m", SUBJECT, "--only", "--", REPOSITORY_FILE, SCHEMA_FILE],
    ] {
        let ended = git(program, top, &arguments)?;
        if !ended.status.success() {
            let words = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
            return Err(Failure::new(
                Exit::Failed,
                format!("everything is written, but git did not commit it: {}", crate::screen::printable(&words)),
            )
            .at(top.as_str())
            .fix(command()));
        }
    }
    Ok(())
}

fn git(program: &Path, top: &Utf8Path, arguments: &[&str]) -> Result<Output, Failure> {
    Command::new(program)
        .args(["-C", top.as_str()])
        .args(arguments)
        // A look must not write the index.
        .env("GIT_OPTIONAL_LOCKS", "0")
        // Set where `orch` is called from a hook; they would point at another repository or index.
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new(Exit::Failed, format!("git cannot be started: {error}")).at(program.display().to_string()))
}
