//! What people have taken out of the machine's hands, and what they leave unanswered.

use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::episode::Answer;
use crate::reason;
use crate::task::Wait;

/// A person has the branch (Y2): nothing runs and nothing is decided until it is given back. The agent that worked is
/// left to end.
pub fn in_hands(draft: &mut Draft) -> Option<Step> {
    let hands = draft.facts.task.hands.as_ref()?;
    let mut waits = vec![Wait::Hands { by: hands.by.clone() }];
    waits.extend(draft.at_work());
    Some(Step::Rest(waits))
}

/// A person pushed before the head was published: what both are together has to be known first.
pub fn push_waits(draft: &mut Draft) -> Option<Step> {
    draft.facts.task.replay_since.is_some().then(|| Step::Rest(vec![Wait::Branch]))
}

/// Nobody answered in time: the same question is asked once more, as a new one, so that no old button answers it. Time
/// never approves anything.
pub fn expired(draft: &mut Draft) -> Option<Step> {
    let after = draft.facts.policy.episode_expires_ms;
    let (now, visit) = (draft.now, draft.facts.task.visit);
    // One that was asked in the future was asked by a clock that was ahead: nobody can tell when.
    let due = |opened: crate::ids::Timestamp| after > 0 && (now.since_ms(opened) >= after || opened > now);
    let mut open = draft.facts.episodes.iter().filter(|e| e.visit == visit && e.is_open() && !e.asked_again);
    let episode = open.find(|e| due(e.opened_at))?.clone();
    let hours = now.since_ms(episode.opened_at).max(0) / 3_600_000;
    draft.audit(ORCH, "episode_expired", reason::asked_again(hours));
    draft.answer(episode.clone(), Answer::Withdrawn, ORCH);
    draft.ask_again(episode);
    Some(Step::Again)
}
