//! What people asked, with what its decision has to know of the base branch: who may answer, whose issues start. The
//! command is stored long since; what was seen last of the branch is stored too, and that is what counts.

use orch_ports::store::{Finished, InboxAnswer, InboxId, StoreError, StoreResult, Work};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::{RepositoryId, TaskId};
use orch_rules::outage::Source;
use orch_rules::repository_file::RepositoryFile;

use crate::engine::Engine;

/// An event and whether it can be decided.
pub(crate) enum Informed {
    /// It can.
    Ready(Event),
    /// It is refused, for this reason.
    Refused(String),
    /// Not yet.
    Waits {
        /// Until this one's base branch was seen.
        base: RepositoryId,
        /// Why, for people.
        why: String,
    },
}

impl Engine {
    pub(crate) async fn informed(&self, event: &Event) -> StoreResult<Informed> {
        let mut event = event.clone();
        let Event::Task { task, event: asked } = &mut event else { return Ok(Informed::Ready(event)) };
        if !asks_whose_word_it_is(asked) {
            return Ok(Informed::Ready(event));
        }
        let Some(repository) = self.repository_of(task).await? else { return Ok(Informed::Ready(event)) };
        if let Err(error) = self.context(&repository) {
            return Ok(Informed::Refused(error.words()));
        }
        let Some(base) = self.fresh_base(&repository).await? else {
            return Ok(Informed::Waits { why: self.not_seen(&repository).await?, base: repository });
        };
        match base.settings() {
            Ok(file) => tell(asked, file),
            // Then nobody's word counts.
            Err(words) => {
                let why = format!("who may do that cannot be read from .orch/orch.toml on the base branch: {words}");
                return Ok(Informed::Refused(why));
            }
        }
        Ok(Informed::Ready(event))
    }

    async fn repository_of(&self, task: &TaskId) -> StoreResult<Option<RepositoryId>> {
        match self.store.task(task).await {
            Ok(task) => Ok(task.map(|task| task.repository)),
            Err(StoreError::Unreadable { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Why nothing is known of a base branch, for people.
    pub(crate) async fn not_seen(&self, repository: &RepositoryId) -> StoreResult<String> {
        let outages = self.store.outages().await?;
        let trouble = outages.into_iter().find(
            |outage| matches!(&outage.source, Source::Repository { name } if *name == repository.as_str() && outage.is_closed()),
        );
        let why = trouble.map_or_else(String::new, |outage| format!(": {}", outage.reason));
        Ok(format!("the base branch of {repository} was not seen yet{why}"))
    }

    /// The row is answered so; nothing else happens.
    pub(crate) async fn refuse(&self, work: &Work, why: String) -> StoreResult<InboxAnswer> {
        let answer = InboxAnswer::Refused { why: why.into() };
        self.finish(work, Finished::Done { answer: Some(answer.clone()) }).await?;
        Ok(answer)
    }

    /// The row waits until [`Engine::base_was_seen`]; who waits for it is told why.
    pub(crate) async fn put_off(
        &self,
        work: &Work,
        inbox: InboxId,
        repository: &RepositoryId,
        why: String,
    ) -> StoreResult<()> {
        let on = seen_first(repository);
        self.finish(work, Finished::Waits { on, why: why.clone() }).await?;
        self.answers.put_off(inbox, why);
        // It may have been seen after it was looked for, and before the row waited for it.
        if self.store.base_seen(repository).await?.is_some() {
            self.base_was_seen(repository).await?;
        }
        Ok(())
    }

    /// Whatever waits for the first look at this base branch goes on.
    pub(crate) async fn base_was_seen(&self, repository: &RepositoryId) -> StoreResult<()> {
        if self.store.wake_waiting(&seen_first(repository)).await? > 0 {
            self.nudge();
        }
        Ok(())
    }
}

/// What rows wait for that need a base branch nobody has seen.
fn seen_first(repository: &RepositoryId) -> String {
    format!("base:{repository}")
}

fn asks_whose_word_it_is(event: &TaskEvent) -> bool {
    matches!(event, TaskEvent::StartRequested { .. } | TaskEvent::HumanAnswered { .. } | TaskEvent::Skipped { .. })
}

fn tell(event: &mut TaskEvent, file: RepositoryFile) {
    match event {
        TaskEvent::StartRequested { authors } => *authors = file.intake_authors,
        TaskEvent::HumanAnswered { answer } => answer.people = file.people_approve,
        TaskEvent::Skipped { people, .. } => *people = file.people_approve,
        _ => {}
    }
}
