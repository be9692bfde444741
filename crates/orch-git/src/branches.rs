//! Where people's pushes left the task branches.

use crate::error::{Error, Result};
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
        let odd = |line: &str| Error::Unexpected { command: shown.clone(), answer: line.to_owned() };
        let read = |line: &str| {
            let (commit, name) = line.split_once(' ').ok_or_else(|| odd(line))?;
            Ok((name.to_owned(), commit_id(&shown, commit)?))
        };
        let found = answer.lines().map(read).collect::<Result<Vec<_>>>()?;
        // Without it nothing else is believed: everybody's branch would seem to be gone.
        if !found.iter().any(|(name, _)| name == self.origin.base.as_str()) {
            return Err(odd("the base branch is not among the branches"));
        }
        Ok(found)
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
