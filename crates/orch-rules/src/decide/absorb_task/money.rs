//! A human adds to a budget.

use crate::actor::Actor;
use crate::budget::{Scope, dollars};
use crate::change::Change;
use crate::decide::draft::Draft;
use crate::episode::{Answer, EpisodeKind};
use crate::reason;

use super::commands::{Answered, refuse};

/// The answer to "does not cover another run": so much more, for everybody who is paid from it.
pub fn raise(draft: &mut Draft, by: &Actor, by_micros: u64) -> Answered {
    if by_micros == 0 {
        return refuse(draft, reason::nothing_added());
    }
    let Some(episode) = draft.open_episode(EpisodeKind::Budget) else {
        return refuse(draft, reason::no_budget_asked());
    };
    let key = episode.about.clone();
    let scope = Scope::of(&key);
    let text = reason::budget_raised(scope.map_or("other", Scope::name), dollars(by_micros));
    draft.audit(by, "raise_budget", text.clone());
    draft.answer(episode, Answer::Approved, by);
    // Guards hold before changes are written: whether it is enough is seen by the next decision.
    draft.raised = true;
    draft.denied.budget = scope;
    let task = draft.facts.task.id.clone();
    draft.change(Change::RaiseBudget { budget: key.clone(), by_micros });
    draft.change(Change::WakeSlotWaiters { key });
    draft.change(Change::Wake { task });
    Ok(text)
}
