//! Decide and apply: load the facts, ask the rules, write under guards; a guard that fails costs a reload.

use orch_ports::store::{Finish, Finished, InboxAnswer, Job, StoreError, Work};
use orch_rules::actor::Actor;
use orch_rules::change::{Change, ChangeSet, Guard};
use orch_rules::decide::{Decision, Denied, decide_lane, decide_task};
use orch_rules::event::{Event, Refusal, TaskEvent};
use orch_rules::facts::Moment;
use orch_rules::ids::{TaskId, Timestamp};
use orch_rules::notice::Before;
use orch_rules::rights::Acting;
use orch_rules::task::{Task, Wait};

use crate::control::directory::listed;
use crate::engine::Engine;

/// So often a decision is made again because somebody else wrote first.
const MOST_RELOADS: u32 = 50;

impl Engine {
    /// Absorb an event and write what follows, finishing the work row (if there is one) in the same transaction.
    /// The flag beside the row says that a person waits for the answer.
    pub(crate) async fn absorb(
        &self,
        event: &Event,
        by: &Actor,
        work: Option<(&Work, bool)>,
    ) -> Result<InboxAnswer, StoreError> {
        let by = &self.acting(by, listed(event)).await?;
        let mut denied = Denied::default();
        let mut reloads = 0;
        loop {
            let decided = self.decide(event, by, denied).await?;
            let (mut changes, answer) = match decided {
                Ok(decision) => {
                    tracing::debug!(trace = ?decision.trace, "decided");
                    (decision.changes, InboxAnswer::Accepted { text: decision.answer })
                }
                Err(refusal) => (ChangeSet::default(), InboxAnswer::Refused { why: refusal.into() }),
            };
            let finish = work.map(|(work, answers)| Finish {
                work: work.id,
                fence: work.fence,
                how: match (&work.job, &answer) {
                    // The rules refuse an outcome only where they do not know what it meets.
                    (Job::Perform { .. }, InboxAnswer::Refused { why }) => Finished::Kept { why: why.to_string() },
                    _ => Finished::Done { answer: answers.then(|| answer.clone()) },
                },
            });
            if let Some(Finish { how: Finished::Done { .. }, .. }) = &finish {
                changes.changes.extend(work.and_then(|(work, _)| self.run_over(work)));
            }
            if changes.is_empty() && finish.is_none() {
                return Ok(answer);
            }
            let waits = denied != Denied::default() || waits_for_an_outage(&changes);
            match self.store.apply(changes, finish).await {
                Ok(applied) => {
                    self.changes.happened();
                    if applied.queued {
                        self.nudge();
                    }
                    if waits && let Event::Task { task, .. } = event {
                        self.ask_once_more(task).await?;
                    }
                    return Ok(answer);
                }
                Err(StoreError::Guard(guard)) if reloads < MOST_RELOADS => {
                    reloads += 1;
                    denied = denied.learn(&guard).unwrap_or(denied);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn decide(
        &self,
        event: &Event,
        by: &Acting,
        denied: Denied,
    ) -> Result<Result<Decision, Refusal>, StoreError> {
        Ok(match event {
            Event::Task { task, event } => {
                let (facts, now) = self.store.task_facts(task, &self.served().policy).await?;
                let before = (self.tells() || self.shows(&facts.task.repository)).then(|| Before::task(&facts));
                let decided = decide_task(facts, event, by, Moment { now }, denied);
                self.with_notices(before.as_ref(), decided, now)
            }
            Event::Lane { repository, event } => {
                let (facts, now) = self.store.lane_facts(repository, &self.served().policy).await?;
                let before = self.tells().then(|| Before::lane(&facts));
                let decided = decide_lane(facts, event, by, Moment { now });
                self.with_notices(before.as_ref(), decided, now)
            }
        })
    }

    fn with_notices(
        &self,
        before: Option<&Before>,
        decided: Result<Decision, Refusal>,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        decided.map(|mut decision| {
            if let Some(before) = before {
                self.tell_people(before, &mut decision, now);
                if let Before::Task { task, .. } = before {
                    self.raise_shown(task, &mut decision.changes);
                }
            }
            decision
        })
    }

    /// A slot may have been given back between the failed guard and the row that says "waits for a slot", and an outage
    /// may have been over before the row said that it waits for it. Now that the row stands, whoever gives one back or
    /// lifts the other wakes it; so one more look closes the gap.
    pub(crate) async fn ask_once_more(&self, task: &TaskId) -> Result<(), StoreError> {
        let decided = self
            .decide(&Event::Task { task: task.clone(), event: TaskEvent::Looked }, &Acting::ORCH, Denied::default())
            .await?;
        let Ok(decision) = decided else { return Ok(()) };
        if decision.changes.is_empty() {
            return Ok(());
        }
        match self.store.apply(decision.changes, None).await {
            Ok(applied) => {
                self.changes.happened();
                if applied.queued {
                    self.nudge();
                }
                Ok(())
            }
            Err(StoreError::Guard(Guard::SlotBelow { .. } | Guard::Reserve { .. } | Guard::Version { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn waits_for_an_outage(changes: &ChangeSet) -> bool {
    let waits = |task: &Task| task.waits.iter().any(|wait| matches!(wait, Wait::Outage { .. }));
    changes.changes.iter().any(|change| matches!(change, Change::PutTask { task } if waits(task)))
}
