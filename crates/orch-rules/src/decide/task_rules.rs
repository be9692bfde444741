//! The rules of a task, in order. Each looks at the facts and either has no opinion, changes something, or rests.

mod budget;
mod deploys;
mod entry;
mod gates;
mod landing;
mod launch;
mod outage;
mod people;
mod protected;
mod run;
mod stop;

use super::Step;
use super::draft::Draft;

pub use gates::said as gates_said;
pub use launch::holder;

type Rule = fn(&mut Draft) -> Option<Step>;

/// First match wins. The order is the meaning: what is irreversible or already over comes before what may still be
/// chosen, people come before machines, and starting something new comes last.
pub const TASK_RULES: &[(&str, Rule)] = &[
    ("terminal", entry::terminal),
    ("landed", landing::landed),
    ("deploys", deploys::deploys),
    ("stop_after_step", stop::after_step),
    ("stop_agent", stop::agent),
    ("mending_given_up", deploys::mending_given_up),
    ("takes_back", stop::takes_back),
    ("stop_cancels", stop::cancels),
    ("cycle", entry::cycle),
    ("dependency_cancelled", entry::dependency_cancelled),
    ("backlog", entry::backlog),
    ("in_hands", people::in_hands),
    ("held", entry::held),
    ("entering", entry::entering),
    ("deploy_failed", deploys::failed),
    ("deployed", deploys::deployed),
    ("agent_runs", run::running),
    ("push_waits", people::push_waits),
    ("episode_expired", people::expired),
    ("run_quarantined", run::quarantined),
    ("run_lost", run::lost),
    ("run_excused", outage::excused),
    ("run_failed", run::failed),
    ("lane_joins", landing::joins),
    ("lane_sent_back", landing::sent_back),
    ("lane_waits", landing::waits),
    ("gate_wants_check", gates::wants_check),
    ("gate_pending", gates::pending),
    ("gate_unknown", gates::unknown),
    ("gate_asks", gates::asks),
    ("protected_rejected", protected::rejected),
    ("protected_asks", protected::asks),
    ("gate_red_stays", gates::red_stays),
    ("gate_red", gates::red),
    ("approval_asked", gates::approval_asked),
    ("approval_waits", gates::approval_waits),
    ("approval_rejected", gates::approval_rejected),
    ("confirm_asked", landing::confirm_asked),
    ("confirm_waits", landing::confirm_waits),
    ("lane_validated", landing::validated),
    ("advance", gates::advance),
    ("paused", launch::paused),
    ("dependency", launch::dependency),
    ("outage", outage::waits),
    ("no_slot", launch::no_slot),
    ("no_budget", budget::no_budget),
    ("launch", launch::launch),
];
