//! Waiting for what CI says of one commit: which contexts have to be green, and when nobody will say it any more. The first
//! word that is whole counts: a landing has CI say something of the same commit again.

use crate::check::CheckOutcome;
use crate::ci::{CiVerdict, CommitStatus, StatusState, combine, fits};

/// Milliseconds after which what still runs is not known: no job of CI takes longer.
const LONGEST_MS: i64 = 6 * 3_600_000;

/// Contexts that have to be green: what the repository names and what the protection of its base branch asks for; where
/// neither names one, those that `seen` commits of the base branch have.
pub fn required(named: &[String], protected: &[String], seen: &[CommitStatus]) -> Vec<String> {
    let mut all: Vec<String> = named.iter().chain(protected).cloned().collect();
    if all.is_empty() {
        all = seen.iter().filter(|status| !status.is_own()).map(|status| status.context.clone()).collect();
    }
    all.sort();
    all.dedup();
    all
}

/// What was seen of one commit until now. The clock is any that does not jump.
#[derive(Debug, Default)]
pub struct CiWatch {
    begun_ms: Option<i64>,
    statuses: Vec<CommitStatus>,
    changed_ms: i64,
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CiLook {
    /// These are waited for.
    Waits(Vec<String>),
    /// This counts from now on.
    Ended {
        /// Green, red or not known.
        outcome: CheckOutcome,
        /// What the red one says of itself.
        excerpt: String,
    },
}

impl CiWatch {
    /// What `statuses` say at `now_ms`. `server` names who has them; what nobody has said anything about for `appear_ms` is
    /// not known.
    pub fn see(
        &mut self,
        server: &str,
        statuses: Vec<CommitStatus>,
        required: &[String],
        appear_ms: i64,
        now_ms: i64,
    ) -> CiLook {
        let begun = *self.begun_ms.get_or_insert(now_ms);
        if begun == now_ms || statuses != self.statuses {
            (self.statuses, self.changed_ms) = (statuses, now_ms);
        }
        let silent = now_ms - self.changed_ms >= appear_ms;
        let open = match combine(&self.statuses, required) {
            CiVerdict::Green => return ended(CheckOutcome::Passed, String::new()),
            CiVerdict::Red(status) => return red(server, &status),
            CiVerdict::Open(open) => open,
        };
        let minutes = appear_ms / 60_000;
        if required.is_empty() && silent {
            return unknown(format!(
                "nobody says which statuses of {server} have to be green: name them in [check] required of .orch/orch.toml, or \
                 let the protection of the base branch ask for them"
            ));
        }
        let runs = self.statuses.iter().any(|status| status.state == StatusState::Pending && !status.is_own());
        let there = |pattern: &String| self.statuses.iter().any(|status| fits(pattern, &status.context));
        let absent: Vec<_> = open.iter().filter(|context| !there(context)).cloned().collect();
        if silent && !runs && !absent.is_empty() {
            return unknown(format!(
                "{server} has no status {} of it, and nothing new for {minutes} minutes: does its CI run for this branch?",
                absent.join(", ")
            ));
        }
        if now_ms - begun >= LONGEST_MS {
            return unknown(format!("{server} still says that {} runs; does anybody work on it?", open.join(", ")));
        }
        CiLook::Waits(open)
    }
}

fn ended(outcome: CheckOutcome, excerpt: String) -> CiLook {
    CiLook::Ended { outcome, excerpt }
}

fn unknown(reason: String) -> CiLook {
    ended(CheckOutcome::Unknown { reason }, String::new())
}

fn red(server: &str, status: &CommitStatus) -> CiLook {
    let CommitStatus { context, state, description, address } = status;
    let reason = format!("{server} says {} of {context}", state.as_str());
    let words = [format!("{context}: {}", state.as_str()), description.clone(), address.clone()];
    let words: Vec<_> = words.into_iter().filter(|line| !line.trim().is_empty()).collect();
    ended(CheckOutcome::Failed { reason }, words.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const APPEAR: i64 = 10 * MINUTE;

    fn status(context: &str, state: &str) -> CommitStatus {
        let (context, state) = (context.to_owned(), state.to_owned().into());
        CommitStatus {
            context,
            state,
            description: "2 of 3".to_owned(),
            address: "https://ci.example.org/7".to_owned(),
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// Each step: minute, statuses; what was said at each.
    fn told(required: &[&str], steps: &[(i64, &[(&str, &str)])]) -> Vec<String> {
        let mut watch = CiWatch::default();
        let mut see = |(minute, statuses): &(i64, &[(&str, &str)])| {
            let statuses = statuses.iter().map(|(context, state)| status(context, state)).collect();
            match watch.see("git.example.org", statuses, &names(required), APPEAR, minute * MINUTE) {
                CiLook::Waits(open) => format!("waits {}", open.join(" ")),
                CiLook::Ended { outcome: CheckOutcome::Passed, .. } => "green".to_owned(),
                CiLook::Ended { outcome: CheckOutcome::Failed { reason }, excerpt } => format!("{reason} | {excerpt}"),
                CiLook::Ended { outcome: CheckOutcome::Unknown { reason }, .. } => reason,
            }
        };
        steps.iter().map(&mut see).collect()
    }

    #[test]
    fn the_quick_one_that_is_first_is_not_enough() {
        let quick: &[_] = &[("lint", "success")];
        let said = told(&["lint", "slow"], &[(0, &[]), (1, quick), (2, &[("lint", "success"), ("slow", "success")])]);
        assert_eq!(said, ["waits lint slow", "waits slow", "green"]);
    }

    #[test]
    fn red_counts_at_once_and_says_where_to_read_more() {
        let said = told(&["lint", "slow"], &[(0, &[("lint", "failure"), ("slow", "pending")])]);
        let words = "git.example.org says failure of lint | lint: failure\n2 of 3\nhttps://ci.example.org/7";
        assert_eq!(said, [words]);
    }

    #[test]
    fn what_never_appears_is_not_known_and_what_runs_is_waited_for() {
        let said = told(&["test"], &[(3, &[]), (12, &[]), (13, &[])]);
        assert_eq!(said[..2], ["waits test", "waits test"]);
        assert!(said[2].starts_with("git.example.org has no status test of it"), "{said:?}");
        // One job after the other: each piece of news begins the time anew, and so does the restart of whoever waits.
        let build: &[_] = &[("build", "success")];
        let said = told(&["build", "test"], &[(0, &[("build", "pending")]), (60, build), (69, build), (70, build)]);
        assert_eq!(said[..3], ["waits build test", "waits test", "waits test"]);
        assert!(said[3].contains("no status test of it"), "{said:?}");
        let runs: &[_] = &[("test", "pending")];
        let said = told(&["test"], &[(0, runs), (359, runs), (360, runs)]);
        assert_eq!(said[..2], ["waits test", "waits test"]);
        assert!(said[2].contains("still says that test runs"), "{said:?}");
    }

    #[test]
    fn without_a_name_nothing_is_green() {
        let said = told(&[], &[(0, &[("lint", "success")]), (10, &[("lint", "success")])]);
        assert_eq!(said[0], "waits ");
        assert!(said[1].contains("[check] required"), "{said:?}");
    }

    #[test]
    fn what_is_named_counts_before_what_was_seen() {
        let seen = [status("b", "success"), status("a", "failure"), status("orchestrion/check", "success")];
        assert_eq!(required(&names(&["x"]), &names(&["y", "x"]), &seen), names(&["x", "y"]));
        assert_eq!(required(&[], &names(&["y"]), &seen), names(&["y"]));
        assert_eq!(required(&[], &[], &seen), names(&["a", "b"]));
        assert_eq!(required(&[], &[], &[]), names(&[]));
    }
}
