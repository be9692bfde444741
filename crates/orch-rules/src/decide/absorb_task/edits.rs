//! What people do to a task: edit it, send it back, skip a stage, leave a comment.

use crate::actor::Actor;
use crate::claim::ClaimKind;
use crate::decide::draft::Draft;
use crate::event::Refusal;
use crate::facts::Policy;
use crate::gate::{self, Outcome};
use crate::ids::StageId;
use crate::lane::{LaneState, Line};
use crate::pipeline::{GateName, Stage, StageKind, Target};
use crate::reason::{self, Reason};
use crate::rights::Acting;
use crate::task::{Hold, Position};
use crate::work_item::entry_check;

use super::commands::{self, Answered, refuse, refuse_if_terminal};

/// Refuses what would tear a landing, undo one, or cross a stop or another person.
pub(super) fn refuse_if_bound(draft: &Draft) -> Result<(), Refusal> {
    refuse_if_terminal(draft)?;
    let task = &draft.facts.task;
    let why = if task.hands.is_some() {
        reason::branch_in_hands()
    } else if task.stop.is_some() {
        reason::being_stopped()
    } else if let Some(landed) = &task.landed {
        reason::landed_already(&draft.facts.repository.base_branch, landed)
    } else if matches!(
        draft.landing_entry().map(|e| &e.state),
        Some(LaneState::Landing { .. } | LaneState::Landed { .. } | LaneState::Deploying { .. })
    ) {
        reason::it_lands()
    } else {
        return Ok(());
    };
    refuse(draft, why).map(|_| ())
}

/// What its issue says at its tracker counts until something is made of the task; then people edit the task.
pub fn issue_read(draft: &mut Draft, by: &Actor, title: &str, description: &str) -> Reason {
    let task = &mut draft.facts.task;
    let title = crate::work_item::clean_title(title);
    let same = task.title == title && task.description == description;
    if task.position != Position::Backlog || same || title.is_empty() {
        return reason::nothing_said();
    }
    (task.title, task.description) = (title, description.to_owned());
    draft.audit(by, "issue_read", reason::issue_read());
    reason::nothing_said()
}

/// A person took the issue away from the board, or put it away: nothing new starts until somebody says what is meant.
pub fn issue_gone(draft: &mut Draft, by: &Actor) -> Reason {
    let task = &mut draft.facts.task;
    if !task.paused && !task.position.is_terminal() {
        task.paused = true;
        draft.audit(by, "issue_gone", reason::issue_gone(&draft.facts.task.work_item));
    }
    reason::nothing_said()
}

/// The task says something else. What was approved for the old words is asked again.
pub fn edit(
    draft: &mut Draft,
    by: &Actor,
    title: Option<&str>,
    description: Option<&str>,
    priority: Option<i32>,
) -> Answered {
    refuse_if_bound(draft)?;
    let task = &draft.facts.task;
    let title = title.filter(|new| *new != task.title).map(str::to_owned);
    let description = description.filter(|new| *new != task.description).map(str::to_owned);
    if draft.stage().is_some_and(|s| s.kind.in_lane()) && (title.is_some() || description.is_some()) {
        let why = reason::in_the_landing_line();
        return refuse(draft, why);
    }
    let mut done = Vec::new();
    if let Some(priority) = priority.filter(|new| *new != task.priority) {
        done.push(commands::set_priority(draft, by, priority)?);
    }
    if let Some(title) = title {
        draft.audit(by, "edit", reason::title_was(&draft.facts.task.title));
        draft.facts.task.title = title;
        done.push(reason::title_changed());
    }
    if let Some(description) = description {
        draft.audit(by, "edit", reason::description_changed());
        draft.facts.task.description = description;
        done.push(new_description(draft));
    }
    if done.is_empty() {
        return Ok(reason::says_that_already());
    }
    recheck_entry(draft);
    Ok(reason::all_of(done))
}

/// Work on the old words is void from the last stage on in which a person approves.
fn new_description(draft: &mut Draft) -> Reason {
    let begun = draft.visit_attempt().is_some() || draft.facts.task.head.is_some();
    let here = draft.facts.task.position.stage().cloned();
    let approving = here.filter(|_| begun).and_then(|here| {
        let reached = until(&draft.facts.pipeline.stages, &here);
        reached.iter().rev().find(|s| s.approval).cloned()
    });
    let Some(stage) = approving else { return reason::now_described() };
    back(draft, &stage.id, "A person changed the description of the task. Bring the documents up to it.".to_owned());
    reason::described_and_back(&stage.id)
}

/// A task that the entry check refused may pass it now.
fn recheck_entry(draft: &mut Draft) {
    if !matches!(draft.facts.task.hold, Some(Hold::EntryRefused { .. })) {
        return;
    }
    let policy: &Policy = &draft.facts.policy;
    let reasons = entry_check(&draft.facts.task.title, &draft.facts.task.description, policy);
    draft.facts.task.hold = (!reasons.is_empty()).then_some(Hold::EntryRefused { reasons });
}

/// The stages up to and with this one, in the order of the file.
fn until<'s>(stages: &'s [Stage], here: &StageId) -> &'s [Stage] {
    let at = stages.iter().position(|s| &s.id == here).map_or(0, |at| at + 1);
    &stages[..at]
}

/// To an earlier stage, with fresh attempts; an agent that works is asked to end and delivers nothing.
pub(super) fn back(draft: &mut Draft, to: &StageId, rework: String) {
    draft.stop_run();
    draft.leave(Line::Landing);
    draft.claim(ClaimKind::Person, rework, &Position::Stage(to.clone()));
    let task = &mut draft.facts.task;
    task.retries = 0;
    task.hold = None;
    draft.enter(Position::Stage(to.clone()));
}

/// Back to an earlier stage, because a person says so. That is no retry.
pub fn send_back(draft: &mut Draft, by: &Actor, to: &StageId, reason: &str) -> Answered {
    refuse_if_bound(draft)?;
    let Some(here) = draft.facts.task.position.stage().cloned() else {
        return refuse(draft, reason::not_in_a_stage());
    };
    let pipeline = draft.facts.pipeline.clone();
    let reached = until(&pipeline.stages, &here);
    let earlier = &reached[..reached.len().saturating_sub(1)];
    if !earlier.iter().any(|s| &s.id == to) {
        let names: Vec<_> = earlier.iter().map(|s| s.id.as_str()).collect();
        let why = match (pipeline.stage(to).is_some(), names.is_empty()) {
            (_, true) => reason::first_stage(&here),
            (true, _) => reason::stage_not_before(to, &here, names.join(", ")),
            (false, _) => reason::no_such_stage(to, &here, names.join(", ")),
        };
        return refuse(draft, why);
    }
    draft.audit(by, "send_back", reason::sent_back_by_hand(&here, to, reason));
    back(draft, to, format!("A person sent it back from {here}: {reason}"));
    Ok(reason::now_sent_back(to))
}

/// The stage that makes the change, if the task has come that far.
pub(super) fn build_stage(draft: &Draft) -> Option<Stage> {
    let here = draft.facts.task.position.stage()?;
    until(&draft.facts.pipeline.stages, here).iter().rev().find(|s| s.kind == StageKind::Build).cloned()
}

/// A reviewer on the forge wants changes: to the stage that makes them. False if nothing can be done now.
pub(super) fn back_to_build(draft: &mut Draft, by: &Actor, findings: &str) -> bool {
    let Some(stage) = build_stage(draft).filter(|_| refuse_if_bound(draft).is_ok()) else { return false };
    draft.audit(by, "forge_review", reason::review_leads_back(&stage.id));
    back(draft, &stage.id, format!("A person asks for changes, in a review on the forge:\n\n{findings}"));
    true
}

/// On to the next stage without this one's verdict. A person may do without a judgement; a fact is replaced by nobody
/// (X13): what makes the change, tests the candidate, lands or deploys is never skipped.
pub fn skip(draft: &mut Draft, by: &Acting, reason: &str, people: &[String]) -> Answered {
    refuse_if_bound(draft)?;
    if !by.is_one_of(people) {
        return refuse(draft, reason::not_skipped(by.not_one_of(people, "[people] approve")));
    }
    let Some(stage) = draft.stage() else { return refuse(draft, reason::no_stage_to_skip()) };
    let fact = match stage.kind {
        StageKind::Author | StageKind::Judge | StageKind::Check => None,
        StageKind::Build => Some(reason::never_skipped_build(&stage.id)),
        StageKind::Stage | StageKind::Land => Some(reason::never_skipped_landing(&stage.id)),
        StageKind::Deploy => Some(reason::never_skipped_deploy(&stage.id)),
    };
    if let Some(fact) = fact {
        return refuse(draft, fact);
    }
    let Target::Stage(next) = stage.next.clone() else {
        return refuse(draft, reason::never_skipped_last(&stage.id));
    };
    let lands = draft.facts.pipeline.stage(&next).is_some_and(|s| s.kind.in_lane());
    if lands && draft.facts.task.head.is_none() {
        return refuse(draft, reason::never_skipped_unmade(&stage.id));
    }
    let granted = gate::evaluate(GateName::CheckProtectedPaths, &draft.facts).outcome;
    if stage.gates.contains(&GateName::CheckProtectedPaths) && matches!(granted, Outcome::NeedsHuman | Outcome::Unknown)
    {
        return refuse(draft, reason::protected_first());
    }
    draft.audit(&by.actor, "skip", reason::skipped(&stage.id, reason));
    draft.stop_run();
    let task = &mut draft.facts.task;
    task.hold = None;
    task.rework = None;
    task.claims.retain(|claim| claim.from != stage.id);
    draft.enter(Position::Stage(next.clone()));
    Ok(reason::now_skipped(&stage.id, next))
}

/// Kept, shown, told to the next agent; nothing in it acts (A8).
pub fn comment(draft: &mut Draft, by: &Actor, text: &str) -> Reason {
    draft.audit(by, "comment", reason::quoted(text));
    reason::comment_kept()
}
