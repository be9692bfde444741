//! Money: a run is paid from every budget that limits it; what is not covered waits for a human.

use crate::attempt::Attempt;
use crate::budget::{Scope, next_day};
use crate::change::{Change, Guard};
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::effect::Effect;
use crate::episode::{Answer, EpisodeKind};
use crate::reason;
use crate::task::Wait;

/// A budget does not cover another run: pause and ask (X6). A new day brings a new budget by itself.
pub fn no_budget(draft: &mut Draft) -> Option<Step> {
    let scope = draft.denied.budget?;
    let budgets = draft.facts.policy.budgets.of(&draft.facts.task, draft.now);
    let key = budgets.into_iter().find(|budget| budget.scope == scope)?.key;
    let wait = Wait::Budget { key: key.clone() };
    if draft.raised {
        // What was added counts from the next decision on, which is asked for.
        return Some(Step::Rest(vec![wait]));
    }
    let open = draft.open_episode(EpisodeKind::Budget);
    if open.as_ref().is_none_or(|episode| episode.about != key) {
        if let Some(old) = open {
            draft.answer(old, Answer::Withdrawn, ORCH);
        }
        draft.audit(ORCH, "no_budget", reason::budget_too_small(scope.name()));
        draft.ask(EpisodeKind::Budget, key.clone(), vec![format!("{} does not cover another run", scope.words())]);
        if scope != Scope::Task {
            let at = next_day(draft.now);
            let effect = Effect::WakeWaiters { task: draft.facts.task.id.clone(), key, at };
            draft.change(Change::Perform { effect, due: at });
        }
    }
    Some(Step::Rest(vec![wait, Wait::Human { asked: EpisodeKind::Budget }]))
}

/// Set the run's amount aside in every budget; whoever was asked for more is no longer asked.
pub fn reserve(draft: &mut Draft, attempt: &Attempt, holder: &str) {
    let amount_micros = draft.facts.policy.budgets.run_micros;
    for budget in draft.facts.policy.budgets.of(&draft.facts.task, attempt.requested_at) {
        let (budget, ceiling_micros) = (budget.key, budget.ceiling_micros);
        draft.guard(Guard::Reserve { budget, ceiling_micros, amount_micros, holder: holder.to_owned() });
    }
    if let Some(open) = draft.open_episode(EpisodeKind::Budget) {
        draft.answer(open, Answer::Withdrawn, ORCH);
    }
}
