//! What the end of a run says about the credential it used and the program it was.

use crate::attempt::{Attempt, RunEnd};
use crate::decide::draft::{Draft, ORCH};
use crate::outage::{Failure, Outage, Source};
use crate::reason;

/// Fold the end of a run into the outages of the host. The run's task may be terminal already: what it found out
/// holds for everybody.
pub fn run_ended(draft: &mut Draft, attempt: &Attempt, end: &RunEnd) {
    let agent = draft.worker(attempt.role).map(|worker| Source::Agent { name: worker.agent.clone() });
    let failed = match end {
        RunEnd::Unavailable { credential, until, reason } => {
            Some((Source::Credential { name: credential.clone() }, *until, reason))
        }
        // A repository that cannot be worked in says nothing about the agent, nor does what is in the way of one task.
        RunEnd::SpawnFailed { reason, .. }
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
                draft.audit(ORCH, "outage_over", reason::outage_over(outage.source.kind(), outage.source.name()));
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
        let surely = matches!(end, RunEnd::SpawnFailed { of_host: true, .. });
        outage.fail(&Failure { now: draft.now, task: &attempt.task, probed, named, surely, reason });
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
    let (kind, name) = (after.source.kind(), after.source.name());
    if before.is_closed() {
        draft.audit(ORCH, "outage_goes_on", reason::outage_goes_on(kind, name, &after.reason, minutes));
    } else {
        draft.audit(ORCH, "outage", reason::outage_begins(kind, name, &after.reason, minutes));
    }
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
