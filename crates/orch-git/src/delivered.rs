//! What came home of an attempt, and what was said of it: both outlive its clone.

use crate::error::Result;
use crate::forge::{Forge, commit_id};
use crate::words::{CommitId, TaskKey};

/// What was said of an attempt's work is kept up to so many bytes.
const MOST_WORDS: usize = 64 << 20;

/// What came home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The attempt's head: where it started, if it delivered nothing.
    pub head: CommitId,
    /// Changed paths that are not its own to change; they were left out.
    pub strayed: Vec<String>,
    /// What people and the next attempt should know of what was taken or left out, a sentence each.
    pub told: Vec<String>,
    /// What can never be taken, a sentence each; it was left out.
    pub refused: Vec<String>,
}

impl Delivered {
    /// What was said of it: a letter for the kind and the words, each with a zero behind it.
    fn words(&self) -> Vec<u8> {
        let kinds = [("s", &self.strayed), ("t", &self.told), ("r", &self.refused)];
        kinds
            .iter()
            .flat_map(|(kind, said)| said.iter().map(move |words| format!("{kind}{words}\0")))
            .collect::<String>()
            .into()
    }

    fn of(head: CommitId, words: &[u8]) -> Self {
        let words = String::from_utf8_lossy(words);
        let of = |kind| words.split('\0').filter_map(|said| said.strip_prefix(kind)).map(str::to_owned).collect();
        Self { head, strayed: of('s'), told: of('t'), refused: of('r') }
    }
}

impl Forge {
    /// What was said of a delivery outlives its clone, as its head does.
    pub(crate) fn keep_words(&self, name: &str, delivered: &Delivered) -> Result<()> {
        let words = delivered.words();
        if words.is_empty() {
            let earlier = self.objects()?.info(name)?;
            return earlier.map_or(Ok(()), |_| self.remove_ref(name, None));
        }
        let call = self.call().args(["hash-object", "-w", "--stdin"]).input(words);
        let shown = call.shown();
        self.move_ref(name, &commit_id(&shown, &call.text()?)?, None)
    }

    /// What came home of an attempt, once it did; `None` if nothing did, or it was let go of.
    ///
    /// # Errors
    /// As every call of git.
    pub fn delivered(&self, task: &TaskKey, attempt: u64) -> Result<Option<Delivered>> {
        let Some(head) = self.attempt_head(task, attempt)? else { return Ok(None) };
        let words = self.objects()?.read(&told_ref(task, attempt), MOST_WORDS)?;
        Ok(Some(Delivered::of(head, &words.map_or_else(Vec::new, |found| found.bytes))))
    }
}

/// The ref of what was said of an attempt's work.
pub(crate) fn told_ref(task: &TaskKey, attempt: u64) -> String {
    format!("refs/orch/told/{task}/{attempt}")
}
