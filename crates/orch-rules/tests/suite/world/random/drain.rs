//! The end of a random history: everybody helps, and everything comes to its end.

use orch_rules::budget::Budgets;
use orch_rules::episode::EpisodeKind;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::people::Reply;
use orch_rules::task::{Hold, Position};

use super::super::says;
use super::{Simulation, answered};

impl Simulation {
    /// Nobody does anything foolish any more: everything comes to its end.
    pub(super) fn drain(&mut self) -> Result<(), String> {
        self.broken = 0;
        let bound = 400 * (self.world.tasks.len() as u64 + 5);
        for _ in 0..bound {
            self.steps += 1;
            self.world.pass(1);
            self.next_alarm();
            self.world.log = Default::default();
            self.settle();
            self.check()?;
            if self.world.tasks.values().all(|t| t.position.is_terminal()) && self.world.work.is_empty() {
                self.count_ends();
                return Ok(());
            }
            let repositories: Vec<_> = self.world.repositories.values().cloned().collect();
            for row in repositories {
                let repository = row.id;
                if row.frozen.is_some() {
                    self.absorb(
                        &Event::Lane {
                            repository: repository.clone(),
                            event: LaneEvent::UnfreezeRequested { force: Some("drained".to_owned()) },
                        },
                        "ann",
                    );
                }
                if row.paused {
                    self.absorb(&Event::Lane { repository, event: LaneEvent::Resumed }, "ann");
                }
            }
            self.world.policy.budgets = Budgets::default();
            self.people_help();
            let effects: Vec<_> = self.world.work.iter().map(|w| w.effect.clone()).collect();
            if let Some(effect) = self.whim.pick(&effects).cloned() {
                self.world.take_all();
                let event = self.outcome(&effect, false);
                self.world.answered(&effect);
                event.iter().for_each(|event| self.absorb(event, "orch"));
            }
        }
        let rest: Vec<_> = self.world.tasks.values().filter(|t| !t.position.is_terminal()).collect();
        let rest: Vec<_> = rest.iter().map(|t| self.world.show_task(t)).collect();
        Err(format!("after {bound} steps without faults there is still: {}", rest.join("; ")))
    }

    /// Every person answers what is asked of them.
    fn people_help(&mut self) {
        let rows: Vec<_> = self.world.tasks.values().filter(|t| !t.position.is_terminal()).cloned().collect();
        for row in rows {
            let open =
                self.world.episodes.get(&row.id).and_then(|all| all.iter().find(|e| e.is_open())).map(|e| e.kind);
            let money = row.waits.iter().any(|w| matches!(w, orch_rules::task::Wait::Budget { .. }));
            let event = match (&row.hold, open) {
                _ if row.hands.is_some() => TaskEvent::GivenBack,
                (Some(Hold::Cycle { .. } | Hold::EntryRefused { .. }), _) => TaskEvent::StopRequested,
                (Some(_), _) => TaskEvent::RetryRequested,
                (None, Some(EpisodeKind::Approval | EpisodeKind::ProtectedPaths)) => says(Reply::Approve),
                (None, Some(EpisodeKind::Budget)) => TaskEvent::BudgetRaised { by_micros: 1_000 },
                (None, Some(EpisodeKind::Questions)) => answered(),
                (None, Some(EpisodeKind::ConfirmDeploy)) => says(Reply::Confirm),
                (None, None) if row.paused => TaskEvent::Resumed,
                (None, None) if row.position == Position::Backlog => TaskEvent::StartRequested { authors: Vec::new() },
                (None, None) if money => TaskEvent::Looked,
                (None, None) => continue,
            };
            // Of one that is to be stopped only a change that could not be taken back is theirs.
            if row.stop.is_none() || matches!(row.hold, Some(Hold::Stuck { .. })) {
                self.absorb(&Event::Task { task: row.id, event }, "ann");
            }
        }
    }

    fn count_ends(&mut self) {
        self.count_judgements();
        for task in self.world.tasks.values() {
            let end = if task.position == Position::Done { "done" } else { "cancelled" };
            *self.seen.ends.entry(end).or_default() += 1;
        }
    }
}
