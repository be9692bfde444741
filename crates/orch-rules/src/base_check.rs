//! Whether the base branch itself is green: tested once for each of its commits, before an agent is paid for work on it.
//! What lands here was tested as exactly that commit; so this is for what came from elsewhere.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::check::CheckOutcome;
use crate::ids::{CommitId, RepositoryId, Timestamp};

/// The first pause before a commit is tested again of which nothing could be told; each further one is twice as long.
const PAUSE_MS: i64 = 60_000;
/// The longest of these pauses.
const LONGEST_MS: i64 = 3_600_000;

/// What is known of a base branch's tests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseTests {
    /// The newest commit that is green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green: Option<CommitId>,
    /// The newest commit that was tested and is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_green: Option<NotGreen>,
    /// A commit that the forge's CI says is red: told, and in nobody's way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_red: Option<CiRed>,
}

/// A commit of the base branch on which the forge's CI is red.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CiRed {
    /// Which.
    pub commit: CommitId,
    /// Who says so, and of what.
    pub reason: String,
}

/// A commit that was tested, and is red or of which nothing can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotGreen {
    /// Which.
    pub commit: CommitId,
    /// How it ended; never [`CheckOutcome::Passed`].
    pub outcome: CheckOutcome,
    /// The last line that the tests printed; may be empty.
    pub last_words: String,
    /// So often it was tried.
    pub tries: u32,
    /// When it was tried last.
    pub at: Timestamp,
    /// Who lets work begin on it all the same, so that a task can mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<Actor>,
}

impl BaseTests {
    /// Nothing was tested yet.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Nothing is known of this tip.
    pub fn is_news(&self, tip: &CommitId) -> bool {
        self.green.as_ref() != Some(tip) && self.found(tip).is_none()
    }

    /// From when on this tip is to be tested; `None`: it needs no test. Red stays red: another commit mends it. What could
    /// not be told may have been the machine's or the network's.
    pub fn due(&self, tip: &CommitId) -> Option<Timestamp> {
        if self.green.as_ref() == Some(tip) {
            return None;
        }
        match self.found(tip) {
            None => Some(Timestamp(0)),
            Some(NotGreen { outcome: CheckOutcome::Unknown { .. }, tries, at, .. }) => {
                let doubled = PAUSE_MS.saturating_mul(1 << tries.saturating_sub(1).min(16));
                Some(at.plus_ms(doubled.min(LONGEST_MS)))
            }
            Some(_) => None,
        }
    }

    /// How a test of a commit ended.
    pub fn tested(&mut self, commit: &CommitId, outcome: CheckOutcome, last_words: String, at: Timestamp) {
        if outcome == CheckOutcome::Passed {
            self.green = Some(commit.clone());
            self.not_green = None;
            return;
        }
        let (tries, accepted_by) =
            self.found(commit).map_or((0, None), |before| (before.tries, before.accepted_by.clone()));
        let commit = commit.clone();
        self.not_green = Some(NotGreen { commit, outcome, last_words, tries: tries + 1, at, accepted_by });
    }

    /// A person lets work begin on this tip although it is not green; false: nothing is known against it.
    pub fn accept(&mut self, tip: &CommitId, by: &Actor) -> bool {
        let found = self.not_green.as_mut().filter(|found| found.commit == *tip);
        found.map(|found| found.accepted_by = Some(by.clone())).is_some()
    }

    /// What people are to know of a tip that work may begin on, in words.
    pub fn notice(&self, branch: &str, tip: &CommitId) -> Option<String> {
        if let Some(red) = self.ci_red.as_ref().filter(|red| red.commit == *tip) {
            let short: String = tip.as_str().chars().take(10).collect();
            let way_out = "nothing is taken back by itself: have it mended, or freeze the repository (orch freeze)";
            return Some(format!("{branch} is red at {short}: {}; {way_out}", red.reason));
        }
        self.found(tip)?.accepted_by.as_ref()?;
        let short: String = tip.as_str().chars().take(10).collect();
        Some(format!(
            "{branch} is not green at {short}, and a person lets work begin on it all the same: only what mends it can land"
        ))
    }

    /// That the first tip is being tested, in words: nothing is wrong, and it passes by itself. `None` if it is not so.
    pub fn not_yet(&self, branch: &str, tip: &CommitId) -> Option<String> {
        if self.green.is_some() || self.found(tip).is_some() {
            return None;
        }
        let short: String = tip.as_str().chars().take(10).collect();
        Some(format!("{branch} at {short} is being tested, once, before the first agent is paid for work on it"))
    }

    /// Why nobody is to work on this tip, in words for people; `None` if there is no reason. While a tip is tested that came
    /// upon a green one, work goes on: most of them are green.
    pub fn trouble(&self, repository: &RepositoryId, branch: &str, tip: &CommitId) -> Option<String> {
        if self.green.as_ref() == Some(tip) {
            return None;
        }
        let short: String = tip.as_str().chars().take(10).collect();
        let Some(found) = self.found(tip) else { return self.not_yet(branch, tip) };
        if found.accepted_by.is_some() {
            return None;
        }
        let words = match (&found.outcome, found.last_words.as_str()) {
            (_, "") => String::new(),
            // A set-up tells its own.
            (CheckOutcome::Unknown { reason } | CheckOutcome::Failed { reason }, _)
                if reason.contains("its last words: ") =>
            {
                String::new()
            }
            (_, words) => format!("; its last words: {words}"),
        };
        Some(match &found.outcome {
            CheckOutcome::Unknown { reason } => format!(
                "whether {branch} at {short} is green cannot be told: {reason}{words}; orch check shows it whole; it is \
                 tried again by itself"
            ),
            CheckOutcome::Failed { reason } => format!(
                "{branch} itself is red at {short}: {reason}{words}; orch check shows it whole; mend {branch}, and what \
                 waits goes on; to have an issue mend it: orch resume --red-base {repository}"
            ),
            CheckOutcome::Passed => return None,
        })
    }

    fn found(&self, tip: &CommitId) -> Option<&NotGreen> {
        self.not_green.as_ref().filter(|found| found.commit == *tip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn unknown() -> CheckOutcome {
        CheckOutcome::Unknown { reason: "no network".to_owned() }
    }

    fn red() -> CheckOutcome {
        CheckOutcome::Failed { reason: "exit code 1".to_owned() }
    }

    #[test]
    fn the_first_tip_is_waited_for_and_later_ones_only_if_they_are_bad() {
        let (first, second) = (CommitId::from("aaaaaaaaaaaa"), CommitId::from("bbb"));
        let mut tests = BaseTests::default();
        assert!(tests.is_news(&first) && tests.due(&first) == Some(Timestamp(0)));
        assert!(
            tests.trouble(&"shop".into(), "main", &first).unwrap().starts_with("main at aaaaaaaaaa is being tested")
        );
        assert!(tests.not_yet("main", &first).is_some());
        tests.tested(&first, CheckOutcome::Passed, String::new(), NOW);
        assert!(tests.not_yet("main", &first).is_none() && tests.not_yet("main", &second).is_none());
        assert!(
            !tests.is_news(&first)
                && tests.due(&first).is_none()
                && tests.trouble(&"shop".into(), "main", &first).is_none()
        );
        assert_eq!(tests.due(&second), Some(Timestamp(0)));
        assert_eq!(tests.trouble(&"shop".into(), "main", &second), None, "it is tested beside the work");
        tests.tested(&second, red(), "1 failed".to_owned(), NOW);
        let words = tests.trouble(&"shop".into(), "main", &second).unwrap();
        assert!(words.starts_with("main itself is red at bbb: exit code 1; its last words: 1 failed;"), "{words}");
        assert_eq!(tests.due(&second), None, "red stays red");
        assert_eq!(tests.trouble(&"shop".into(), "main", &first), None, "it was taken back");
        let third = CommitId::from("ccc");
        assert!(tests.is_news(&third) && tests.trouble(&"shop".into(), "main", &third).is_none());
        tests.tested(&third, CheckOutcome::Passed, String::new(), NOW);
        assert_eq!(tests, BaseTests { green: Some(third.clone()), ..BaseTests::default() });
        tests.ci_red = Some(CiRed { commit: third.clone(), reason: "ci.example.org says failure of test".to_owned() });
        assert!(tests.notice("main", &third).unwrap().contains("red at ccc: ci.example.org says failure of test"));
        assert!(tests.notice("main", &first).is_none() && tests.trouble(&"shop".into(), "main", &third).is_none());
    }

    #[test]
    fn what_could_not_be_told_is_tried_again_with_growing_pauses() {
        let tip = CommitId::from("aaa");
        let mut tests = BaseTests::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            tests.tested(&tip, unknown(), String::new(), NOW);
            pauses.push((tests.due(&tip).unwrap().0 - NOW.0) / 60_000);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(
            tests.trouble(&"shop".into(), "main", &tip).unwrap().contains("cannot be told: no network; orch check")
        );
        let reason = "the set-up failed; its last words: no such registry; see [setup]".to_owned();
        tests.tested(&tip, CheckOutcome::Unknown { reason }, "== set-up failed: exit code 4".to_owned(), NOW);
        let words = tests.trouble(&"shop".into(), "main", &tip).unwrap();
        assert_eq!(words.matches("its last words").count(), 1, "{words}");
        tests.not_green.as_mut().unwrap().tries = u32::MAX;
        assert!(tests.due(&tip).is_some(), "no number of tries is too much");
    }

    #[test]
    fn a_row_reads_back_and_one_without_them_too() {
        let mut tests = BaseTests::default();
        assert_eq!(serde_json::from_str::<BaseTests>("{}").unwrap(), tests);
        tests.tested(&"aaa".into(), red(), "x".to_owned(), NOW);
        let row = serde_json::to_string(&tests).unwrap();
        assert_eq!(serde_json::from_str::<BaseTests>(&row).unwrap(), tests);
    }
}
