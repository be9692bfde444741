//! The task's branch in people's hands: taken and given back (Y2), and pushed to.

use crate::actor::Actor;
use crate::attempt::{Attempt, Ended, Evidence, RunEnd};
use crate::change::Change;
use crate::check::CheckKey;
use crate::claim::ClaimKind;
use crate::decide::draft::{Draft, ORCH};
use crate::effect::Effect;
use crate::episode::EpisodeKind;
use crate::ids::CommitId;
use crate::lane::{LaneState, Line};
use crate::people::{BranchSeen, Hands};
use crate::pipeline::{Role, Stage};
use crate::reason::{self, Reason};
use crate::task::{Hold, Keys, Position};

use super::commands::{Answered, refuse, refuse_if_terminal};
use super::edits::{build_stage, refuse_if_bound};

/// A person takes the branch: the agent is asked to end, and nothing runs.
pub fn hands_off(draft: &mut Draft, by: &Actor) -> Answered {
    refuse_if_terminal(draft)?;
    if draft.facts.task.hands.as_ref().is_some_and(|hands| hands.by == *by) {
        return Ok(reason::in_hands_already());
    }
    refuse_if_bound(draft)?;
    let task = &draft.facts.task;
    let (id, branch) = (task.work_item.clone(), task.branch.clone());
    if task.position.stage().is_none() {
        return refuse(draft, reason::no_branch_yet());
    }
    if task.head.is_none() || task.head == task.base {
        return refuse(draft, reason::no_commit_yet());
    }
    draft.audit(by, "hands_off", reason::takes_branch(&branch));
    draft.facts.task.hands = Some(Hands { by: by.clone(), since: draft.now, returning: false });
    draft.stop_run();
    draft.leave(Line::Landing);
    Ok(reason::now_in_hands(id, branch))
}

/// The person is done: the branch is looked at, and the line goes on from what is there.
pub fn give_back(draft: &mut Draft, by: &Actor) -> Answered {
    refuse_if_terminal(draft)?;
    let Some(mut hands) = draft.facts.task.hands.clone() else {
        return refuse(draft, reason::not_in_hands());
    };
    if hands.returning {
        return Ok(reason::looked_at_already());
    }
    if running(draft) {
        return refuse(draft, reason::agent_still_works());
    }
    draft.audit(by, "give_back", reason::gives_back());
    hands.returning = true;
    draft.facts.task.hands = Some(hands);
    observe(draft);
    Ok(reason::now_given_back())
}

/// Asks for a look at the branch, unless nobody could act on it now. Says nothing: a hint comes again.
pub fn push_seen(draft: &mut Draft, tip: Option<&CommitId>) -> String {
    let task = &draft.facts.task;
    let known = task.head.as_ref() == tip || (tip.is_some() && task.branch_seen.as_ref() == tip);
    let placed = task.position.stage().is_some() && task.head.is_some();
    if known || !placed || running(draft) || task.replay_since.is_some() || refuse_if_bound(draft).is_err() {
        return "nothing to look at now".to_owned();
    }
    observe(draft);
    "looked at".to_owned()
}

fn running(draft: &Draft) -> bool {
    draft.facts.attempt.as_ref().is_some_and(|a| a.ended.is_none())
}

/// Asks for a look at the branch; if the head could not be published, what it adds is to be put on top of that.
fn observe(draft: &mut Draft) {
    let task = &draft.facts.task;
    let Some(head) = task.head.clone() else { return };
    let (replay, since) = (task.replay_since.is_some(), task.replay_since.clone().unwrap_or_else(|| head.clone()));
    let (task, branch) = (task.id.clone(), task.branch.clone());
    draft.perform(Effect::ObserveBranch { task, branch, head, since, replay });
}

/// A look that was put off: an agent worked, or the look failed for good.
pub fn look_again(draft: &mut Draft) {
    if draft.facts.task.replay_since.is_some() && !running(draft) && !draft.facts.task.position.is_terminal() {
        observe(draft);
    }
}

/// A head that could not be published stands against a person's push. The lane gives it up, unless it lands already.
pub fn not_published(draft: &mut Draft, was: Option<&CommitId>, error: &str) -> String {
    draft.audit(ORCH, "not_published", reason::branch_not_moved(error));
    let task = &draft.facts.task;
    if task.position.stage().is_none() || task.landed.is_some() || task.head.is_none() || lands(draft) {
        return "recorded".to_owned();
    }
    let task = &mut draft.facts.task;
    if task.replay_since.is_none() {
        task.replay_since = was.or(task.base.as_ref()).cloned();
        draft.leave(Line::Landing);
        look_again(draft);
    }
    "recorded".to_owned()
}

/// A look at the branch failed for good.
pub fn effect_failed(draft: &mut Draft, effect: &str) {
    if effect != "observe_branch" || draft.facts.task.position.is_terminal() {
        return;
    }
    if let Some(hands) = &mut draft.facts.task.hands {
        hands.returning = false;
    } else if draft.facts.task.replay_since.is_some() && draft.facts.task.hold.is_none() {
        draft.hold(Hold::Stuck { reason: reason::push_unseen() }, "push_unknown");
    }
}

fn lands(draft: &Draft) -> bool {
    draft.landing_entry().is_some_and(|e| {
        matches!(e.state, LaneState::Landing { .. } | LaneState::Landed { .. } | LaneState::Deploying { .. })
    })
}

/// What the branch is. An answer about a head that has moved meanwhile, or while an agent works, changes nothing: the
/// agent's own head will be published, or the next sweep looks again.
pub fn branch_seen(draft: &mut Draft, head: &CommitId, seen: &BranchSeen) -> String {
    let task = &draft.facts.task;
    let returning = task.hands.as_ref().is_some_and(|hands| hands.returning);
    let bound = task.position.stage().is_none() || task.stop.is_some() || task.landed.is_some();
    let taken = task.hands.is_some() && !returning;
    let stale = task.head.as_ref() != Some(head);
    if stale || bound || taken || lands(draft) || running(draft) {
        if stale && !bound && !taken {
            look_again(draft);
        }
        return "nothing changes now".to_owned();
    }
    draft.facts.task.replay_since = None;
    match seen {
        BranchSeen::Same => {}
        BranchSeen::Gone => {
            draft.audit(ORCH, "push", reason::branch_removed());
            publish(draft, None, head.clone());
        }
        BranchSeen::Pushed { by, evidence } => take(draft, by, evidence, |head, commits| reason::pushed(head, commits)),
        BranchSeen::Rewritten { by, evidence } if returning => {
            take(draft, by, evidence, |head, commits| reason::pushed_anew(head, commits))
        }
        BranchSeen::Rewritten { by, evidence } => rewritten(draft, by, &evidence.head),
        BranchSeen::Replayed { by, tip, evidence } => {
            take(draft, by, evidence, |head, commits| reason::pushed_meanwhile(head, commits));
            publish(draft, Some(tip.clone()), evidence.head.clone());
        }
        BranchSeen::Conflict { by, evidence, paths } => conflict(draft, by, evidence, paths),
    }
    if let Some(hands) = draft.facts.task.hands.take_if(|hands| hands.returning) {
        let task = &mut draft.facts.task;
        // Whoever took it over has looked at what held it.
        if matches!(task.hold, Some(Hold::Escalated { .. } | Hold::Stuck { .. })) && task.head.as_ref() != Some(head) {
            task.hold = None;
            task.retries = 0;
        }
        draft.audit(&hands.by, "give_back", reason::line_goes_on());
    }
    "recorded".to_owned()
}

fn publish(draft: &mut Draft, was: Option<CommitId>, head: CommitId) {
    let (task, branch) = (draft.facts.task.id.clone(), draft.facts.task.branch.clone());
    draft.perform(Effect::PublishBranch { task, branch, was, head });
}

/// The head becomes a person's commit; verdicts about another key are void by their keys.
fn move_head(draft: &mut Draft, evidence: &Evidence) {
    let task = &mut draft.facts.task;
    task.head = Some(evidence.head.clone());
    task.branch_seen = Some(evidence.head.clone());
    task.keys =
        Some(Keys { code: evidence.code.clone(), patch: evidence.patch.clone(), irreversible: evidence.irreversible });
    let code = CheckKey::Code(evidence.code.clone());
    draft.facts.checks.retain(|c| c.key == code);
    // What stood in line was the old head.
    draft.leave(Line::Landing);
}

/// A person's commits count like a developer's: the gates of the stage that makes the change look at them. Documents
/// alone, or a push before that stage, leave the task where it is.
fn take(draft: &mut Draft, by: &str, evidence: &Evidence, did: fn(&CommitId, u32) -> Reason) {
    let keys = draft.facts.task.keys.clone();
    let changed = keys.is_none_or(|keys| keys.code != evidence.code || keys.patch != evidence.patch);
    let count = evidence.commits;
    draft.audit(&Actor::git(by), "push", did(&evidence.head, count));
    move_head(draft, evidence);
    match build_stage(draft).filter(|_| changed) {
        Some(stage) => by_hand(draft, by, &stage, evidence),
        None => asked_about_the_new_head(draft),
    }
}

/// An attempt without a run.
fn by_hand(draft: &mut Draft, by: &str, stage: &Stage, evidence: &Evidence) {
    let held = draft.facts.task.hold.clone();
    draft.enter(Position::Stage(stage.id.clone()));
    let now = draft.now;
    let task = &mut draft.facts.task;
    task.attempt += 1;
    task.rework = None;
    task.hold = held;
    let attempt = Attempt {
        beyond: Default::default(),
        task: task.id.clone(),
        number: task.attempt,
        visit: task.visit,
        stage: stage.id.clone(),
        role: stage.role.unwrap_or(Role::Developer),
        start: Some(evidence.start.clone()),
        rework: None,
        requested_at: now,
        stop_requested: false,
        by_hand: Some(by.to_owned()),
        over: None,
        ended: Some(Ended {
            how: RunEnd::Completed,
            at: now,
            evidence: Some(evidence.clone()),
            trouble: None,
            in_vain: false,
        }),
    };
    draft.facts.attempt = Some(attempt.clone());
    draft.change(Change::PutAttempt { attempt });
}

/// An approval that is asked for is about a commit: it is withdrawn and asked again about the new one. A confirmation
/// is about a candidate, which is made anew.
fn asked_about_the_new_head(draft: &mut Draft) {
    let open = draft.open_episode(EpisodeKind::Approval);
    draft.withdraw_episodes_but_questions();
    if let (Some(old), Some(head)) = (open, draft.facts.task.head.clone()) {
        draft.ask(EpisodeKind::Approval, head.to_string(), old.questions);
    }
}

/// Published commits are gone from the branch: nobody but a person can say which history is meant.
fn rewritten(draft: &mut Draft, by: &str, tip: &CommitId) {
    let task = &mut draft.facts.task;
    task.branch_seen = Some(tip.clone());
    let head = task.head.as_ref().map(ToString::to_string).unwrap_or_default();
    let reason = reason::push_rewrote(by, &task.branch, tip, head);
    if draft.facts.task.hold.is_none() {
        draft.hold(Hold::Stuck { reason }, "push_rewrote");
    } else {
        draft.audit(ORCH, "push_rewrote", reason);
    }
}

/// The person's commits stand; the attempt's are given back to whoever makes the change.
fn conflict(draft: &mut Draft, by: &str, evidence: &Evidence, paths: &[String]) {
    let lost = draft.facts.task.head.as_ref().map(ToString::to_string).unwrap_or_default();
    let here = draft.stage().map(|s| s.id);
    let Some(to) = build_stage(draft).map(|s| s.id).or(here) else { return };
    let list = paths.iter().map(|p| format!("- {p}")).collect::<Vec<_>>().join("\n");
    draft.audit(&Actor::git(by), "push_conflict", reason::push_conflicts(&evidence.head));
    move_head(draft, evidence);
    let to = Position::Stage(to);
    let text = format!(
        "{by} pushed {} to the branch while you worked, and changed the same lines. The branch holds those commits; \
         yours ({lost}) are not on it. Make your change again on top, keep both intentions:\n{list}",
        evidence.head
    );
    draft.claim(ClaimKind::Person, text, &to);
    draft.enter(to);
}
