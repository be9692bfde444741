//! The ordered rules. The first rule with an opinion wins; a decision applies rules until one rests.
//!
//! There is one way in for everybody: an event is absorbed into the facts (it may be refused), then the rules look
//! at the facts. Only the end of a run, or new evidence, is ever absorbed in a way that leads back; a look finds
//! either something green or nothing to do (B2).

mod absorb_lane;
mod absorb_task;
mod draft;
pub mod intake;
mod lane_draft;
mod lane_rules;
mod task_rules;
mod unknown;

use crate::attempt::{Ended, Evidence, RunEnd};
use crate::budget::Scope;
use crate::change::{ChangeSet, Guard};
use crate::event::{LaneEvent, Refusal, TaskEvent};
use crate::facts::{Moment, RepositoryFacts, TaskFacts};
use crate::gate::GateResult;
use crate::reason::Reason;
use crate::rights::Acting;
use draft::Draft;
use lane_draft::LaneDraft;

/// What a decision wants, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// To be applied as a whole, or not at all.
    pub changes: ChangeSet,
    /// The rules that fired, in order; the last one rests.
    pub trace: Vec<&'static str>,
    /// For the person who asked: what their event did.
    pub answer: Reason,
}

/// Guards that failed for this task a moment ago: decide as if they never held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Denied {
    /// No slot was free.
    pub slot: bool,
    /// This budget did not cover another run.
    pub budget: Option<Scope>,
}

impl Denied {
    /// What a failed guard denies; `None` for guards after which the facts have to be read again.
    pub fn learn(self, guard: &Guard) -> Option<Self> {
        match guard {
            Guard::SlotBelow { .. } => Some(Self { slot: true, ..self }),
            Guard::Reserve { budget, .. } => Scope::of(budget).map(|scope| Self { budget: Some(scope), ..self }),
            _ => None,
        }
    }
}

/// No decision needs more rules than this; reaching it is a defect that is reported, not looped on.
const MOST_RULES: usize = 32;

/// Absorb an event of a task and decide what follows.
///
/// # Errors
/// [`Refusal`] if a person's event changes nothing: nothing is to be written.
pub fn decide_task(
    facts: TaskFacts,
    event: &TaskEvent,
    by: &Acting,
    moment: Moment,
    denied: Denied,
) -> Result<Decision, Refusal> {
    let mut draft = Draft::new(facts, moment.now, denied);
    if !draft.facts.unknown.is_empty() && !draft.facts.task.position.is_terminal() {
        return unknown::decide(draft, event, by);
    }
    let answer = absorb_task::absorb(&mut draft, event, by)?;
    let mut trace = Vec::new();
    while trace.len() < MOST_RULES {
        let Some((name, step)) =
            task_rules::TASK_RULES.iter().find_map(|(name, rule)| rule(&mut draft).map(|step| (*name, step)))
        else {
            break;
        };
        trace.push(name);
        match step {
            Step::Again => {}
            Step::Rest(waits) => {
                draft.rest(name, waits);
                break;
            }
        }
    }
    Ok(Decision { changes: draft.into_changes(), trace, answer })
}

/// What every gate would say of a task if its attempt under way ended now, of itself and with this evidence: those that
/// no line has to name, if they would stop it, then the stage's own in their order. Nothing is decided by it.
pub fn gates_if_ended(facts: TaskFacts, evidence: Evidence, moment: Moment) -> Vec<GateResult> {
    let mut draft = Draft::new(facts, moment.now, Denied::default());
    let Some(number) = draft.facts.attempt.as_ref().map(|attempt| attempt.number) else { return Vec::new() };
    let how = RunEnd::Completed;
    let ended = Ended { how, at: moment.now, evidence: Some(evidence), trouble: None, in_vain: false };
    absorb_task::run_ended(&mut draft, number, ended, None, None);
    task_rules::gates_said(&draft)
}

/// Absorb an event of a repository's lane and decide what follows.
///
/// # Errors
/// [`Refusal`] if a person's event changes nothing.
pub fn decide_lane(
    facts: RepositoryFacts,
    event: &LaneEvent,
    by: &Acting,
    moment: Moment,
) -> Result<Decision, Refusal> {
    let mut draft = LaneDraft::new(facts, moment.now);
    absorb_lane::refuse_unknown(&draft, event)?;
    let answer = absorb_lane::absorb(&mut draft, event, by)?;
    let mut trace = Vec::new();
    while trace.len() < MOST_RULES {
        let fired = lane_rules::LANE_RULES.iter().find_map(|(name, rule)| rule(&mut draft).then_some(*name));
        match fired {
            Some(name) => trace.push(name),
            None => break,
        }
    }
    Ok(Decision { changes: draft.into_changes(), trace, answer })
}

/// Names of every task rule, in order.
pub fn task_rule_names() -> impl Iterator<Item = &'static str> {
    task_rules::TASK_RULES.iter().map(|(name, _)| *name)
}

/// Names of every lane rule, in order.
pub fn lane_rule_names() -> impl Iterator<Item = &'static str> {
    lane_rules::LANE_RULES.iter().map(|(name, _)| *name)
}

/// What a rule says.
enum Step {
    /// It changed something; look at the facts again.
    Again,
    /// Nothing more to do now, for these reasons.
    Rest(Vec<crate::task::Wait>),
}
