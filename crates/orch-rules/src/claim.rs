//! What a task was sent back for. Each claim stands until it is answered: none takes another's place.

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, StageId};

/// What was found wrong, by whom, and not yet answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What it is.
    pub kind: ClaimKind,
    /// The stage it came from; it is answered when that stage is green.
    pub from: StageId,
    /// What the next attempt is told, verbatim.
    pub text: String,
    /// The task's head then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<CommitId>,
}

/// Kinds of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// What a review found.
    Findings,
    /// A review that found nothing that could be handed on, or was not to be had.
    Review,
    /// A person's words.
    Person,
    /// Tests that are red.
    Tests,
    /// The base branch changed the same lines, or is red together with the change.
    Conflict,
    /// Protected paths that a person does not grant.
    Protected,
    /// Another gate.
    Gate,
    /// The run itself failed.
    Run,
    /// It did not run where it was deployed.
    Deploy,
}

impl ClaimKind {
    /// Whether only another change answers it.
    pub fn wants_a_change(self) -> bool {
        matches!(self, Self::Findings | Self::Person | Self::Tests | Self::Conflict | Self::Protected | Self::Deploy)
    }

    /// Whether the next word of the same stage takes its place, whatever that is about.
    fn is_of_the_moment(self) -> bool {
        matches!(self, Self::Review | Self::Tests | Self::Gate | Self::Run | Self::Deploy)
    }
}

/// Adds a claim to those that stand.
pub fn add(claims: &mut Vec<Claim>, new: Claim) {
    claims.retain(|old| old.from != new.from || (old.kind != new.kind && !old.kind.is_of_the_moment()));
    claims.push(new);
}

/// All of them as the next attempt reads them, the newest first.
pub fn told(claims: &[Claim]) -> String {
    let many = claims.len();
    match claims {
        [] => String::new(),
        [one] => one.text.clone(),
        all => {
            let told =
                all.iter().rev().enumerate().map(|(at, claim)| {
                    format!("{} of {many}, from {}:\n\n{}", at + 1, claim.from, claim.text.trim_end())
                });
            format!("All of this is open; answer each.\n\n{}", told.collect::<Vec<_>>().join("\n\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(kind: ClaimKind, from: &str, text: &str) -> Claim {
        Claim { kind, from: StageId::from(from), text: text.to_owned(), head: None }
    }

    #[test]
    fn each_stands_until_its_own_stage_says_something_else() {
        use ClaimKind::{Conflict, Findings, Gate, Person, Review, Tests};
        let mut claims = Vec::new();
        let mut say = |kind, from: &str, text: &str| {
            add(&mut claims, claim(kind, from, text));
            claims.iter().map(|claim| claim.text.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(say(Person, "development", "person"), "person");
        assert_eq!(say(Findings, "review", "P0"), "person P0");
        assert_eq!(say(Tests, "development", "red"), "person P0 red");
        assert_eq!(say(Gate, "development", "nothing"), "person P0 nothing", "the stage says another thing now");
        assert_eq!(
            say(Review, "review", "no review"),
            "person P0 nothing no review",
            "nobody has said that P0 is gone"
        );
        assert_eq!(say(Findings, "review", "P1"), "person nothing P1");
        assert_eq!(say(Conflict, "landing", "conflict"), "person nothing P1 conflict");
        let told = told(&claims);
        assert!(
            told.contains("1 of 4, from landing:\n\nconflict") && told.contains("4 of 4, from development:\n\nperson")
        );
    }

    #[test]
    fn a_single_one_is_told_verbatim() {
        assert_eq!(told(&[claim(ClaimKind::Person, "review", "Do it.\n")]), "Do it.\n");
        assert_eq!(told(&[]), "");
    }
}
