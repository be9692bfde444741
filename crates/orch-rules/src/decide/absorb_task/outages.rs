//! What the end of a run says about the credential it used and the program it was.

use crate::attempt::{Attempt, RunEnd};
use crate::decide::draft::{Draft, ORCH};
use crate::outage::{Failure, Outage, Source};

/// Fold the end of a run into the outages of the host. The run's task may be terminal already: what it found out
/// holds for everybody.
pub fn run_ended(draft: &mut Draft, attempt: &Attempt, end: &RunEnd) {
    let agent = draft.worker(attempt.role).map(|worker| Source::Agent { name: worker.agent.clone() });
    let failed = match end {
        RunEnd::Unavailable { credential, until, reason } => {
            Some((Source::Credential { name: credential.clone() }, *until, reason))
        }
        // A repository that cannot be worked in says nothing about the agent, nor does what is in the way of one task.
        RunEnd::SpawnFailed { reason }
            if draft.repository_trouble().is_none()
                && attempt.ended.as_ref().is_none_or(|ended| ended.trouble.is_none()) =>
        {
            agent.clone().map(|agent| (agent, None, reason))
        }
        _ => None,
    };
    for mut outage in draft.facts.outages.clone() {
        if failed.as_ref().is_some_and(|(source, ..)| *source == outage.source) || outage.failures == 0 {
            continue;
        }
        let works = works(&outage.source, end);
        if probes(&outage, attempt) {
            if works {
                draft.audit(ORCH, "outage_over", format!("no longer so: {}", outage.source.words()));
                outage.heal();
            } else {
                outage.probe_again(draft.now);
            }
            draft.put_outage(outage);
        } else if works && !outage.is_closed() && Some(&outage.source) == agent.as_ref() {
            outage.heal();
            draft.put_outage(outage);
        }
    }
    if let Some((source, named, reason)) = failed {
        let before = draft.outage(&source);
        let mut outage = before.clone();
        let probed = probes(&outage, attempt);
        outage.fail(&Failure { now: draft.now, task: &attempt.task, probed, named, reason });
        tell(draft, &before, &outage);
        if outage.until != before.until || outage.failures != before.failures {
            draft.put_outage(outage);
        }
    }
}

/// The first failure is told once; that it goes on is told by whoever went first.
fn tell(draft: &mut Draft, before: &Outage, after: &Outage) {
    let Some(until) = after.until.filter(|_| after.failures != before.failures) else { return };
    let minutes = until.since_ms(draft.now).div_euclid(60_000).max(1);
    let (words, reason) = (after.source.words(), &after.reason);
    let (rule, text) = if before.is_closed() {
        ("outage_goes_on", format!("still so: {words}: {reason}; one run tries again in {minutes} min"))
    } else {
        let text = format!(
            "{words}: {reason}; nothing that needs it starts, one run tries again in {minutes} min, or lift it: {}",
            after.source.lift()
        );
        ("outage", text)
    };
    draft.audit(ORCH, rule, text);
}

fn probes(outage: &Outage, attempt: &Attempt) -> bool {
    outage.probe.as_ref().is_some_and(|probe| probe.task == attempt.task && probe.attempt == attempt.number)
}

/// Whether such an end proves that the source serves. A run that never started, was stopped or got lost proves nothing.
fn works(source: &Source, end: &RunEnd) -> bool {
    match end {
        RunEnd::Completed | RunEnd::Failed { .. } | RunEnd::TimedOut | RunEnd::Stalled | RunEnd::OverBudget { .. } => {
            true
        }
        RunEnd::Unavailable { .. } => matches!(source, Source::Agent { .. }),
        RunEnd::Stopped | RunEnd::Lost { .. } | RunEnd::Quarantined | RunEnd::SpawnFailed { .. } => false,
    }
}
