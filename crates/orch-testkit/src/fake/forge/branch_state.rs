//! A branch of the fake beside a task's head.

use orch_ports::PortResult;
use orch_ports::workshop::{BranchOrder, BranchState};

use orch_rules::ids::CommitId;

use super::super::merge::merge;
use super::Code;

impl Code {
    pub(super) fn branch_state(&mut self, order: &BranchOrder, tip: CommitId) -> PortResult<BranchState> {
        let head = &order.head;
        self.known(head)?;
        if &tip == head || (!order.replay && self.contains(head, &tip)) {
            return Ok(BranchState::Same);
        }
        let by = AUTHOR.to_owned();
        let work = self.collected(&order.work_item, &order.since, &tip)?;
        if self.contains(&tip, head) {
            return Ok(BranchState::Pushed { by, work });
        }
        if !order.replay || !self.contains(&tip, &order.since) {
            return Ok(BranchState::Rewritten { by, work });
        }
        let (ours, theirs) = (self.known(&tip)?.files.clone(), self.known(head)?.files.clone());
        let base = self.merge_base(&tip, head);
        Ok(match merge(&base, &ours, &theirs) {
            Err(paths) => BranchState::Conflict { by, work, paths },
            Ok(files) if files == ours => BranchState::Pushed { by, work },
            Ok(files) => {
                let commit = self.commit(vec![tip.clone()], files, &order.message);
                let work = self.collected(&order.work_item, &order.since, &commit)?;
                BranchState::Replayed { by, tip, work }
            }
        })
    }
}

/// Author of every commit that a person pushes.
pub const AUTHOR: &str = "Person";
