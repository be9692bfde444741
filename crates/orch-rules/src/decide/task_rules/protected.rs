//! A change to protected paths asks a human (X13): neither red, which would cost a retry, nor green.

use crate::claim::ClaimKind;
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::episode::{Answer, Episode, EpisodeKind};
use crate::gate::{self, Outcome};
use crate::lane::Line;
use crate::pipeline::{GateName, OnRed};
use crate::reason;
use crate::task::{Position, Wait};

use super::gates::outcome;

const KIND: EpisodeKind = EpisodeKind::ProtectedPaths;

/// What has to be granted, if that is what decides: the key of the grant, and what the human is told.
fn wanted(draft: &Draft) -> Option<(String, Vec<String>)> {
    outcome(draft, Outcome::NeedsHuman).filter(|result| result.gate == GateName::CheckProtectedPaths)?;
    let evidence = draft.visit_attempt()?.ended.as_ref()?.evidence.as_ref()?;
    let touched = evidence.protected.as_ref()?;
    let mut told = touched.paths.clone();
    let more = (touched.total as usize).saturating_sub(told.len());
    if more > 0 {
        told.push(format!("and {more} more protected paths"));
    }
    told.extend(evidence.weakened_sentences());
    Some((gate::grant_key(evidence)?, told))
}

fn about(draft: &Draft, key: &str) -> Option<Episode> {
    draft.episode(KIND).filter(|episode| episode.about == key).cloned()
}

/// Refused: back to where red leads, with the human's words. That is no retry: a person drives it.
pub fn rejected(draft: &mut Draft) -> Option<Step> {
    let (key, _) = wanted(draft)?;
    let answer = about(draft, &key)?.answer?;
    let Answer::Rejected { reason } = answer.answer else { return None };
    let to = match draft.stage()?.on_red {
        OnRed::Back(to) => Position::Stage(to),
        OnRed::Stay => draft.facts.task.position.clone(),
    };
    draft.audit(&answer.by, "protected_rejected", reason::protected_refused(&reason));
    draft.claim(ClaimKind::Protected, format!("A person refused the change to protected paths: {reason}"), &to);
    draft.leave(Line::Landing);
    draft.enter(to);
    Some(Step::Again)
}

/// Ask for exactly these paths in exactly this patch, once.
pub fn asks(draft: &mut Draft) -> Option<Step> {
    let (key, told) = wanted(draft)?;
    if !about(draft, &key).is_some_and(|episode| episode.is_open()) {
        draft.withdraw_episodes();
        draft.audit(ORCH, "protected_asks", reason::protected_touched(told.join(", ")));
        draft.ask(KIND, key, told);
    }
    Some(Step::Rest(vec![Wait::Human { asked: KIND }]))
}
