//! A short piece of the simulator, the same on every run: `cargo run --release -p orch-rules --example simulate` is
//! the long one.

use crate::world::random::{Seen, Simulation};

#[test]
fn random_histories_keep_every_promise_and_come_to_an_end() {
    let mut seen = Seen::default();
    for seed in 1..=8 {
        let mut simulation = Simulation::new(seed, seen);
        simulation.run().unwrap_or_else(|what| panic!("seed {seed}, {what}"));
        seen = simulation.seen;
    }
    assert!(seen.decisions > 5_000, "{seen:?}");
    assert!(seen.ends.get("done").copied().unwrap_or(0) > 20, "{seen:?}");
    for name in ["new", "still open", "resolved", "holds", "new_patch", "new_code", "sent_back", "new_candidate"] {
        assert!(seen.findings.contains_key(name), "nothing was {name}: {:?}", seen.findings);
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let run = || {
        let mut simulation = Simulation::new(77, Seen::default());
        simulation.run().unwrap_or_else(|what| panic!("seed 77, {what}"));
        format!("{:?} {:?}", simulation.seen, simulation.world.tasks)
    };
    assert_eq!(run(), run());
}
