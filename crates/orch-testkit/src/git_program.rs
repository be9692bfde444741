//! The git program, as an agent or a person at a terminal would run it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Set when git itself runs a hook or an alias; they would point the command at another repository.
const MISLEADING: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"];

/// A git command that did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("`git {command}` in {directory:?} failed ({how}): {message}")]
pub struct GitFailed {
    /// The arguments, joined by blanks.
    pub command: String,
    /// Where it ran.
    pub directory: PathBuf,
    /// `exit code 128`, `signal`, or `could not be started`.
    pub how: String,
    /// What git wrote to its error output, or the error of starting it.
    pub message: String,
}

/// Runs git in `directory` and returns its output without the trailing line end.
///
/// Only the repository's own configuration counts, so that a commit bears the identity set in the clone and no
/// developer's hooks, signing or templates.
///
/// # Errors
/// [`GitFailed`] if git cannot be started or ends with anything but 0.
pub fn git(directory: &Path, arguments: &[&str]) -> Result<String, GitFailed> {
    git_with(directory, arguments, &[])
}

/// [`git`] with further environment variables.
pub(crate) fn git_with(
    directory: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<String, GitFailed> {
    let failed = |how: String, message: String| GitFailed {
        command: arguments.join(" "),
        directory: directory.to_owned(),
        how,
        message,
    };
    let mut command = Command::new("git");
    for name in MISLEADING {
        command.env_remove(name);
    }
    let output = command
        .current_dir(directory)
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs(environment.iter().copied())
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "advice.detachedHead=false"])
        .args(arguments)
        .output()
        .map_err(|error| failed("could not be started".to_owned(), error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    let how = output.status.code().map_or_else(|| "signal".to_owned(), |code| format!("exit code {code}"));
    Err(failed(how, String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
}
