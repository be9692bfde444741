//! A task branch beside the task's head: who pushed what, and whether both fit together.

use orch_ports::PortResult;
use orch_ports::forge::{BranchOrder, BranchState, CandidateOrder, Forge};
use orch_rules::event::CandidateResult;

use super::{LocalForge, ours};

impl LocalForge {
    pub(super) fn compare(&self, order: &BranchOrder) -> PortResult<BranchState> {
        let Some(tip) = self.repository.tip(&self.branch(&order.branch)?).map_err(self.told())? else {
            return Ok(BranchState::Gone);
        };
        let (head, since) = (self.theirs(&order.head)?, self.theirs(&order.since)?);
        let contains = |one, other| self.repository.contains(one, other).map_err(self.told());
        // An older head need not have been followed yet by its publication. A replay knows that it has not.
        if tip == head || (!order.replay && contains(&head, &tip)?) {
            return Ok(BranchState::Same);
        }
        let by = self.repository.author(&tip).map_err(self.told())?;
        let work = || self.collected(&order.work_item, &order.since, &tip);
        if contains(&tip, &head)? {
            return Ok(BranchState::Pushed { work: work()?, by });
        }
        if !order.replay || !contains(&tip, &since)? {
            return Ok(BranchState::Rewritten { work: work()?, by });
        }
        let combine = CandidateOrder {
            head: order.head.clone(),
            message: order.message.clone(),
            identity: order.identity.clone(),
            at: order.at,
        };
        Ok(match self.candidate(&combine, &ours(&tip))? {
            CandidateResult::Conflict { paths } => BranchState::Conflict { work: work()?, by, paths },
            // The branch has what the head brings.
            CandidateResult::Made { candidate } if candidate.empty => BranchState::Pushed { work: work()?, by },
            CandidateResult::Made { candidate } => {
                let work = self.collected(&order.work_item, &order.since, &self.theirs(&candidate.commit)?)?;
                BranchState::Replayed { work, by, tip: ours(&tip) }
            }
        })
    }
}
