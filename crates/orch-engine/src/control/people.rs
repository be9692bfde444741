//! What people answer and edit, as events.

use orch_rules::event::TaskEvent;
use orch_rules::ids::{EpisodeId, RepositoryId};
use orch_rules::people::{HumanAnswer, Reply};
use orch_rules::repository_file::RepositoryFile;
use orch_rules::task::Task;
use orch_rules::work_item::clean_title;

use super::orders::{DESCRIPTION_CAP, TITLE_CAP, words_of};
use super::{Control, ControlError};
use crate::perform::{PerformError, blocking};

impl Control {
    /// Who may answer, as the repository file on the base branch says it now; empty is everybody.
    ///
    /// # Errors
    /// [`ControlError::Refused`] if that cannot be read: then nobody's word counts.
    pub(super) async fn people(&self, repository: &RepositoryId) -> Result<Vec<String>, ControlError> {
        Ok(self.settings(repository).await?.people_approve)
    }

    /// The repository file on the base branch as it is now.
    pub(super) async fn settings(&self, repository: &RepositoryId) -> Result<RepositoryFile, ControlError> {
        let context = self.engine.context(repository)?;
        let read = blocking(move || {
            let base = context.forge.base()?.tip;
            Ok(context.settings_at(&base)?)
        });
        let settings = self.in_time(read).await?;
        match &*settings {
            Ok(file) => Ok(file.clone()),
            Err(words) => {
                let why = format!("who may do that cannot be read from .orch/orch.toml on the base branch: {words}");
                Err(ControlError::Refused { why })
            }
        }
    }

    /// Nobody waits longer for a look at the repository than for an answer: a git may hang.
    pub(super) async fn in_time<T>(
        &self,
        look: impl Future<Output = Result<T, PerformError>>,
    ) -> Result<T, ControlError> {
        let within = self.engine.limits.answer_within;
        match tokio::time::timeout(within, look).await {
            Ok(found) => Ok(found?),
            Err(_) => {
                let why = format!("this host could not do it now: git gave no answer within {} s", within.as_secs());
                Err(ControlError::Unavailable { why })
            }
        }
    }

    pub(super) async fn answer(
        &self,
        task: &Task,
        episode: Option<EpisodeId>,
        reply: Reply,
    ) -> Result<TaskEvent, ControlError> {
        let reply = match reply {
            Reply::Reject { reason } => Reply::Reject { reason: words_of("reason", &reason)? },
            // Verbatim: only an empty one is refused.
            Reply::Text { text } => words_of("answer", &text).map(|_| Reply::Text { text })?,
            other => other,
        };
        let people = self.people(&task.repository).await?;
        Ok(TaskEvent::HumanAnswered { answer: HumanAnswer { episode, since: None, people, reply } })
    }
}

pub(super) fn edited(
    title: Option<String>,
    description: Option<String>,
    priority: Option<i32>,
) -> Result<TaskEvent, ControlError> {
    let mut problems = Vec::new();
    if title.is_none() && description.is_none() && priority.is_none() {
        problems.push("nothing is to be changed: give a title, a description or a priority".to_owned());
    }
    let title = title.map(|title| clean_title(&title));
    if title.as_ref().is_some_and(String::is_empty) {
        problems.push("the title is empty: one line that says what is wanted".to_owned());
    }
    for (what, text, cap) in [("title", &title, TITLE_CAP), ("description", &description, DESCRIPTION_CAP)] {
        let bytes = text.as_ref().map_or(0, String::len);
        if bytes > cap {
            problems.push(format!("the {what} has {bytes} bytes, at most {cap} are kept"));
        }
    }
    if problems.is_empty() {
        return Ok(TaskEvent::Edited { title, description, priority });
    }
    Err(ControlError::Invalid { problems })
}
