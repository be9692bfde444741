//! The task's whole change touches no protected path, or a human granted exactly these paths in exactly this patch.
//!
//! Neither red nor green: who may change how work is judged is no question for a machine. Which paths are protected
//! was read from the base branch when the evidence was taken, so no change can lift its own protection. A grant holds
//! for later visits and stages as long as its key does: another patch is another question.

use super::delivery::delivery;
use super::{Conclusion, Outcome};
use crate::attempt::Evidence;
use crate::episode::{Answer, EpisodeKind};
use crate::facts::TaskFacts;

/// Most paths that a reason lists; the question to the human has them all.
const LISTED: usize = 10;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let delivery = match delivery(facts) {
        Ok(delivery) => delivery,
        Err(conclusion) => return conclusion,
    };
    let Some(touched) = &delivery.evidence.protected else {
        return Conclusion::unknown(format!(
            "which paths are protected could not be read from {}; mend its .orch/orch.toml, then retry",
            facts.repository.base_branch
        ));
    };
    let Some(key) = grant_key(delivery.evidence) else {
        return Conclusion::pass("the change touches no protected path");
    };
    // The newest word about this very change counts.
    let asked = |kind| kind == EpisodeKind::ProtectedPaths;
    let words = facts.episodes.iter().rev().filter(|episode| asked(episode.kind) && episode.about == key);
    let said = words.filter_map(|episode| episode.answer.as_ref()).find(|said| said.answer != Answer::Withdrawn);
    if said.is_some_and(|said| said.answer == Answer::Approved) {
        return Conclusion::pass("a person granted the change to protected paths");
    }
    let mut listed: Vec<&str> = touched.paths.iter().take(LISTED).map(String::as_str).collect();
    let more = format!("and {} more", (touched.total as usize).saturating_sub(listed.len()));
    if touched.total as usize > listed.len() {
        listed.push(&more);
    }
    let reason = format!("the change touches protected paths, which a human has to grant: {}", listed.join(", "));
    Conclusion::of(Outcome::NeedsHuman, reason)
}

/// What a grant is about: the patch, and its protected paths in order. `None` if it touches none, or if that is
/// unknown. Paths are quoted, so that no name reads like two.
pub(crate) fn grant_key(evidence: &Evidence) -> Option<String> {
    let touched = evidence.protected.as_ref().filter(|touched| touched.total > 0)?;
    Some(format!("{} {:?} of {}", evidence.patch, touched.paths, touched.total))
}
