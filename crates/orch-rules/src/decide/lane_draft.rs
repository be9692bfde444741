//! A lane's decision in the making.

use crate::actor::Actor;
use crate::change::{AuditLine, Change, ChangeSet, Guard};
use crate::effect::Effect;
use crate::facts::{LandingFacts, RepositoryFacts};
use crate::ids::{TaskId, Timestamp};
use crate::lane::{LaneEntry, LaneState, Repository};
use crate::reason::Reason;

use super::draft::ORCH;

/// Works on a copy of the facts; the repository row is written once, at the end, if it changed.
pub struct LaneDraft {
    before: Repository,
    pub facts: RepositoryFacts,
    pub now: Timestamp,
    guards: Vec<Guard>,
    changes: Vec<Change>,
}

impl LaneDraft {
    pub fn new(mut facts: RepositoryFacts, now: Timestamp) -> Self {
        let key = |e: &LaneEntry| (std::cmp::Reverse(e.priority), e.position, e.task.clone());
        facts.entry.sort_by_key(|e| key(&e.entry));
        facts.landing.sort_by_key(|e| key(&e.entry));
        // What takes back the change of a task that is stopped is not held by the stop.
        facts.landing.iter_mut().filter(|l| l.entry.reverts.is_some()).for_each(|l| l.resting = false);
        Self { before: facts.repository.clone(), facts, now, guards: Vec::new(), changes: Vec::new() }
    }

    /// Guards, then the repository row, then everything else in the order it was wanted.
    pub fn into_changes(self) -> ChangeSet {
        let Self { before, facts, mut guards, mut changes, .. } = self;
        if facts.repository == before && guards.is_empty() && changes.is_empty() {
            return ChangeSet::default();
        }
        let version = before.version;
        guards.insert(0, Guard::RepositoryVersion { repository: before.id, version });
        changes.insert(0, Change::PutRepository { repository: facts.repository });
        ChangeSet { guards, changes }
    }

    pub fn guard(&mut self, guard: Guard) {
        self.guards.push(guard);
    }

    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub fn perform(&mut self, effect: Effect) {
        let due = self.now;
        self.changes.push(Change::Perform { effect, due });
    }

    pub fn audit(&mut self, task: Option<&TaskId>, by: &Actor, rule: &str, text: Reason) {
        self.changes.push(Change::Audit {
            line: AuditLine {
                task: task.cloned(),
                repository: self.facts.repository.id.clone(),
                at: self.now,
                by: by.clone(),
                rule: rule.to_owned(),
                text,
            },
        });
    }

    pub fn landing_of(&self, task: &TaskId) -> Option<&LandingFacts> {
        self.facts.landing.iter().find(|l| &l.entry.task == task)
    }

    /// Move a place in the landing line to another state, tell its task, and say so in the audit trail.
    pub fn move_landing(&mut self, task: &TaskId, state: LaneState, rule: &str, text: Reason) {
        let Some(facts) = self.facts.landing.iter_mut().find(|l| &l.entry.task == task) else { return };
        facts.entry.state = state;
        let entry = facts.entry.clone();
        self.change(Change::PutLaneEntry { entry });
        self.change(Change::Wake { task: task.clone() });
        self.audit(Some(task), ORCH, rule, text);
    }

    /// The next fence of the lane, with the guard that nobody else took it.
    pub fn raise_fence(&mut self) -> i64 {
        let repository = self.facts.repository.id.clone();
        let fence = self.facts.repository.lane_fence;
        if fence == self.before.lane_fence {
            self.guard(Guard::LaneHeld { repository, fence });
        }
        self.facts.repository.lane_fence = fence + 1;
        fence + 1
    }

    /// The guard that the repository is not frozen when this is written. A decision that lifts the freeze itself goes
    /// without: guards look at the rows before it. So does what passes a freeze: the row it was seen in is guarded.
    pub fn guard_not_frozen(&mut self) {
        let epoch = self.facts.repository.freeze_epoch;
        if epoch != self.before.freeze_epoch || self.facts.repository.frozen.is_some() {
            return;
        }
        let (repository, epoch) = (self.facts.repository.id.clone(), self.facts.repository.freeze_epoch);
        let guard = Guard::NotFrozen { repository, epoch };
        if !self.guards.contains(&guard) {
            self.guard(guard);
        }
    }
}
