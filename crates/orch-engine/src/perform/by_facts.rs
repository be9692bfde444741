//! How an agent's run ended: facts before words.

use orch_ports::runner::Metered;
use orch_rules::attempt::RunEnd;

/// How the run ended, by what its proxy saw and only then by its agent's words: whether a budget is used up, whether the
/// vendor serves the credential and whether it can be reached is known there. What an agent, or a file that it obeys,
/// says of that must not hold back others.
pub(super) fn by_facts(said: RunEnd, ended: &RunEnd, metered: Option<&Metered>, credential: Option<String>) -> RunEnd {
    let Some(seen) = metered else { return said };
    if matches!(said, RunEnd::Lost { session: true, .. }) && seen.requests > 0 {
        // Without its session it asks its model nothing. What it says else costs what a failure costs.
        return RunEnd::Failed { reason: "it says that its session is gone, and had asked its model".to_owned() };
    }
    let went_wrong =
        matches!(said, RunEnd::Failed { .. } | RunEnd::TimedOut | RunEnd::Stalled | RunEnd::Unavailable { .. });
    if !went_wrong {
        return said;
    }
    if let Some(reason) = &seen.budget_reached {
        return RunEnd::OverBudget { reason: reason.clone() };
    }
    if let Some(reason) = seen.unknown_model.as_ref().filter(|_| seen.requests == 0) {
        // The program asked for it by itself, at its first word: every task would hear the same.
        return RunEnd::host_lacks(format!(
            "{reason}; name a model that it offers: `model` under [agents] in the host file"
        ));
    }
    let refused = seen.unavailable.clone().or_else(|| Some((None, seen.unserved.clone()?)));
    match (said, refused, credential) {
        (_, Some((until, reason)), Some(credential)) => RunEnd::Unavailable { credential, until, reason },
        // The vendor was not asked, or has answered: the run is in trouble, not the vendor.
        (RunEnd::Unavailable { reason, .. }, None, _) => match ended {
            RunEnd::TimedOut | RunEnd::Stalled => ended.clone(),
            _ => RunEnd::Failed { reason },
        },
        (said, ..) => said,
    }
}

#[cfg(test)]
mod tests {
    use orch_rules::ids::Timestamp;

    use super::*;

    /// What an agent says against what its run's proxy saw.
    #[test]
    fn facts_come_before_words() {
        let failed = || RunEnd::Failed { reason: "exit code 1".to_owned() };
        let says = |reason: &str| RunEnd::Unavailable {
            credential: "main".to_owned(),
            until: None,
            reason: format!("the agent says: {reason}"),
        };
        let seen = Metered::default();
        let budget = Metered { budget_reached: Some("$0.57 of $0.50".to_owned()), ..seen.clone() };
        let unreachable = Metered { unserved: Some("connection refused".to_owned()), ..seen.clone() };
        let refused = Metered { unavailable: Some((Some(Timestamp(7)), "no credit".to_owned())), ..seen.clone() };
        let no_model = Metered { unknown_model: Some("HTTP 404".to_owned()), ..seen.clone() };
        let later = Metered { requests: 1, ..no_model.clone() };
        let ends = |said: RunEnd, ended: RunEnd, seen: &Metered| match by_facts(
            said,
            &ended,
            Some(seen),
            Some("main".to_owned()),
        ) {
            RunEnd::Unavailable { until, reason, .. } => format!("out {:?} {reason}", until.map(|until| until.0)),
            RunEnd::OverBudget { reason } => format!("budget {reason}"),
            RunEnd::Failed { reason } => format!("failed {reason}"),
            RunEnd::SpawnFailed { reason, of_host: true } => format!("lacks {}", reason.split(';').next().unwrap()),
            other => format!("{other:?}"),
        };
        for (said, ended, seen, comes_of_it) in [
            // A run that was refused by its own budget says all kinds of things of the credential.
            (says("403"), failed(), &budget, "budget $0.57 of $0.50"),
            (says("quota exceeded"), failed(), &budget, "budget $0.57 of $0.50"),
            (failed(), failed(), &budget, "budget $0.57 of $0.50"),
            (RunEnd::Completed, RunEnd::Completed, &budget, "Completed"),
            (RunEnd::Stopped, RunEnd::Stopped, &budget, "Stopped"),
            // A file sent it elsewhere, or a model is not for it: nobody else waits for that.
            (says("connection refused"), failed(), &seen, "failed the agent says: connection refused"),
            (says("not logged in"), RunEnd::Completed, &seen, "failed the agent says: not logged in"),
            (says("it waited"), RunEnd::TimedOut, &seen, "TimedOut"),
            // A model that is not there is this host's; one that a run asks for later is the run's.
            (failed(), failed(), &no_model, "lacks HTTP 404"),
            (says("404"), failed(), &no_model, "lacks HTTP 404"),
            (failed(), failed(), &later, "failed exit code 1"),
            // Whose session is gone asks its model nothing.
            (RunEnd::SESSION_LOST, failed(), &seen, "Lost { presumed_on: None, session: true }"),
            (
                RunEnd::SESSION_LOST,
                failed(),
                &Metered { requests: 1, ..seen.clone() },
                "failed it says that its session is gone, and had asked its model",
            ),
            // The vendor's trouble, in the proxy's words.
            (says("529 overloaded"), failed(), &unreachable, "out None connection refused"),
            (failed(), failed(), &unreachable, "out None connection refused"),
            (RunEnd::Stalled, RunEnd::Stalled, &unreachable, "out None connection refused"),
            (says("401"), failed(), &refused, "out Some(7) no credit"),
            (RunEnd::Completed, RunEnd::Completed, &unreachable, "Completed"),
        ] {
            assert_eq!(ends(said.clone(), ended, seen), comes_of_it, "{said:?}");
        }
        assert_eq!(by_facts(says("x"), &failed(), None, None), says("x"), "without a proxy there are only words");
    }
}
