//! The attempt's clone, as this agent uses it.

use std::path::{Path, PathBuf};

use super::AgentError;
use super::round::Mark;
use crate::git_program::git;

/// The working directory of the agent.
#[derive(Debug)]
pub(super) struct Workplace<'a> {
    pub(super) directory: &'a Path,
}

impl Workplace<'_> {
    /// A file of the clone by its relative path; a path that leads out is refused.
    pub(super) fn file(&self, path: &str) -> Result<PathBuf, AgentError> {
        let inside = Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
        if inside && !path.is_empty() {
            Ok(self.directory.join(path))
        } else {
            Err(AgentError::Step(format!("{path:?} does not lie in the clone; use a relative path without `..`")))
        }
    }

    /// Commits everything there is. The message ends with the mark of this round and `Refs: <ID>`.
    pub(super) fn commit_all(&self, message: &str, work_item: &str, mark: &Mark) -> Result<(), AgentError> {
        git(self.directory, &["add", "--all"])?;
        let message = format!("{}\n\n{mark}\nRefs: {work_item}\n", message.trim_end());
        git(self.directory, &["-c", "commit.gpgSign=false", "commit", "--quiet", "--message", &message])?;
        Ok(())
    }

    /// Messages of the commits on the branch that refer to the work item, newest first.
    pub(super) fn messages(&self, work_item: &str) -> Result<Vec<String>, AgentError> {
        let refers = format!("--grep=Refs: {work_item}");
        let log = git(self.directory, &["log", "-z", "--format=%B", "--fixed-strings", &refers, "HEAD"])?;
        Ok(log.split('\0').map(str::to_owned).collect())
    }

    /// The first of `names` that names a commit.
    fn main(&self, step: &str, names: &[String]) -> Result<String, AgentError> {
        let main = names.iter().find_map(|name| {
            let commit = format!("{name}^{{commit}}");
            git(self.directory, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).ok()
        });
        main.ok_or_else(|| {
            AgentError::Step(format!(
                "`{step}` found no main: none of {} is a commit here; name one in the task file as `main:`",
                names.join(", ")
            ))
        })
    }

    /// Replaces the file by the one of the first of `names` that names a commit.
    pub(super) fn take(&self, names: &[String], path: &str) -> Result<(), AgentError> {
        let main = self.main("take_main", names)?;
        git(self.directory, &["checkout", "--quiet", &main, "--", path])?;
        Ok(())
    }

    /// Merges the first of `names` that names a commit, without committing. Returns the paths in conflict, or `None`
    /// if the branch contains it already.
    pub(super) fn merge(&self, names: &[String]) -> Result<Option<Vec<String>>, AgentError> {
        let main = self.main("merge_main", names)?;
        let merged = git(self.directory, &["merge", "--quiet", "--no-commit", "--no-ff", &main]);
        let conflicts = git(self.directory, &["diff", "--name-only", "--diff-filter=U", "-z"])?;
        let conflicts: Vec<String> = conflicts.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
        match merged {
            Err(error) if conflicts.is_empty() => Err(error.into()),
            _ => {
                let begun = git(self.directory, &["rev-parse", "--verify", "--quiet", "MERGE_HEAD"]).is_ok();
                Ok(begun.then_some(conflicts))
            }
        }
    }
}
