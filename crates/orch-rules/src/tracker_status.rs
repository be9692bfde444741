//! Which state of its tracker's project shows how a task stands: indication, never a command (A12).

use crate::episode::Episode;
use crate::pipeline::{Pipeline, Role, StageKind};
use crate::task::{Position, Task, Wait};
use crate::tracker_states::StatusKey;

/// What an issue is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indicated {
    /// The state.
    pub key: StatusKey,
    /// The question or the hold that it shows; empty if it shows none.
    pub about: String,
}

impl Indicated {
    fn of(key: StatusKey) -> Self {
        Self { key, about: String::new() }
    }

    /// How a task stands; `None` while the state that a person set says it. A hold and an open question outrank the stage,
    /// until somebody has acted (A18).
    pub fn of_task(task: &Task, pipeline: Option<&Pipeline>, episodes: &[Episode]) -> Option<Self> {
        match &task.position {
            Position::Done => return Some(Self::of(StatusKey::Done)),
            Position::Cancelled => return Some(Self::of(StatusKey::Cancelled)),
            _ if task.hold.is_some() => {
                // Held once more, after somebody had started it anew.
                let about = format!("hold:{}:{}:{}", task.started_at.unwrap_or_default().0, task.visit, task.attempt);
                return Some(Self { key: StatusKey::Blocked, about });
            }
            Position::Backlog | Position::Entering => return None,
            Position::Stage(_) => {}
        }
        if let Some(asked) = episodes.iter().rev().find(|episode| episode.is_open()) {
            return Some(Self { key: StatusKey::of_question(asked.kind), about: asked.id.to_string() });
        }
        if task.waits.iter().any(|wait| matches!(wait, Wait::Deploying { .. })) {
            return Some(Self::of(StatusKey::Deploying));
        }
        let stage = task.position.stage().zip(pipeline).and_then(|(id, pipeline)| pipeline.stage(id));
        Some(Self::of(stage.map_or(StatusKey::InProgress, |stage| of_stage(stage.kind, stage.role))))
    }
}

/// What shows that a stage is worked on.
fn of_stage(kind: StageKind, role: Option<Role>) -> StatusKey {
    match kind {
        StageKind::Author if role == Some(Role::Architect) => StatusKey::Architecture,
        StageKind::Author => StatusKey::Analysis,
        StageKind::Build => StatusKey::Development,
        StageKind::Judge => StatusKey::CodeReview,
        StageKind::Check => StatusKey::Testing,
        StageKind::Stage | StageKind::Land => StatusKey::InProgress,
        StageKind::Deploy => StatusKey::Deploying,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_stage_is_shown_by_a_state_that_commands_nothing() {
        for kind in StageKind::ALL {
            for role in [None, Some(Role::Analyst), Some(Role::Architect)] {
                let key = of_stage(kind, role);
                assert_eq!(key.says(), None, "{kind:?} {role:?}: {key:?}");
            }
        }
        assert_eq!(of_stage(StageKind::Stage, None), StatusKey::InProgress, "staging shows as In Progress");
    }
}
