//! Where a task stands in a line, as of now. Its reasons for waiting were written when it was decided last; those in
//! front have moved since, and nobody decides it anew for that.

use std::collections::BTreeMap;

use orch_rules::facts::RepositoryFacts;
use orch_rules::ids::{RepositoryId, WorkItemId};
use orch_rules::lane::{LaneEntry, LaneState};
use orch_rules::task::{Task, Wait};

use super::{Control, ControlError};

impl Control {
    /// Brings the places in the tasks' reasons for waiting up to date: one look per repository in which somebody
    /// stands in a line.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn stand(&self, tasks: &mut [Task]) -> Result<(), ControlError> {
        let mut lanes: BTreeMap<RepositoryId, RepositoryFacts> = BTreeMap::new();
        for task in tasks.iter_mut().filter(|task| task.waits.iter().any(in_line)) {
            if !lanes.contains_key(&task.repository) {
                let (lane, _) = self.engine.store.lane_facts(&task.repository, &self.engine.served().policy).await?;
                lanes.insert(task.repository.clone(), lane);
            }
            if let Some(lane) = lanes.get(&task.repository) {
                place(task, lane);
            }
        }
        Ok(())
    }
}

fn in_line(wait: &Wait) -> bool {
    matches!(wait, Wait::Entry { .. } | Wait::Lane { .. })
}

fn place(task: &mut Task, lane: &RepositoryFacts) {
    let serial = lane.repository.serial && lane.policy.serial;
    for wait in &mut task.waits {
        match wait {
            Wait::Entry { place, behind } => {
                // One at a time: whoever was let in is in front, whatever its priority. Else it is in nobody's way.
                let (inside, queued): (Vec<_>, Vec<_>) =
                    lane.entry.iter().map(|e| &e.entry).partition(|e| e.state == LaneState::Admitted);
                let line = inside.into_iter().filter(|_| serial).chain(queued);
                if let Some((now, front, _)) = standing(&task.work_item, line) {
                    (*place, *behind) = (now, front.filter(|_| serial).cloned());
                }
            }
            Wait::Lane { place, behind, doing } => {
                if let Some((now, front, own)) = standing(&task.work_item, lane.landing.iter().map(|l| &l.entry)) {
                    (*place, *behind, *doing) = (now, front.cloned(), own.state.name().to_owned());
                }
            }
            _ => {}
        }
    }
}

/// The place from 1, who is at the front, and the entry itself; `None` for who has left the line. The lane is done
/// with settled ones, so nobody waits behind them.
fn standing<'a>(
    who: &WorkItemId,
    line: impl Iterator<Item = &'a LaneEntry>,
) -> Option<(u32, Option<&'a WorkItemId>, &'a LaneEntry)> {
    let (mut place, mut front) = (1, None);
    for entry in line {
        if entry.work_item == *who {
            return Some((place, front, entry));
        }
        if !entry.state.is_settled() {
            place += 1;
            front = front.or(Some(&entry.work_item));
        }
    }
    None
}
