//! A production that does as it likes: what the deploy line does over random histories of landings, hooks that lie, hang,
//! die and act late, words that come twice, and people who are slow.

mod world;

use std::collections::BTreeMap;

use orch_rules::deploy::line::{DeployLine, TargetSettings};
use orch_rules::deploy::looks::Seen;
use orch_rules::deploy::{Deployment, Deploys, HookEnd, Running};
use orch_rules::ids::{CommitId, RepositoryId, Timestamp};

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

#[test]
fn what_is_brought_is_watched_for_its_while_and_not_what_was_adopted() {
    let (mut line, web, offers) =
        (DeployLine::of("web".into()), RepositoryId::from("web"), TargetSettings { rollback: true });
    let one = Deployment::of("d1".into(), "web".into(), web.clone()).bringing("c1".into(), Deploys::Change);
    line.join(one);
    let (id, never) = ("d1".into(), |_: &CommitId, _: &CommitId| false);
    let watched = |line: &DeployLine, at: i64| line.bakes(1_000, Timestamp(at)).map(|one| one.id.to_string());
    assert_eq!(watched(&line, 0), None, "nothing runs");
    let number = line.begin(&id, &never, Timestamp(0)).unwrap();
    line.hook_ended(&id, number, HookEnd::Exited { code: 0 }, offers, Timestamp(1));
    assert_eq!(watched(&line, 1), None, "it is looked at as what was just brought");
    line.looked(&id, number, Seen::Candidate, offers, Timestamp(10));
    assert_eq!(watched(&line, 1_009).as_deref(), Some("d1"));
    assert_eq!(watched(&line, 1_010), None, "its while is over");
    let known: Running = line.running(&web).unwrap().clone();
    line.adopt(&web, Running { revision: "by hand".to_owned(), candidate: "by hand".into(), ..known });
    assert_eq!(watched(&line, 20), None, "who brought what answers is not known");
}
