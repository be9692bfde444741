//! A human adds to a budget.

use crate::actor::Actor;
use crate::budget::{Scope, dollars};
use crate::change::Change;
use crate::decide::draft::Draft;
use crate::episode::{Answer, EpisodeKind};
use crate::event::Refusal;

/// The answer to "does not cover another run": so much more, for everybody who is paid from it.
pub fn raise(draft: &mut Draft, by: &Actor, by_micros: u64) -> Result<String, Refusal> {
    let refuse =
        |draft: &Draft, why: &str| Err(Refusal { work_item: draft.facts.task.work_item.clone(), why: why.to_owned() });
    if by_micros == 0 {
        return refuse(draft, "nothing would be added; say how much, in US dollars");
    }
    let Some(episode) = draft.open_episode(EpisodeKind::Budget) else {
        return refuse(draft, "no budget keeps it waiting; orch show tells what it waits for");
    };
    let key = episode.about.clone();
    let scope = Scope::of(&key);
    let words = scope.map_or("its budget", Scope::words);
    let text = format!("{words} is raised by {}", dollars(by_micros));
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
