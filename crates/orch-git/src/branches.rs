//! Where people's pushes left the task branches.

use crate::error::Result;
use crate::forge::{Forge, commit_id};
use crate::words::CommitId;

/// Longest name of an author that is told, in characters.
const LONGEST_NAME: usize = 100;

impl Forge {
    /// Every branch with its tip, by name, the base branch included. One git process.
    ///
    /// # Errors
    /// As every call of git.
    pub fn branches(&self) -> Result<Vec<(String, CommitId)>> {
        let call = self.call().args(["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"]);
        let shown = call.shown();
        let answer = call.text()?;
        let lines = answer.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(commit, name)| Ok((name.to_owned(), commit_id(&shown, commit)?))).collect()
    }

    /// The name of a commit's author in one line, without control characters; `somebody` if there is none. It is what
    /// the commit claims: nobody checked it.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed) for an unknown commit.
    pub fn author(&self, commit: &CommitId) -> Result<String> {
        let answer = self.call().args(["show", "-s", "--no-show-signature", "--format=%an", commit.as_str()]).text()?;
        let name: String = answer.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        Ok(if name.trim().is_empty() { "somebody".to_owned() } else { name.trim().to_owned() })
    }
}
