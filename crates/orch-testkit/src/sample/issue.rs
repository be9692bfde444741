//! Issues for the project: what is asked, what the developer does about it, and the test that proves it.

use serde::Deserialize;

use crate::scripted_agent::{Act, Play, Script};

/// One issue. Read from a file of the crate's folder `sample/issues`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issue {
    /// As given to `orch new`.
    pub title: String,
    /// Markdown.
    pub description: String,
    /// A test file the developer adds: it fails on the commit before and passes after.
    pub proof: String,
    /// What to say if the analyst asks.
    #[serde(default)]
    pub answer: Option<String>,
    /// What the roles do; those that are not named do their default.
    #[serde(rename = "act")]
    pub acts: Vec<Act>,
}

impl Issue {
    /// The play of this issue.
    pub fn play(&self) -> Play {
        Play { title: self.title.clone(), acts: self.acts.clone() }
    }

    /// The proof as an argument of `cargo test --test`.
    pub fn proof_name(&self) -> &str {
        self.proof.trim_start_matches("tests/").trim_end_matches(".rs")
    }
}

/// Two issues that go straight through. They change different places: both land, one after the other.
pub fn plain_pair() -> [Issue; 2] {
    [
        read(include_str!("../../sample/issues/longest_line.toml")),
        read(include_str!("../../sample/issues/punctuation.toml")),
    ]
}

/// The demo's issues, one for each thing that happens to issues. Whatever the order in which they land, each one's
/// wish holds in the end.
pub fn demo_issues() -> Vec<Issue> {
    let [straight, _] = plain_pair();
    let [first, second] = conflicting_pair();
    vec![straight, sent_back(), red_first(), first, second, with_a_question(), protected()]
}

/// Two issues whose developers change the same lines. Whoever lands second is sent back with the conflict, merges main
/// and keeps both wishes.
pub fn conflicting_pair() -> [Issue; 2] {
    [read(include_str!("../../sample/issues/capitals.toml")), read(include_str!("../../sample/issues/tabs.toml"))]
}

/// An issue whose first delivery is rejected by the review (P0) and whose second is approved.
pub fn sent_back() -> Issue {
    read(include_str!("../../sample/issues/paragraphs.toml"))
}

/// An issue whose first delivery does not pass its own test.
pub fn red_first() -> Issue {
    read(include_str!("../../sample/issues/longest_word.toml"))
}

/// An issue whose analyst asks something; what the developer builds says what the person answered. Its first delivery is
/// green and does not run where it is deployed.
pub fn with_a_question() -> Issue {
    read(include_str!("../../sample/issues/heading.toml"))
}

/// An issue whose developer has to change [`PROTECTED`].
pub fn protected() -> Issue {
    read(include_str!("../../sample/issues/version.toml"))
}

/// A file of the project that a project may well protect: it says what is built, and from what.
pub const PROTECTED: &str = "Cargo.toml";

/// The script that plays these issues.
pub fn script(issues: &[Issue]) -> Script {
    Script { plays: issues.iter().map(Issue::play).collect() }
}

fn read(text: &str) -> Issue {
    toml::from_str(text).expect("the issue files are part of the program, and a test reads each of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_issue_reads_and_is_told_apart() {
        let issues: Vec<Issue> = demo_issues().into_iter().chain(plain_pair()).collect();
        let script = script(&issues);
        for issue in &issues {
            assert!(issue.description.len() > 40 && issue.proof.starts_with("tests/"), "{}", issue.title);
            assert_eq!(script.play(&issue.title), Some(&issue.play()));
        }
    }
}
