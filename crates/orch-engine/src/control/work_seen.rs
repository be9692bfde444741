//! What a task made, for people who decide about it: its papers and its change.

use orch_ports::workshop::{Diff, DiffOrder};
use orch_rules::work_item::{DOCUMENTS, documents_folder};

use super::{Control, ControlError, TaskName};
use crate::perform::blocking;

/// Longest document that is shown, in bytes.
const DOCUMENT_CAP: usize = 256 * 1024;
/// Longest diff that is shown, in bytes.
const DIFF_CAP: usize = 1024 * 1024;

/// A paper of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// From the top of the repository.
    pub path: String,
    /// Markdown.
    pub text: String,
}

impl Control {
    /// The task's papers as its branch has them, in the order of their names.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown task; [`ControlError::Refused`] if they cannot be read.
    pub async fn papers(&self, task: &TaskName) -> Result<Vec<Paper>, ControlError> {
        let task = self.task_of(task).await?;
        // Where no documents land, they stay with the head.
        let commits: Vec<_> = [&task.landed, &task.head].into_iter().flatten().cloned().collect();
        let history = self.engine.store.history(&task.id).await?;
        let evidence = history.attempts.iter().filter_map(|attempt| attempt.ended.as_ref()?.evidence.as_ref());
        let mut names: Vec<String> =
            evidence.flat_map(|found| found.documents.iter().map(|document| document.path.clone())).collect();
        names.sort();
        names.dedup();
        let context = self.engine.context(&task.repository).map_err(|e| ControlError::Refused { why: e.words() })?;
        let folder = documents_folder(&task.work_item);
        let read = blocking(move || {
            for commit in commits {
                let mut papers = Vec::new();
                for name in &names {
                    let path = format!("{folder}/{name}");
                    if let Some(text) = context.workshop.read(&commit, &path, DOCUMENT_CAP)? {
                        papers.push(Paper { path, text });
                    }
                }
                if !papers.is_empty() {
                    return Ok(papers);
                }
            }
            Ok(Vec::new())
        });
        read.await.map_err(|e| ControlError::Refused { why: e.words() })
    }

    /// What the task changes: its branch against main, or, once it landed, its commit. Its papers are left out, unless
    /// a path is named.
    ///
    /// # Errors
    /// As [`Control::papers`].
    pub async fn diff(&self, task: &TaskName, only: Vec<String>) -> Result<Diff, ControlError> {
        let task = self.task_of(task).await?;
        let Some(to) = task.landed.clone().or(task.head.clone()) else {
            return Ok(Diff { text: String::new(), cut: false });
        };
        let context = self.engine.context(&task.repository).map_err(|e| ControlError::Refused { why: e.words() })?;
        let landed = task.landed.is_some();
        // A landing takes documents of older work items off the base branch, too.
        let folder = if landed { DOCUMENTS.to_owned() } else { documents_folder(&task.work_item) };
        let without = only.is_empty().then_some(folder);
        let read = blocking(move || {
            let from = if landed { None } else { Some(context.forge.base()?.tip) };
            Ok(context.workshop.diff(&DiffOrder { from, to, only, without, cap: DIFF_CAP })?)
        });
        read.await.map_err(|e| ControlError::Refused { why: e.words() })
    }
}
