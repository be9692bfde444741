//! The deterministic gate between the stages, and the human behind it.

use crate::attempt::Evidence;
use crate::check::CheckKey;
use crate::claim::ClaimKind;
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::episode::{Answer, EpisodeKind};
use crate::gate::{self, GateResult, Outcome, Want};
use crate::ids::{CodeId, CommitId};
use crate::pipeline::{GateName, OnRed, StageKind};
use crate::reason::{self, Reason};
use crate::task::{Hold, Position, Wait};

use super::run::{DEFAULT_CAP, completed};

/// What gates say that no line has to name: only what stops a task.
fn unnamed(draft: &Draft) -> Vec<GateResult> {
    let Some(stage) = draft.stage().filter(|stage| !stage.kind.in_lane()) else { return Vec::new() };
    // Every role may ask instead of inventing something, whatever its stage looks at besides.
    let asks = (!stage.gates.contains(&GateName::CheckNoQuestions))
        .then(|| gate::evaluate(GateName::CheckNoQuestions, &draft.facts))
        .filter(|asks| asks.outcome == Outcome::NeedsHuman);
    // What lands broken stops everybody, whatever the stage looks at besides.
    let settings = gate::evaluate(GateName::CheckSettings, &draft.facts);
    let broken = settings.outcome == Outcome::Fail && draft.visit_evidence().is_some_and(|e| !e.settings.is_empty());
    asks.into_iter().chain(broken.then_some(settings)).collect()
}

/// What every gate says that has a say in the task's stage: what stops it unnamed, then those that the stage names.
pub fn said(draft: &Draft) -> Vec<GateResult> {
    let mut said = unnamed(draft);
    let named = draft.stage().map(|stage| stage.gates).unwrap_or_default();
    let named: Vec<GateName> = named.into_iter().filter(|name| said.iter().all(|said| said.gate != *name)).collect();
    said.extend(named.into_iter().map(|name| gate::evaluate(name, &draft.facts)));
    said
}

/// The gate that decides: the first one of the stage that is not green, but a red one before one that is not decided
/// yet, for red stays red whatever the others say. `None` if all are green, or if there is nothing to judge yet.
fn first_not_green(draft: &Draft) -> Option<GateResult> {
    let stage = draft.stage()?;
    if !completed(draft) {
        return None;
    }
    if let Some(stops) = unnamed(draft).into_iter().next() {
        return Some(stops);
    }
    let mut pending = None;
    for result in stage.gates.iter().map(|name| gate::evaluate(*name, &draft.facts)) {
        match result.outcome {
            Outcome::Pass => {}
            Outcome::Pending => pending = pending.or(Some(result)),
            Outcome::Fail => return Some(result),
            Outcome::Unknown | Outcome::NeedsHuman => return pending.or(Some(result)),
        }
    }
    pending
}

/// The commit that is judged and its code: the task's head, or, if the delivery did not become the head, the delivery.
fn judged(draft: &Draft) -> Option<(CommitId, CodeId)> {
    let task = &draft.facts.task;
    if let (Some(head), Some(keys)) = (&task.head, &task.keys) {
        return Some((head.clone(), keys.code.clone()));
    }
    let evidence = draft.visit_attempt()?.ended.as_ref()?.evidence.as_ref()?;
    Some((evidence.head.clone(), evidence.code.clone()))
}

/// The present gate result, if it has this outcome.
pub(super) fn outcome(draft: &Draft, wanted: Outcome) -> Option<GateResult> {
    first_not_green(draft).filter(|r| r.outcome == wanted)
}

/// Every gate is green, for work that exists.
pub(super) fn green(draft: &Draft) -> bool {
    completed(draft) && first_not_green(draft).is_none()
}

/// A gate needs a run of the test command that nobody asked for yet.
pub fn wants_check(draft: &mut Draft) -> Option<Step> {
    let result = outcome(draft, Outcome::Pending)?;
    if result.wants != Some(Want::Check) {
        return None;
    }
    let (commit, code) = judged(draft)?;
    draft.request_check(commit, CheckKey::Code(code), None);
    Some(Step::Again)
}

/// A gate waits for an answer that is on its way.
pub fn pending(draft: &mut Draft) -> Option<Step> {
    outcome(draft, Outcome::Pending)?;
    let (commit, _) = judged(draft)?;
    Some(Step::Rest(vec![Wait::Check { commit }]))
}

/// A gate cannot tell: that never passes, and running the agent again would not help (X13).
pub fn unknown(draft: &mut Draft) -> Option<Step> {
    let result = outcome(draft, Outcome::Unknown)?;
    let reason = reason::gate_unknown(result.gate.name(), result.reason);
    draft.hold(Hold::Stuck { reason }, "gate_unknown");
    Some(Step::Again)
}

/// A gate needs a human: the agent has questions (A18).
pub fn asks(draft: &mut Draft) -> Option<Step> {
    outcome(draft, Outcome::NeedsHuman).filter(|result| result.gate != GateName::CheckProtectedPaths)?;
    let kind = EpisodeKind::Questions;
    if draft.episode(kind).is_none() {
        let attempt = draft.visit_attempt()?;
        let evidence = attempt.ended.as_ref()?.evidence.as_ref()?;
        let questions: Vec<_> = evidence.documents.iter().flat_map(|d| d.questions.clone()).collect();
        let about = evidence.head.to_string();
        draft.audit(ORCH, "gate_asks", reason::asks(questions.len()));
        draft.ask(kind, about, questions);
    }
    Some(Step::Rest(vec![Wait::Human { asked: kind }]))
}

/// What a red gate leaves open.
fn claimed(result: &GateResult) -> ClaimKind {
    match result.gate {
        // Without a link to a document there was nothing in one that could be handed on.
        GateName::CheckReviewerVerdict if result.must_fix.contains("\n\nThe whole: ") => ClaimKind::Findings,
        GateName::CheckReviewerVerdict => ClaimKind::Review,
        GateName::CheckCiGreen | GateName::CheckTestsPassed => ClaimKind::Tests,
        _ => ClaimKind::Gate,
    }
}

fn red_gate(result: &GateResult) -> Reason {
    reason::gate_red(result.gate.name(), &result.reason)
}

/// Red where red stays: a human looks at it. An author whose papers are missing or cannot be read is asked again before:
/// it was a slip, and nobody else's words are in it.
pub fn red_stays(draft: &mut Draft) -> Option<Step> {
    let result = outcome(draft, Outcome::Fail)?;
    let stage = draft.stage()?;
    if stage.on_red != OnRed::Stay {
        return None;
    }
    if stage.kind == StageKind::Author {
        let words = format!("{}: {}", result.gate.name(), result.reason);
        draft.facts.task.convergence.failed(&stage.id, &format!("{words}\n{}", result.must_fix), false);
        let (reason, told) = (red_gate(&result), (words.as_str(), result.must_fix.as_str()));
        draft.send_back(Position::Stage(stage.id), DEFAULT_CAP, "gate_red_again", claimed(&result), reason, told);
        return Some(Step::Again);
    }
    let text = [result.reason.as_str(), result.must_fix.trim()].join("\n\n");
    let here = draft.facts.task.position.clone();
    draft.claim(claimed(&result), text.trim_end().to_owned(), &here);
    draft.hold(Hold::Stuck { reason: red_gate(&result) }, "gate_red_stays");
    Some(Step::Again)
}

/// Red that leads back, with the must-fix text verbatim (B5).
pub fn red(draft: &mut Draft) -> Option<Step> {
    let result = outcome(draft, Outcome::Fail)?;
    let stage = draft.stage()?;
    let OnRed::Back(to) = stage.on_red else { return None };
    let words = format!("{}: {}", result.gate.name(), result.reason);
    // Findings were taken in when the review came back; they tell more than its words.
    let told = result.gate == GateName::CheckReviewerVerdict && gate::listed_findings(&draft.facts).is_some();
    if !told {
        let rework = draft.visit_attempt().is_some_and(|attempt| attempt.rework.is_some());
        let idle = rework && result.gate == GateName::CheckCodeChanged;
        draft.facts.task.convergence.failed(&stage.id, &format!("{words}\n{}", result.must_fix), idle);
    }
    let (claim, reason, told) = (claimed(&result), red_gate(&result), (words.as_str(), result.must_fix.as_str()));
    draft.send_back(Position::Stage(to), stage.cap.unwrap_or(0), "gate_red", claim, reason, told);
    Some(Step::Again)
}

/// Green, and a human approves before the task leaves: ask once (H4).
pub fn approval_asked(draft: &mut Draft) -> Option<Step> {
    if !draft.stage()?.approval || !green(draft) || draft.episode(EpisodeKind::Approval).is_some() {
        return None;
    }
    let about = judged(draft)?.0.to_string();
    draft.audit(ORCH, "approval_asked", reason::ready_for_approval());
    let evidence = draft.visit_attempt().and_then(|attempt| attempt.ended.as_ref()?.evidence.as_ref());
    let weakened = evidence.map(Evidence::weakened_sentences).unwrap_or_default();
    draft.ask(EpisodeKind::Approval, about, weakened);
    Some(Step::Again)
}

/// Asked, not answered.
pub fn approval_waits(draft: &mut Draft) -> Option<Step> {
    if !green(draft) {
        return None;
    }
    draft.open_episode(EpisodeKind::Approval)?;
    Some(Step::Rest(vec![Wait::Human { asked: EpisodeKind::Approval }]))
}

/// Rejected: the same agent again, with the human's words. That is no retry: a person drives it.
pub fn approval_rejected(draft: &mut Draft) -> Option<Step> {
    let answer = draft.episode(EpisodeKind::Approval)?.answer.clone()?;
    let Answer::Rejected { reason } = answer.answer else { return None };
    draft.audit(&answer.by, "approval_rejected", reason::rejected(&reason));
    let here = draft.facts.task.position.clone();
    draft.claim(ClaimKind::Person, format!("A person rejected the work: {reason}"), &here);
    draft.enter_again();
    Some(Step::Again)
}

/// Every gate is green and, where one is asked, the human said yes.
pub fn advance(draft: &mut Draft) -> Option<Step> {
    let stage = draft.stage()?;
    if stage.kind.in_lane() || !green(draft) {
        return None;
    }
    if stage.approval {
        let answer = draft.episode(EpisodeKind::Approval)?.answer.as_ref()?;
        if answer.answer != Answer::Approved {
            return None;
        }
    }
    draft.advance(&stage, "advance");
    Some(Step::Again)
}
