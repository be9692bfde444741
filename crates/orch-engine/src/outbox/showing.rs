//! What is shown outside: raised with the facts, rendered when it is sent, noted before the call and after it.

use std::sync::Arc;

use orch_ports::outbox::Outbox;
use orch_ports::projection::{
    ProjectionEnd, ProjectionRow, ProjectionTarget, ProjectionWrite, ProjectionWritten, ShowFate, ShownText, TaskShown,
};
use orch_ports::store::StoreError;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::change::{Change, ChangeSet};
use orch_rules::ids::{RepositoryId, TaskId, Timestamp};
use orch_rules::outbox::after_failed_projection;
use orch_rules::outbox::projection::{Aspect, Need, Raise, Step, object_of, shown_anew, task_of};
use orch_rules::outbox::target::Health;
use orch_rules::port_error::ErrorKind;
use orch_rules::task::Task;

use super::change_request::{CHANGE_REQUEST, ChangeRequestTarget};
use super::{LEFT_ALONE_MS, OutChannel, away};
use crate::engine::Engine;

/// What somebody changed since the last look is written again after so many milliseconds, if no look tells before.
const LOOKS_MS: i64 = 30_000;

/// A claimed row, with what it takes to bring it to an end.
struct ShowClaim<'a> {
    outbox: &'a dyn Outbox,
    target: Arc<dyn ProjectionTarget>,
    row: ProjectionRow,
}

impl Engine {
    /// Everything that shows something: connections of their own, and those that repositories have.
    pub(super) fn targets(&self) -> Vec<Arc<dyn ProjectionTarget>> {
        let own = self.telling.iter().flat_map(|telling| telling.targets.iter().cloned());
        own.chain(self.served().targets.iter().cloned()).collect()
    }

    /// Something shows the tasks of a repository.
    pub(crate) fn shows(&self, repository: &RepositoryId) -> bool {
        let shows = |target: &Arc<dyn ProjectionTarget>| target.shows(repository);
        self.telling
            .as_ref()
            .is_some_and(|telling| telling.targets.iter().any(shows) || self.served().targets.iter().any(shows))
    }

    /// A target of the settings knows this aspect.
    pub(crate) fn knows_how_to_show(&self, target: &str, aspect: &str) -> bool {
        self.targets().iter().any(|known| known.name() == target && kind_of(&**known, aspect).is_some())
    }

    /// Adds what is to be shown anew after a decision. Where nothing shows this repository, nothing is written.
    pub(crate) fn raise_shown(&self, before: &Task, changes: &mut ChangeSet) {
        if self.shows(&before.repository)
            && let Some(need) = shown_anew(before, changes)
        {
            changes.changes.extend(self.raises(before, need));
        }
    }

    /// What raises everything that shows a task.
    pub(crate) fn raises(&self, task: &Task, need: Need) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.telling.is_none() {
            return changes;
        }
        for target in self.targets().iter().filter(|target| target.shows(&task.repository)) {
            let raise = |aspect: &str| Raise {
                target: target.name().to_owned(),
                object: object_of(&task.id),
                aspect: aspect.to_owned(),
                need: need.number(),
            };
            changes.extend(target.aspects().iter().map(|aspect| Change::Raise { raise: raise(aspect.name) }));
        }
        changes
    }

    /// Something that is shown waits for what has just happened.
    pub(crate) async fn show_anew(&self, task: &Task, need: Need) -> Result<(), StoreError> {
        let changes = self.raises(task, need);
        if !changes.is_empty() {
            self.store.apply(ChangeSet { guards: Vec::new(), changes }, None).await?;
            self.nudge();
        }
        Ok(())
    }

    /// Whether a target shows one side of a task as it is now, or never will; a row that is not there is written.
    pub(crate) async fn is_shown(&self, target: &str, task: &Task, aspect: &str) -> Result<bool, StoreError> {
        let Some(telling) = &self.telling else { return Ok(true) };
        match telling.outbox.projection(target, &object_of(&task.id), aspect).await? {
            Some(row) => Ok(!row.is_due()),
            None => {
                self.show_anew(task, Need::Soon).await?;
                Ok(!self.shows(&task.repository))
            }
        }
    }

    /// A look saw what stands of an aspect of a task at a target; `by_us`: whether the product says that we set it, if it
    /// tells. Our own, but older value is the proof of a write that arrived late, and is written over.
    ///
    /// # Errors
    /// The store's.
    pub async fn saw_shown(
        &self,
        target: &str,
        task: &TaskId,
        aspect: &str,
        value: &str,
        by_us: Option<bool>,
    ) -> Result<(), StoreError> {
        let Some(telling) = &self.telling else { return Ok(()) };
        let kind =
            self.targets().iter().find(|known| known.name() == target).and_then(|known| kind_of(&**known, aspect));
        let (outbox, object) = (&telling.outbox, object_of(task));
        let (Some(kind), Some(row)) = (kind, outbox.projection(target, &object, aspect).await?) else { return Ok(()) };
        if row.looked.as_deref() != Some(value) {
            outbox.saw_projection(target, &object, aspect, value).await?;
        }
        let mut state = row.state;
        let due = state.is_due();
        state.observed(kind, value, by_us);
        if state.is_due() && !due {
            outbox.doubt_projection(target, &object, aspect).await?;
        }
        self.nudge();
        Ok(())
    }

    /// What a target shows of a task stands under this name from now on; what was taken for it goes. False if it shows nothing
    /// of the task.
    pub(crate) async fn adopt_shown(
        &self,
        target: &str,
        task: &Task,
        aspect: &str,
        external_id: &str,
    ) -> Result<bool, StoreError> {
        let Some(telling) = &self.telling else { return Ok(false) };
        let object = object_of(&task.id);
        let Some(row) = telling.outbox.projection(target, &object, aspect).await? else { return Ok(false) };
        let adopted = telling.outbox.adopt_projection(target, &object, aspect, external_id).await?;
        let shows = self.targets().into_iter().find(|known| known.name() == target);
        if let (Some(old), Some(shows)) = (row.external_id.filter(|old| adopted && old != external_id), shows) {
            // What comes of it matters to nobody.
            drop(tokio::task::spawn_blocking(move || shows.discard(&old)));
        }
        self.nudge();
        Ok(adopted)
    }

    /// Claims what people need first of a channel's targets and brings it to its end. False if nothing is due.
    pub(super) async fn show_next(
        &self,
        outbox: &dyn Outbox,
        channel: &OutChannel,
        health: Health,
    ) -> Result<Result<(), Option<Timestamp>>, StoreError> {
        let mut first: Option<(_, &Arc<dyn ProjectionTarget>)> = None;
        let mut later: Option<Timestamp> = None;
        for target in &channel.targets {
            let next = outbox.next_projection(target.name(), &names_of(&**target)).await?;
            if let Some(now) = next.now
                && first.is_none_or(|(sooner, _)| now < sooner)
            {
                first = Some((now, target));
            }
            later = [later, next.later].into_iter().flatten().min();
        }
        let Some((_, target)) = first else { return Ok(Err(later)) };
        if let Some(row) = outbox.claim_projection(target.name(), &names_of(&**target), &self.owner).await? {
            // It is ours now, so it has to be brought to an end however long the store is away.
            let claimed = ShowClaim { outbox, target: target.clone(), row };
            self.show(claimed, &channel.name, health).await;
        }
        Ok(Ok(()))
    }

    async fn show(&self, mut claimed: ShowClaim<'_>, channel: &str, mut health: Health) {
        claimed.discard().await;
        let Some(facts) = self.facts_of(&claimed.row).await else {
            return claimed.end(&ProjectionEnd::Gone { error: "its task is not there".to_owned() }, None).await;
        };
        let kind =
            kind_of(&*claimed.target, &claimed.row.aspect).filter(|_| claimed.target.shows(&facts.task.repository));
        let now = self.now().await;
        let left = |why: &str| waiting(now.plus_ms(LEFT_ALONE_MS), why);
        let Some(kind) = kind else {
            return claimed.end(&left("the settings do not show it there"), None).await;
        };
        let shown = match claimed.target.render(&claimed.row.aspect, &facts) {
            ShowFate::Drop(_) => return claimed.end(&ProjectionEnd::Settled, None).await,
            ShowFate::Wait(on) => return claimed.end(&left(on), None).await,
            ShowFate::Send(shown) => shown,
        };
        let stands = match claimed.stands(kind, &facts, &shown).await {
            Ok(stands) => stands,
            Err(error) => return claimed.failed(error, channel, health, now, None).await,
        };
        let looked = claimed.row.looked.clone();
        let longest_call_ms = claimed.target.longest_call_ms();
        let unanswered = claimed.row.state.unanswered_until(longest_call_ms).filter(|until| now < *until);
        match (claimed.row.state.step(kind, &shown.rendering, looked.as_deref(), stands.as_deref()), unanswered) {
            (Step::Settle, _) => claimed.end(&ProjectionEnd::Settled, None).await,
            (Step::Look, _) => {
                claimed.target.look(&facts);
                let end = waiting(now.plus_ms(LOOKS_MS), "somebody changed it: that is looked at first");
                claimed.end(&end, None).await;
                self.nudge();
            }
            (Step::Write, Some(until)) => {
                claimed.end(&waiting(until, "an earlier call, which nobody answered, may still arrive"), None).await;
            }
            (Step::Write, None) => match claimed.write(facts, shown, now).await {
                None => {}
                Some(Ok(end)) => {
                    if health.is_down() {
                        tracing::info!(channel, "what is shown there is written again");
                    }
                    health.served();
                    claimed.end(&end, Some((channel, &health))).await;
                    claimed.discard_overtaken(&end).await;
                    claimed.discard_written(end).await;
                }
                Some(Err(error)) => claimed.failed(error, channel, health, now, Some(now)).await,
            },
        }
    }

    async fn now(&self) -> Timestamp {
        loop {
            match self.store.now().await {
                Ok(now) => return now,
                Err(error) => away(&error).await,
            }
        }
    }

    /// Everything that is stored of the task; `None` if there is none.
    async fn facts_of(&self, row: &ProjectionRow) -> Option<TaskShown> {
        let task = task_of(&row.object)?;
        loop {
            match self.read_facts(&task).await {
                Ok(facts) => return facts,
                Err(error) => away(&error).await,
            }
        }
    }

    async fn read_facts(&self, task: &TaskId) -> Result<Option<TaskShown>, StoreError> {
        let Some(mut task) = self.store.task(task).await? else { return Ok(None) };
        let mut history = self.store.history(&task.id).await?;
        let mut rows: Vec<&mut dyn orch_rules::actor::NamesActors> = vec![&mut task];
        rows.extend(history.episodes.iter_mut().map(|row| row as &mut dyn orch_rules::actor::NamesActors));
        self.call_by_name(&mut rows).await?;
        let pipeline = self.store.pipeline(&task.pipeline).await.ok();
        let change_request = match &self.telling {
            Some(telling) => {
                let target = ChangeRequestTarget::named(&task.repository);
                telling.outbox.projection(&target, &object_of(&task.id), CHANGE_REQUEST).await?
            }
            None => None,
        };
        let change_request = change_request.and_then(|row| row.external_id);
        let issue = self.issue_of(&task.id).await?;
        Ok(Some(TaskShown { task, history, pipeline, change_request, issue }))
    }
}

impl ShowClaim<'_> {
    /// What stands of an aspect that others set, too.
    async fn stands(&self, kind: Aspect, facts: &TaskShown, shown: &ShownText) -> PortResult<Option<String>> {
        // What is shown as it is to be is not asked for.
        if kind == Aspect::Ours || self.row.state.step(kind, &shown.rendering, None, None) == Step::Settle {
            return Ok(None);
        }
        let (target, facts, aspect) = (self.target.clone(), facts.clone(), self.row.aspect.clone());
        self.called(move || target.read(&facts, &aspect)).await
    }

    /// Notes what is about to be written, and writes it. `None`: the claim was lost before.
    async fn write(&mut self, facts: TaskShown, shown: ShownText, at: Timestamp) -> Option<PortResult<ProjectionEnd>> {
        loop {
            match self.outbox.begin_projection(&self.row, &shown.rendering, at).await {
                Ok(()) => break,
                Err(StoreError::Stale { .. }) => return None,
                Err(error) => away(&error).await,
            }
        }
        self.row.state.shown = None;
        let (target, row, text) = (self.target.clone(), self.row.clone(), shown.text);
        let written = self.called(move || {
            target.write(&ProjectionWrite {
                task: &facts.task,
                aspect: &row.aspect,
                text: &text,
                external_id: row.external_id.as_deref(),
            })
        });
        let rendering = shown.rendering;
        Some(written.await.map(|written| ProjectionEnd::Written { rendering, written }))
    }

    /// Calls the target, off the loop's thread.
    async fn called<T: Send + 'static>(&self, call: impl FnOnce() -> PortResult<T> + Send + 'static) -> PortResult<T> {
        tokio::task::spawn_blocking(call).await.unwrap_or_else(|_| {
            let (name, object) = (self.target.name(), self.row.object.as_str());
            let words = "what shows it there broke down";
            Err(PortError::of_object(ErrorKind::InDoubt, Port::Projection, name, object, words))
        })
    }

    /// `begun`: when the write was noted; `None` if none was.
    async fn failed(
        &self,
        error: PortError,
        channel: &str,
        mut health: Health,
        now: Timestamp,
        begun: Option<Timestamp>,
    ) {
        let PortError { kind, words, .. } = error;
        let refused = begun.filter(|_| kind != ErrorKind::InDoubt);
        let object = format!("{} {}", self.row.object, self.row.aspect);
        tracing::warn!(channel, object, error = %words, "it could not be shown");
        if health.failed(kind, &self.row.object, &self.target.fingerprint(), &words, now) {
            tracing::error!(channel, error = %words, "nothing is sent there but to find out");
        }
        let end = match after_failed_projection(kind, self.row.tries.saturating_add(1), now) {
            Some(due) => ProjectionEnd::Again { due, error: words, failed: true, refused },
            None => ProjectionEnd::Gone { error: words },
        };
        self.end(&end, Some((channel, &health))).await;
    }

    /// Who lost the claim meanwhile does not know what stands: another's call may have arrived before this one's.
    async fn end(&self, end: &ProjectionEnd, health: Option<(&str, &Health)>) {
        loop {
            match self.outbox.end_projection(&self.row, end, health).await {
                Ok(()) => return,
                Err(StoreError::Stale { .. }) => break,
                Err(error) => away(&error).await,
            }
        }
        let ProjectionRow { target, object, aspect, .. } = &self.row;
        while let Err(error) = self.outbox.doubt_projection(target, object, aspect).await {
            away(&error).await;
        }
    }

    /// Takes away what an earlier process replaced and left standing.
    async fn discard(&mut self) {
        if let Some(replaced) = self.row.replaced.take() {
            self.take_away(replaced).await;
        }
    }

    /// What comes of it matters to nobody.
    async fn take_away(&self, external_id: String) {
        let target = self.target.clone();
        drop(tokio::task::spawn_blocking(move || target.discard(&external_id)).await);
    }

    /// Takes away what was made while something else was adopted, since that stays.
    async fn discard_overtaken(&self, end: &ProjectionEnd) {
        let ProjectionEnd::Written { written: ProjectionWritten { external_id: Some(made), .. }, .. } = end else {
            return;
        };
        let ProjectionRow { target, object, aspect, .. } = &self.row;
        let stands = loop {
            match self.outbox.projection(target, object, aspect).await {
                Ok(row) => break row.and_then(|row| row.external_id),
                Err(error) => away(&error).await,
            }
        };
        if stands.is_some_and(|stands| stands != *made) {
            self.take_away(made.clone()).await;
        }
    }

    /// Takes away what was replaced, now that the new one's name is stored.
    async fn discard_written(&mut self, end: ProjectionEnd) {
        let ProjectionEnd::Written { rendering, written: ProjectionWritten { replaced: Some(replaced), .. } } = end
        else {
            return;
        };
        self.row.state.shown = Some(rendering);
        self.row.replaced = Some(replaced);
        self.discard().await;
        self.end(&ProjectionEnd::Settled, None).await;
    }
}

/// Nothing failed: it waits.
fn waiting(due: Timestamp, why: &str) -> ProjectionEnd {
    ProjectionEnd::Again { due, error: why.to_owned(), failed: false, refused: None }
}

/// The aspects that a target knows.
fn names_of(target: &dyn ProjectionTarget) -> Vec<&'static str> {
    target.aspects().iter().map(|aspect| aspect.name).collect()
}

fn kind_of(target: &dyn ProjectionTarget, aspect: &str) -> Option<Aspect> {
    target.aspects().iter().find(|known| known.name == aspect).map(|known| known.aspect)
}
