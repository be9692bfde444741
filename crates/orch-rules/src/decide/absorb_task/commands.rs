//! What people ask for. Each either changes the facts or is refused with the reason and the way out.

use crate::actor::Actor;
use crate::attempt::{Over, RunEnd};
use crate::change::Change;
use crate::decide::draft::Draft;
use crate::effect::Effect;
use crate::episode::{Answer, EpisodeKind};
use crate::event::Refusal;
use crate::facts::{Dependencies, Dependency};
use crate::ids::{TaskId, WorkItemId};
use crate::lane::Line;
use crate::reason::{self, Reason};
use crate::rights::Acting;
use crate::task::{Hold, Position, StopRequest};
use crate::work_item::entry_check;

pub(super) type Answered = Result<Reason, Refusal>;

pub(super) fn refuse(draft: &Draft, why: Reason) -> Answered {
    Err(Refusal { work_item: draft.facts.task.work_item.clone(), why })
}

pub(super) fn refuse_if_terminal(draft: &Draft) -> Result<(), Refusal> {
    let position = &draft.facts.task.position;
    if position.is_terminal() {
        return refuse(draft, reason::ended_already(position.name())).map(|_| ());
    }
    Ok(())
}

/// Start the line (A5), or run the first stage again after its questions were answered (A9). An existing task is
/// neither re-created nor restarted.
pub fn start(draft: &mut Draft, by: &Acting, authors: &[String]) -> Answered {
    refuse_if_terminal(draft)?;
    match draft.facts.task.position.clone() {
        Position::Backlog => {
            if draft.facts.task.unlisted && !by.is_one_of(authors) {
                let list = by.not_one_of(authors, "[intake] authors");
                return refuse(draft, reason::author_not_listed(list));
            }
            let by = &by.actor;
            draft.facts.task.unlisted = false;
            let task = &draft.facts.task;
            let reasons = entry_check(&task.title, &task.description, &draft.facts.policy);
            let now = draft.now;
            if !reasons.is_empty() {
                draft.hold(Hold::EntryRefused { reasons: reasons.clone() }, "entry_check");
                return Ok(reason::not_started(&draft.facts.task.work_item, reasons));
            }
            draft.audit(by, "start", reason::starts());
            let task = &mut draft.facts.task;
            task.hold = None;
            task.started_at = Some(now);
            draft.enter(Position::Entering);
            draft.join(Line::Entry, None, false);
            Ok(reason::now_started())
        }
        Position::Stage(stage) if draft.facts.pipeline.entry().is_some_and(|e| e.id == stage) => {
            let running = draft.facts.attempt.as_ref().is_some_and(|a| a.ended.is_none());
            if running || draft.facts.task.hold.is_some() || draft.visit_attempt().is_none() {
                return refuse(draft, reason::started_already());
            }
            if let Some(episode) = draft.open_episode(EpisodeKind::Questions) {
                draft.answer(episode, Answer::Approved, &by.actor);
            }
            draft.audit(&by.actor, "start", reason::runs_again(&stage));
            draft.enter_again();
            Ok(reason::runs_again(stage))
        }
        _ => refuse(draft, reason::started_already()),
    }
}

/// Cancel (I). Kept until it can be carried out.
pub fn stop(draft: &mut Draft, by: &Actor) -> Answered {
    if !draft.facts.policy.stop {
        return refuse(draft, reason::stop_switched_off());
    }
    let position = &draft.facts.task.position;
    if position.is_terminal() {
        return refuse(draft, reason::too_late(position.name()));
    }
    if draft.facts.task.stop.is_some() {
        return Ok(reason::stopping_already());
    }
    draft.audit(by, "stop", reason::stop_asked());
    draft.facts.task.stop = Some(StopRequest { by: by.clone(), at: draft.now });
    let mends = draft.landing_entry().is_some_and(|entry| entry.mends);
    if draft.facts.task.landed.is_some() || mends {
        // What held it is no reason to leave its change where it is.
        draft.facts.task.hold = None;
    }
    Ok(reason::now_stopping())
}

/// Lift a hold with fresh attempts (B6). Where only a check could not be run, only the check runs again.
pub fn retry(draft: &mut Draft, by: &Acting) -> Answered {
    refuse_if_terminal(draft)?;
    let Some(hold) = draft.facts.task.hold.clone() else {
        return refuse(draft, reason::nothing_holds_it());
    };
    if let Hold::Cycle { .. } = &hold {
        return refuse(draft, reason::part_of_a_cycle(hold.reason()));
    }
    draft.audit(&by.actor, "retry", reason::fresh_attempts());
    draft.facts.task.retries = 0;
    draft.facts.task.convergence.start_over();
    draft.facts.task.hold = None;
    if draft.facts.task.replay_since.is_some() {
        super::branch::look_again(draft);
        return Ok(reason::branch_looked_at_again());
    }
    match hold {
        Hold::EntryRefused { .. } => return start(draft, by, &[]),
        Hold::Stuck { .. } if is_taken_back(draft) => {
            // Which commit it was is not known, and a person has seen to it.
            if draft.facts.task.brought.is_empty() {
                draft.facts.task.landed = None;
            }
        }
        Hold::Stuck { .. } => {
            if let Some(attempt) = collect_again(draft) {
                return Ok(reason::collected_again(attempt));
            }
            retry_stuck(draft);
        }
        // An escalated task already stands where its red led, with the text for the next attempt.
        Hold::Escalated { .. } | Hold::Cycle { .. } => {}
    }
    Ok(reason::fresh_attempts())
}

/// What it brought is on the base branch and must not stay there.
fn is_taken_back(draft: &Draft) -> bool {
    let task = &draft.facts.task;
    let failed = task.deployment.as_ref().is_some_and(crate::deploy::TaskDeployment::has_failed);
    task.landed.is_some() && (task.stop.is_some() || failed)
}

/// Work that is there and could not be brought home is fetched once more, and nobody is paid again for it.
fn collect_again(draft: &mut Draft) -> Option<u32> {
    let mut attempt = draft.visit_attempt()?.clone();
    let ended = attempt.ended.take().filter(|ended| !matches!(ended.how, RunEnd::SpawnFailed { .. }))?;
    let why = ended.trouble.filter(|_| !ended.in_vain)?;
    attempt.over = Some(Over { how: ended.how, why, by_hand: true });
    let (task, number) = (attempt.task.clone(), attempt.number);
    draft.facts.attempt = Some(attempt.clone());
    draft.change(Change::PutAttempt { attempt });
    draft.perform(Effect::RunAgent { task, attempt: number });
    Some(number)
}

fn retry_stuck(draft: &mut Draft) {
    use crate::check::CheckOutcome;
    let unknown = draft.facts.checks.iter().rposition(|c| matches!(c.outcome, Some(CheckOutcome::Unknown { .. })));
    match unknown {
        Some(at) if at + 1 == draft.facts.checks.len() => {
            let check = draft.facts.checks[at].clone();
            draft.request_check(check.commit, check.key, None);
        }
        _ if draft.stage().is_some_and(|s| s.kind.in_lane() && s.role.is_none()) => {}
        _ => {
            // The agent of the new visit is told what the one before was told, or what was wrong with its work.
            if draft.facts.task.rework.is_none() {
                draft.facts.task.rework = draft.visit_attempt().and_then(|a| a.rework.clone());
            }
            draft.enter_again();
        }
    }
}

/// Pause or resume.
pub fn set_paused(draft: &mut Draft, by: &Actor, paused: bool) -> Answered {
    refuse_if_terminal(draft)?;
    if draft.facts.task.paused == paused {
        return Ok(if paused { reason::paused_already() } else { reason::not_paused() });
    }
    draft.audit(by, if paused { "pause" } else { "resume" }, if paused { reason::paused() } else { reason::goes_on() });
    draft.facts.task.paused = paused;
    let repository = draft.facts.task.repository.clone();
    draft.change(Change::WakeLane { repository });
    Ok(if paused { reason::now_paused() } else { reason::goes_on() })
}

/// Before or behind others, in every line it stands in.
pub fn set_priority(draft: &mut Draft, by: &Actor, priority: i32) -> Answered {
    refuse_if_terminal(draft)?;
    draft.audit(by, "priority", reason::priority(priority));
    draft.facts.task.priority = priority;
    let entries: Vec<_> = draft.facts.lane.clone();
    for mut entry in entries {
        if entry.reverts.is_none() {
            entry.priority = priority;
            draft.put_entry(entry);
        }
    }
    Ok(reason::priority(priority))
}

/// Wait for another task (J), unless that closes a circle. One that two edges close at once is found by the next
/// decision, which sees all edges.
pub fn add_dependency(draft: &mut Draft, by: &Actor, on: &TaskId, circle: &[WorkItemId]) -> Answered {
    refuse_if_terminal(draft)?;
    let task = draft.facts.task.id.clone();
    if &task == on {
        return refuse(draft, reason::waits_for_itself());
    }
    if !circle.is_empty() {
        let names: Vec<_> = circle.iter().map(WorkItemId::as_str).collect();
        let last = names.last().copied().unwrap_or_default();
        let why = reason::closes_a_circle(names.join(" → "), last);
        return refuse(draft, why);
    }
    draft.audit(by, "depend", reason::waits_for(on));
    // Seen at once, so that nothing is launched meanwhile; the wake sees whether it is still open, and its name.
    if let Dependencies::Known { open, .. } = &mut draft.facts.dependencies
        && open.iter().all(|d| &d.task != on)
    {
        open.push(Dependency { task: on.clone(), work_item: WorkItemId(on.to_string()) });
    }
    let repository = draft.facts.task.repository.clone();
    draft.change(Change::AddDependency { task: task.clone(), on: on.clone() });
    draft.change(Change::Wake { task });
    draft.change(Change::WakeLane { repository });
    Ok(reason::now_waits())
}

/// Do not wait any longer.
pub fn remove_dependency(draft: &mut Draft, by: &Actor, on: &TaskId) -> Answered {
    refuse_if_terminal(draft)?;
    let task = draft.facts.task.id.clone();
    let repository = draft.facts.task.repository.clone();
    draft.audit(by, "depend", reason::waits_no_longer(on));
    draft.change(Change::RemoveDependency { task: task.clone(), on: on.clone() });
    // It may have closed a cycle that holds those who wait for this one.
    draft.change(Change::WakeDependents { on: task.clone() });
    draft.change(Change::Wake { task });
    draft.change(Change::WakeLane { repository });
    Ok(reason::now_waits_no_longer())
}
