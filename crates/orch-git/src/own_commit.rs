//! The user's own repository as they use it: the one commit that is made there when it is set up, and the work that is
//! brought home. Theirs in every way, so git runs here, and nowhere else, with their environment, identity, signing and
//! hooks.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::error::{Error, Result};
use crate::git::Git;
use crate::words::BranchName;

/// Set where we are called from a hook or a wrapper; they would point at another repository, index or set of objects.
/// What `git rev-parse --local-env-vars` lists, and the folder a receiving git keeps new objects in.
const LOCAL_VARIABLES: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_OBJECT_DIRECTORY",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_COMMON_DIR",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_QUARANTINE_PATH",
];

/// The user's own repository as they use it themselves.
#[derive(Debug, Clone)]
pub struct OwnRepository<'a> {
    /// The program.
    pub git: &'a Git,
    /// Top folder of the working tree.
    pub top: &'a Path,
}

impl OwnRepository<'_> {
    /// A file as a branch has it; `None` if it does not.
    ///
    /// # Errors
    /// [`Error::Io`] if git cannot be started.
    pub fn show(&self, branch: &BranchName, file: &str) -> Result<Option<Vec<u8>>> {
        let ended = self.run(&["cat-file", "blob", &format!("refs/heads/{branch}:{file}")])?;
        Ok(ended.status.success().then_some(ended.stdout))
    }

    /// Whether a branch has these files exactly as they are in the working tree. A file that neither has counts as
    /// the same; ask [`Self::show`] first where it matters.
    ///
    /// # Errors
    /// [`Error::Io`] if git cannot be started.
    pub fn has(&self, branch: &BranchName, files: &[&str]) -> Result<bool> {
        let branch = format!("refs/heads/{branch}");
        let mut arguments = vec!["diff", "--quiet", "--no-ext-diff", &branch, "--"];
        arguments.extend(files);
        Ok(self.run(&arguments)?.status.success())
    }

    /// Commits these files and nothing else, whatever is staged, as the user would.
    ///
    /// # Errors
    /// [`Error::Failed`] with git's words, for example of a hook that refuses.
    pub fn commit(&self, files: &[&str], subject: &str) -> Result<()> {
        // Forced: a project that ignores dot-folders still wants its settings kept.
        let add = [&["add", "--force", "--"], files].concat();
        let commit = [&["commit", "--quiet", "-m", subject, "--only", "--"], files].concat();
        for arguments in [add, commit] {
            let ended = self.run(&arguments)?;
            if !ended.status.success() {
                return Err(Error::Failed {
                    command: format!("git {}", arguments[0]),
                    code: ended.status.code(),
                    stderr: String::from_utf8_lossy(&ended.stderr).trim().to_owned(),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(self.git.program());
        for name in LOCAL_VARIABLES {
            command.env_remove(name);
        }
        command
            .arg("-C")
            .arg(self.top)
            .args(arguments)
            // A look must not write the index.
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Error::io("start", self.git.program(), error))
    }
}
