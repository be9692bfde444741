//! A production that does as it likes: what the deploy line does over random histories of landings, hooks that lie, hang,
//! die and act late, words that come twice, and people who are slow.

mod world;

use std::collections::BTreeMap;

use orch_rules::ids::RepositoryId;

use world::{REPOSITORIES, World};

/// Histories that are played, unless `ORCH_TEST_HISTORIES` says how many.
const HISTORIES: u64 = 10_000;
/// Histories within which a rule that is not kept has to be missed.
const MISSED_WITHIN: u64 = 2_000;
/// Steps with landings and trouble; then people act and nothing new goes wrong.
const STEPS: u32 = 120;

/// A rule that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// Our looks decide: the exit code does.
    Looks,
    /// A launch of a known name starts nothing: whoever died before it was noted starts another one.
    Once,
    /// What holds what does not run waits for its revert: everything passes.
    Hold,
    /// A restart adopts: what is not in its memory has failed.
    Adopt,
    /// Nothing is believed before what a hook may still do is over.
    Settle,
    /// What was stopped before its turn is reverted: it stays where it is.
    Stop,
    /// What else runs holds the line.
    Drift,
    /// What does not run and stays is mended: nothing comes.
    Mend,
}

impl Without {
    pub const ALL: [Self; 8] =
        [Self::Looks, Self::Once, Self::Hold, Self::Adopt, Self::Settle, Self::Stop, Self::Drift, Self::Mend];
}

/// Plays a history to its end.
fn play(seed: u64, without: Option<Without>) -> BTreeMap<&'static str, u32> {
    let mut world = World::new(seed, without);
    for step in 0..STEPS * 5 {
        world.quiet = step >= STEPS;
        match world.random.below(8) {
            0 if !world.quiet => world.land(),
            1 => world.person(),
            2 if !world.quiet && world.random.one_in(6) => world.by_hand(),
            _ => world.turn(),
        }
    }
    for one in &world.line.deployments {
        assert!(one.state.is_over(), "seed {seed}: {} is {} for ever\n{}", one.id, one.state.name(), world.shown());
    }
    for repository in REPOSITORIES.map(RepositoryId::from) {
        if let Some(runs) = world.line.running(&repository) {
            assert_eq!(world.well(&repository).as_ref(), Some(&runs.candidate), "seed {seed}: what we believe runs");
        }
    }
    world.seen
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how many histories is asked of whoever runs them")]
fn histories_of_a_target_that_two_repositories_share() {
    let mut all: BTreeMap<&str, u32> = BTreeMap::new();
    let asked = std::env::var_os("ORCH_TEST_HISTORIES").and_then(|many| many.to_str()?.parse().ok());
    for seed in 0..asked.unwrap_or(HISTORIES) {
        for (what, times) in play(seed, None) {
            *all.entry(what).or_default() += times;
        }
    }
    for what in ["delivered", "revert", "mend", "ahead", "again", "broken", "doubt", "stopped", "by hand"] {
        assert!(all.get(what).is_some_and(|times| *times > 100), "{what} hardly ever happened: {all:?}");
    }
}

#[test]
fn each_rule_of_the_line_is_needed() {
    for rule in Without::ALL {
        let is_missed = |seed| std::panic::catch_unwind(|| play(seed, Some(rule))).is_err();
        assert!((0..MISSED_WITHIN).any(is_missed), "nobody misses the rule {rule:?}");
    }
}
