//! A task branch beside the task's head: who pushed what, and whether both fit together.

use orch_ports::PortResult;
use orch_ports::workshop::{BranchOrder, BranchState, CandidateOrder, Workshop as _};
use orch_rules::event::CandidateResult;
use orch_rules::ids::CommitId;

use super::{GitWorkshop, ours};

impl GitWorkshop {
    pub(super) fn compare(&self, order: &BranchOrder, tip: &CommitId) -> PortResult<BranchState> {
        let bare = self.bare()?;
        let tip = bare.theirs(tip)?;
        let (head, since) = (bare.theirs(&order.head)?, bare.theirs(&order.since)?);
        let contains = |one, other| bare.repository.contains(one, other).map_err(bare.told());
        // An older head need not have been followed yet by its publication. A replay knows that it has not.
        if tip == head || (!order.replay && contains(&head, &tip)?) {
            return Ok(BranchState::Same);
        }
        let by = bare.repository.author(&tip).map_err(bare.told())?;
        let work = || bare.collected(&order.work_item, &order.since, &tip);
        if contains(&tip, &head)? {
            return Ok(BranchState::Pushed { work: work()?, by });
        }
        if !order.replay || !contains(&tip, &since)? {
            return Ok(BranchState::Rewritten { work: work()?, by });
        }
        let combine = CandidateOrder {
            head: order.head.clone(),
            work_item: order.work_item.clone(),
            documents_kept: None,
            message: order.message.clone(),
            identity: order.identity.clone(),
            at: order.at,
        };
        Ok(match self.candidate(&combine, &ours(&tip))? {
            CandidateResult::Conflict { paths } => BranchState::Conflict { work: work()?, by, paths },
            // The branch has what the head brings.
            CandidateResult::Made { candidate } if candidate.empty => BranchState::Pushed { work: work()?, by },
            CandidateResult::Made { candidate } => {
                let work = bare.collected(&order.work_item, &order.since, &bare.theirs(&candidate.commit)?)?;
                BranchState::Replayed { work, by, tip: ours(&tip) }
            }
        })
    }
}
